"""The two locks of a rescue, always in this order: the heartbeat row, or the tombstone in its place; then the job."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from riverkeeper.postgres.transaction import Parameters, Transaction
from riverkeeper.rescue.audit.records import to_json
from riverkeeper.rescue.decision import LockedJob
from riverkeeper.rescue.locked import later, locked, metadata_beat, table_beat
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.verdict.job import Claim

Row = Any  # of the statement that its place names


@dataclass(frozen=True, slots=True)
class LockRequest:
    """A claim to be locked, and what a reading knew of it."""

    claim: Claim
    has_row: bool = False  # it was seen with a heartbeat row
    suspect_since: float | None = None
    seen_at: float | None = None


def acquire_locks(
    tx: Transaction, wanted: Sequence[LockRequest], keeper: UUID, metadata_interval: float, *, jobs_too: bool = True
) -> list[LockedJob | Skipped]:
    """Both rows of each, and all that a verdict looks at, read anew under the locks; inside `tx.whole`.

    Of different jobs, all of them seen with a row, or none. Where there is none, a tombstone keeps a first beat out
    from here on: it may have to wait for one under way, and so must not while we hold the rows of others. It stands
    where the transaction does. Without `jobs_too` the jobs' rows are read and not locked, which takes no right to
    change them: for a look, and for a dry run. Raises DatabaseError.
    """
    named, placed = _named(wanted), set[int]()
    of_jobs = [(name, named) for name in ("rescue/lock_jobs", "rescue/read_jobs")[0 if jobs_too else 1 :]]
    if all(one.has_row for one in wanted):
        beats, *found = tx.query_pipeline(("rescue/lock_beats", named), *of_jobs)
    else:
        placed = {row.job_id for row in tx.query("rescue/place_tombstones", {"keeper": keeper} | named)}
        spoken = _named(wanted, {one.claim.job_id for one in wanted} - placed)
        beats = tx.query("rescue/lock_beats", spoken) if len(placed) < len(wanted) else []
        found = tx.query_pipeline(*of_jobs)
    rows = _Rows(
        tx, metadata_interval, placed, {row.number: row for row in beats},
        {row.number for row in found[0]}, {row.number: row for row in found[-1]},
    )  # fmt: skip
    return [rows.held(number, one) for number, one in enumerate(wanted)]


def _named(wanted: Sequence[LockRequest], only: Collection[int] | None = None) -> dict[str, object]:
    """Claims as the statements take them, where not all then those of these jobs; `number` is the place in the list."""
    claims = [(number, one.claim) for number, one in enumerate(wanted) if only is None or one.claim.job_id in only]
    return {"claims": to_json([{"number": number} | asdict(claim) for number, claim in claims])}


@dataclass(slots=True)
class _Rows:
    """What the statements brought, by the place of the claim in the list."""

    tx: Transaction
    metadata_interval: float
    placed: set[int]  # jobs with a tombstone of ours
    beats: Mapping[int, Row]
    locked: Collection[int]  # which jobs are ours, or in a look without locks, which there are
    jobs: Mapping[int, Row]  # those that run under their claims, whoever has locked them
    instances: dict[tuple[str, str], list[Row]] = field(default_factory=dict)

    def held(self, number: int, one: LockRequest) -> LockedJob | Skipped:
        row, job = self.beats.get(number), self.jobs.get(number)
        if row is None and one.claim.job_id not in self.placed:  # it is beaten or taken away just now
            return Skipped(Refusal.LOCKED, "its heartbeat row is being written")
        if job is None:
            return Skipped(Refusal.GONE)
        if number not in self.locked:
            return Skipped(Refusal.LOCKED, "its row in the job table")
        beat = later(table_beat(row) if row else None, metadata_beat(job, self.metadata_interval))
        processes = self._processes(job) if beat is None and job.client_id is not None else []
        return locked(one.claim, job, beat, processes, one.suspect_since, one.seen_at)

    def _processes(self, job: Row) -> list[Row]:
        """Of the client that claimed it; a fleet's jobs share a few."""
        key = (job.client_id, job.kind)
        if key not in self.instances:
            values: Parameters = {"client_id": job.client_id, "kind": job.kind}
            self.instances[key] = self.tx.query("rescue/read_instances", values)
        return self.instances[key]
