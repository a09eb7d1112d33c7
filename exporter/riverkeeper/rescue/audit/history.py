"""What the audit tells: for the page, for `history` and for `report`."""

from __future__ import annotations

from dataclasses import dataclass

from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.rescue.audit.audited import Audited
from riverkeeper.rescue.audit.outcome import DRY_WATCH_SECONDS, WATCH_SECONDS
from riverkeeper.rescue.audit.report import Tally
from riverkeeper.rescue.wakes.wake import Scope


@dataclass(frozen=True, slots=True)
class Rescues:
    """The newest rescues that a question found."""

    rows: tuple[Audited, ...]
    now: float  # the database's clock


def read_rescues(tx: Transaction, scope: Scope, shown: int, job_id: int | None = None) -> Rescues:
    """Newest first, dry runs among them. Raises DatabaseError."""
    now = tx.query("river/open_transaction")[0].now
    values = {
        "queue": scope.queue, "kind": scope.kind, "tier": scope.tier, "reason": scope.reason,
        "job_id": job_id, "shown": shown,
    }  # fmt: skip
    return Rescues(tuple(_audited(row) for row in tx.find("rescue/audit/read_rescues", values)), now)


def read_report(tx: Transaction, since: float) -> tuple[Tally, ...]:
    """Claims of the last `since` seconds by tier, kind and whether they were dry runs. Raises DatabaseError."""
    return tuple(
        Tally(
            row.tier,
            row.kind,
            row.dry_run,
            row.claims,
            row.false_ones,
            row.right_ones,
            row.open,
            row.rated,
            row.rated_false,
        )
        for row in tx.query(
            "rescue/audit/read_report", {"since": since, "live": WATCH_SECONDS, "dry": DRY_WATCH_SECONDS}
        )
    )


def _audited(row: Row) -> Audited:
    return Audited(
        row.id, row.at, row.dry_run, row.job_id, row.attempt, row.queue, row.kind, row.tier, row.reason, row.action,
        row.state_after, row.scheduled_at, row.evidence if isinstance(row.evidence, dict) else {}, row.woken_by,
        row.late_seconds, row.old_worker, row.old_worker_at, row.old_outcome, row.closed_at, row.was_false,
    )  # fmt: skip
