"""Follows up rescues: finds the outcome of each, writes whether it was false, counts late results, prunes the audit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from riverkeeper.config.policy import Policy
from riverkeeper.heartbeat.leases import lease_clock
from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.rescue.audit.outcome import FollowUpFacts, PreviousWorker, RescueOutcome, judge_outcome
from riverkeeper.rescue.connection import RescueConnection
from riverkeeper.rescue.decision import Act
from riverkeeper.verdict.verdict import Reason

MOST_ROWS = 1_000  # in one transaction
FOLLOW_UP_SECONDS = 5.0  # between two reads of the open rows: a beat comes every ten seconds
PRUNE_SECONDS = 600.0  # between two prunings, a thousand rows each
TRANSACTION_SECONDS = 3.0  # for one transaction of the maintenance


@dataclass(frozen=True, slots=True)
class FalseRescue:
    """A rescue that proved false just now: the previous worker was alive. In a dry run, one that would have been."""

    queue: str
    kind: str
    reason: Reason
    dry_run: bool
    previous_worker: PreviousWorker


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What one transaction found; `next_after` is the id after which the next one continues, 0 at the end."""

    false_rescues: tuple[FalseRescue, ...]
    next_after: int


class AuditMaintenance:
    """What the active replica does beside passes. Each task runs when it is due, in a short transaction of its own."""

    def __init__(self) -> None:
        self._after = 0
        self._followed_up_at = self._pruned_at = self._counted_at = float("-inf")

    def run(self, connection: RescueConnection, policy: Policy) -> tuple[FalseRescue, ...]:
        """Follow up and prune. Returns the rescues that proved false just now. Raises DatabaseError."""
        now = lease_clock()
        found: tuple[FalseRescue, ...] = ()
        if self._after or now - self._followed_up_at >= FOLLOW_UP_SECONDS:
            found = self._follow_up(connection)
            self._followed_up_at = now
        if now - self._pruned_at >= PRUNE_SECONDS:
            self._pruned_at = now
            with connection.writing(TRANSACTION_SECONDS) as tx:
                tx.query("rescue/audit/prune_audit", {"retention": policy.rescue.audit_retention})
                tx.query("rescue/audit/prune_late_results", {"retention": policy.rescue.audit_retention})
        return found

    def count_late_results(self, connection: RescueConnection) -> Counter[tuple[str, str, str]]:
        """Results that the fence dropped since the last count, by queue, kind and outcome. Raises DatabaseError."""
        now = lease_clock()
        if now - self._counted_at < FOLLOW_UP_SECONDS:
            return Counter()
        self._counted_at = now
        with connection.writing(TRANSACTION_SECONDS) as tx:
            rows = tx.query("rescue/audit/count_late_results")
        return Counter((row.queue, row.kind, row.outcome) for row in rows)

    def _follow_up(self, connection: RescueConnection) -> tuple[FalseRescue, ...]:
        with connection.writing(TRANSACTION_SECONDS) as tx:
            found = follow_up(tx, self._after)
        self._after = found.next_after
        return found.false_rescues


def follow_up(tx: Transaction, after: int = 0, most: int = MOST_ROWS) -> FollowUp:
    """Find the outcome of open rows from id `after` on, at most `most`, in a writing transaction. Raises DatabaseError.

    Each false rescue is reported once, by the replica whose transaction commits.
    """
    rows = tx.query("rescue/audit/read_open", {"after": after, "most": most})
    judged = [(row, judge_outcome(_facts_of(row))) for row in rows]
    news = [(row, outcome) for row, outcome in judged if _is_news(row, outcome)]
    written = _write(tx, [(row.id, outcome) for row, outcome in news])
    false_rescues = (
        FalseRescue(row.queue, row.kind, Reason(row.reason), row.dry_run, outcome.previous_worker)
        for row, outcome in news
        if row.id in written and row.was_false is not True and outcome.was_false and outcome.previous_worker
    )
    return FollowUp(tuple(false_rescues), rows[-1].id if len(rows) == most else 0)


def _facts_of(row: Row) -> FollowUpFacts:
    return FollowUpFacts(
        dry_run=row.dry_run,
        reason=Reason(row.reason),
        act=Act(row.action),
        at=row.at,
        now=row.now,
        beats=row.beats,
        ended_at=row.ended_at,
        outcome=row.outcome,
        worker_beat_at=row.worker_beat_at,
        state=row.state,
        is_claim=bool(row.is_claim),
        is_rescued=bool(row.is_rescued),
        leased=row.leased,
        late_at=row.late_at,
        late_outcome=row.late_outcome,
        written_outcome=row.written_outcome,
    )


def _is_news(row: Row, outcome: RescueOutcome) -> bool:
    if row.closed_at is not None:  # read again because of a late result
        return bool(outcome.was_false) and row.was_false is not True
    return outcome.closed or (outcome.previous_worker is not None and outcome.previous_worker != row.old_worker)


def _write(tx: Transaction, news: Sequence[tuple[int, RescueOutcome]]) -> set[int]:
    """The ids that were written: another replica may have written a row meanwhile."""
    if not news:
        return set()
    values = {
        "ids": [row_id for row_id, _ in news],
        "old_workers": [outcome.previous_worker for _, outcome in news],
        "ats": [outcome.at for _, outcome in news],
        "outcomes": [outcome.work for _, outcome in news],
        "closed": [outcome.closed for _, outcome in news],
        "was_false": [outcome.was_false for _, outcome in news],
    }
    return {row.id for row in tx.query("rescue/audit/write_outcomes", values)}
