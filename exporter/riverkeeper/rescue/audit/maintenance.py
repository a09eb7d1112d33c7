"""What the active replica does beside passes: follows up previous workers, counts late results, prunes the audit."""

from __future__ import annotations

from collections import Counter

from riverkeeper.heartbeat.clock import lease_clock
from riverkeeper.rescue.audit.follow_up import Late, follow
from riverkeeper.rescue.connection import RescueConnection
from riverkeeper.rescue.rules import Rules

FOLLOW_SECONDS = 5.0  # between two looks at the open rows: a beat comes every ten seconds
PRUNE_SECONDS = 600.0  # between two prunings, a thousand rows each
CHORE_SECONDS = 3.0  # for one of them


class Chores:
    """Each when it is due, in a short transaction of its own."""

    def __init__(self) -> None:
        self._after = 0
        self._followed_at = self._pruned_at = self._counted_at = float("-inf")

    def do(self, ground: RescueConnection, rules: Rules) -> tuple[Late, ...]:
        """The rescues that proved false just now. Raises DatabaseError."""
        now = lease_clock()
        late: tuple[Late, ...] = ()
        if self._after or now - self._followed_at >= FOLLOW_SECONDS:
            late = self._follow(ground)
            self._followed_at = now
        if now - self._pruned_at >= PRUNE_SECONDS:
            self._pruned_at = now
            with ground.writing(CHORE_SECONDS) as tx:
                tx.query("rescue/audit/prune_audit", {"retention": rules.audit_retention})
                tx.query("rescue/audit/prune_late_results", {"retention": rules.audit_retention})
        return late

    def count_late_results(self, ground: RescueConnection) -> Counter[tuple[str, str, str]]:
        """Results that the fence dropped since the last count, by queue, kind and outcome. Raises DatabaseError."""
        now = lease_clock()
        if now - self._counted_at < FOLLOW_SECONDS:
            return Counter()
        self._counted_at = now
        with ground.writing(CHORE_SECONDS) as tx:
            rows = tx.query("rescue/audit/count_late_results")
        return Counter((row.queue, row.kind, row.outcome) for row in rows)

    def _follow(self, ground: RescueConnection) -> tuple[Late, ...]:
        with ground.writing(CHORE_SECONDS) as tx:
            followed = follow(tx, self._after)
        self._after = followed.next_after
        return followed.late
