"""The two locks of a rescue, always in this order: the heartbeat row, or the tombstone in its place; then the job."""

from __future__ import annotations

from uuid import UUID

from riverkeeper.database import Transaction
from riverkeeper.rescue.locked import later, locked, metadata_beat, table_beat
from riverkeeper.rescue.plan import Locked
from riverkeeper.rescue.refusal import Refusal, Refused
from riverkeeper.verdict.job import Claim


def lock(
    tx: Transaction,
    claim: Claim,
    keeper: UUID,
    metadata_interval: float,
    *,
    has_row: bool = False,
    suspect_since: float | None = None,
) -> Locked | Refused:
    """Both rows, and all that a verdict looks at, read anew under the locks; inside `tx.whole`, which undoes them.

    `has_row`: the claim was seen with a heartbeat row, so both are asked for in one message. Where there is none, a
    tombstone keeps a first beat out from here on. Raises DatabaseError.
    """
    values = {"job_id": claim.job_id, "attempt": claim.attempt, "attempted_at": claim.attempted_at}
    if has_row:
        beats, jobs = tx.queries(("rescue/lock_beat", values), ("rescue/lock_job", values))
        if not beats:  # locked by somebody, or swept: what of it, the next pass sees
            return _in_use()
    else:
        beats = tx.query("rescue/lock_beat", values)
        if not beats and not tx.query("rescue/place_tombstone", values | {"keeper": keeper}):
            return _in_use()
        jobs = tx.query("rescue/lock_job", values)
    if not jobs:
        still_there = tx.query("rescue/look_at_job", values)
        return Refused(Refusal.LOCKED, "its row in the job table") if still_there else Refused(Refusal.GONE)
    job = jobs[0]
    beat = later(table_beat(beats[0]) if beats else None, metadata_beat(job, metadata_interval))
    instances = []
    if beat is None and job.client_id is not None:
        instances = tx.query("rescue/read_instances", {"client_id": job.client_id, "kind": job.kind})
    return locked(claim, job, beat, instances, suspect_since)


def _in_use() -> Refused:
    """A heartbeat row that we cannot lock is being beaten, settled or taken away just now."""
    return Refused(Refusal.LOCKED, "its heartbeat row is being written")
