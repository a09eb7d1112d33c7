"""The two locks of a rescue, always in this order: the heartbeat row, or the tombstone in its place; then the job."""

from __future__ import annotations

from uuid import UUID

from riverkeeper.database import Transaction
from riverkeeper.rescue.locked import locked, metadata_beat, table_beat
from riverkeeper.rescue.plan import Locked
from riverkeeper.rescue.refusal import Refusal, Refused
from riverkeeper.verdict.job import Beat, Claim


def lock_beat(tx: Transaction, claim: Claim, keeper: UUID) -> Beat | Refused | None:
    """The locked heartbeat row; None where there was none, and a tombstone now keeps a first beat out.

    A row that somebody else has locked is being beaten, settled or taken away just now. Raises DatabaseError.
    """
    values = _values(claim)
    if rows := tx.query("rescue/lock_beat", values):
        return table_beat(rows[0])
    if not tx.query("rescue/place_tombstone", values | {"keeper": keeper}):
        return Refused(Refusal.LOCKED, "its heartbeat row is being written")
    return None


def lock_job(
    tx: Transaction, claim: Claim, beat: Beat | None, metadata_interval: float, suspect_since: float | None = None
) -> Locked | Refused:
    """The job's locked row and all that a verdict looks at, read anew. Raises DatabaseError."""
    values = _values(claim)
    rows = tx.query("rescue/lock_job", values)
    if not rows:
        still_there = tx.query("rescue/look_at_job", values)
        return Refused(Refusal.LOCKED, "its row in the job table") if still_there else Refused(Refusal.GONE)
    row = rows[0]
    beat = beat or metadata_beat(row, metadata_interval)
    instances = []
    if beat is None and row.client_id is not None:
        instances = tx.query("rescue/read_instances", {"client_id": row.client_id, "kind": row.kind})
    return locked(claim, row, beat, instances, suspect_since)


def _values(claim: Claim) -> dict[str, object]:
    return {"job_id": claim.job_id, "attempt": claim.attempt, "attempted_at": claim.attempted_at}
