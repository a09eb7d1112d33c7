"""The two locks of a rescue, always in this order: the heartbeat row, or the tombstone in its place; then the job."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from uuid import UUID

from riverkeeper.postgres.transaction import Parameters, Row, Transaction
from riverkeeper.rescue.audit.records import to_json
from riverkeeper.rescue.decision import LockedJob
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.rescue.request import LockRequest
from riverkeeper.river.failures import parse_moment
from riverkeeper.river.running import beat_of, running_job_of
from riverkeeper.verdict.client_ids import drops_late_results
from riverkeeper.verdict.clocks import claims_by_own_clock, is_cancel_of_claim, latest_claim_at
from riverkeeper.verdict.job import Beat, Instance, RunningJob

AHEAD = 300.0  # a metadata beat is by the worker's clock; further ahead it is no moment of this claim
# RFC 3339, as Go's time.Time reads it; offsets under 16 hours, as Postgres does.


def acquire_locks(
    tx: Transaction, requests: Sequence[LockRequest], keeper: UUID, metadata_interval: float, *, jobs_too: bool = True
) -> list[LockedJob | Skipped]:
    """Lock both rows of each claim, and read under the locks all that a verdict needs; inside `tx.savepoint`.

    The claims are of different jobs, and the scrape saw all of them with a heartbeat row, or none. Where there is no
    row, a tombstone prevents a first beat from here on. The tombstone may wait for a first beat under way, so it must
    not be placed while this transaction holds the rows of other claims. It stands where the transaction does. Without
    `jobs_too` the jobs' rows are read and not locked, which needs no right to change them: for a preview, and for a
    dry run. Raises DatabaseError.
    """
    claims, tombstones = _as_parameters(requests), set[int]()
    of_jobs = [(name, claims) for name in ("rescue/lock_jobs", "rescue/read_jobs")[0 if jobs_too else 1 :]]
    if all(request.has_row for request in requests):
        beats, *found = tx.query_pipeline(("rescue/lock_beats", claims), *of_jobs)
    else:
        tombstones = {row.job_id for row in tx.query("rescue/place_tombstones", {"keeper": keeper} | claims)}
        beating = _as_parameters(requests, {request.claim.job_id for request in requests} - tombstones)
        beats = tx.query("rescue/lock_beats", beating) if len(tombstones) < len(requests) else []
        found = tx.query_pipeline(*of_jobs)
    rows = _LockedRows(
        tx, metadata_interval, tombstones, {row.number: row for row in beats},
        {row.number for row in found[0]}, {row.number: row for row in found[-1]},
    )  # fmt: skip
    return [rows.build(number, request) for number, request in enumerate(requests)]


def _as_parameters(requests: Sequence[LockRequest], only: Collection[int] | None = None) -> dict[str, object]:
    """The claims as the statements take them, or those of these jobs only; `number` is the place in the list."""
    claims = [
        {"number": number} | asdict(request.claim)
        for number, request in enumerate(requests)
        if only is None or request.claim.job_id in only
    ]
    return {"claims": to_json(claims)}


@dataclass(slots=True)
class _LockedRows:
    """The rows that the statements returned, by the place of the claim in the list."""

    tx: Transaction
    metadata_interval: float
    tombstones: set[int]  # jobs for which this transaction placed one
    beats: Mapping[int, Row]
    locked: Collection[int]  # jobs that this transaction has locked, or without locks those that run
    jobs: Mapping[int, Row]  # jobs that run under their claims, also where another session has locked them
    instances: dict[tuple[str, str], list[Row]] = field(default_factory=dict)

    def build(self, number: int, request: LockRequest) -> LockedJob | Skipped:
        row, job = self.beats.get(number), self.jobs.get(number)
        if row is None and request.claim.job_id not in self.tombstones:  # a beat or a rescue writes it just now
            return Skipped(Refusal.LOCKED, "its heartbeat row is being written")
        if job is None:
            return Skipped(Refusal.GONE)
        if number not in self.locked:
            return Skipped(Refusal.LOCKED, "its row in the job table")
        beat = latest_beat(_table_beat(row) if row else None, metadata_beat_of(job, job.now, self.metadata_interval))
        instances = self._read_instances(job) if beat is None and job.client_id is not None else []
        known = [instance.software for instance in instances] + ([row.software] if row and row.software else [])
        return _locked_job(request, job, beat, instances, known)

    def _read_instances(self, job: Row) -> list[Row]:
        """Of the client that claimed the job; the jobs of a fleet share a few."""
        key = (job.client_id, job.kind)
        if key not in self.instances:
            values: Parameters = {"client_id": job.client_id, "kind": job.kind}
            self.instances[key] = self.tx.query("rescue/read_instances", values)
        return self.instances[key]


def _locked_job(
    request: LockRequest, row: Row, beat: Beat | None, instances: Sequence[Row], software: Sequence[str]
) -> LockedJob:
    """Of read_jobs.sql, the beat, and read_instances.sql where there is no beat."""
    guarded = _is_guarded(row.client_id, software)
    return LockedJob(
        job=_running_job(request, row, beat, instances, software),
        now=row.now,
        scheduled_at=row.scheduled_at,
        errors=row.errors,
        has_metadata=row.has_metadata,
        rescue_count=row.rescue_count,
        retryable_keeps_key=row.retryable_keeps_key,
        led=row.led,
        fences=(bool(row.fenced) and _attaches_tokens(beat, instances)) or guarded,
        fence_in_force=bool(row.fenced),
        river_guards=guarded,
        last_rescue_at=row.last_rescue_at,
        chance=row.chance,
    )


def _running_job(
    request: LockRequest, row: Row, beat: Beat | None, instances: Sequence[Row], software: Sequence[str]
) -> RunningJob:
    claimed_before = _claimed_before(request, row, beat, software)
    return running_job_of(
        row,
        request.claim,
        beat,
        cancel_requested=is_cancel_of_claim(parse_moment(row.cancel_at), row.claimed_at, claimed_before),
        instances=tuple(
            Instance(instance.beat_at, instance.interval, instance.started_at, instance.beats_for_kind)
            for instance in instances
        ),
        suspect_since=request.suspect_since,
        seen_at=request.seen_at,
        claimed_before=claimed_before,
        terminated=request.terminated,
    )


def _claimed_before(request: LockRequest, row: Row, beat: Beat | None, software: Sequence[str]) -> float | None:
    """As the scrape found it; else, of a claim that another clock dates, this read is the first that sees it."""
    if request.claimed_before is not None or not claims_by_own_clock(row.client_id, software):
        return request.claimed_before
    return latest_claim_at(row.claimed_at, row.now, beat.first_at if beat else None)


def _attaches_tokens(beat: Beat | None, instances: Sequence[Row]) -> bool:
    """Whether the client fences its results; of a claim that never beat, whether each of its processes does."""
    if beat is not None:
        return beat.fences
    return bool(instances) and all(instance.fences for instance in instances)


def _is_guarded(client_id: str | None, software: Sequence[str]) -> bool:
    """Whether River itself drops late results of each process that may hold the claim."""
    if drops_late_results(client_id, None):
        return True
    return bool(software) and all(drops_late_results(client_id, name) for name in software)


def _table_beat(row: Row) -> Beat:
    """Of lock_beats.sql."""
    return beat_of(row, fences=bool(row.fences), note=row.note, lost_at=row.lost_at)


def metadata_beat_of(row: Row, now: float, interval: float) -> Beat | None:
    """The beat in a job's metadata (health_at of read_jobs.sql), if it is of this claim."""
    at = parse_moment(row.health_at)
    if at is None or not row.claimed_at <= at <= now + AHEAD:
        return None
    return Beat(min(at, now), interval, by_metadata=True)


def latest_beat(table: Beat | None, metadata: Beat | None) -> Beat | None:
    """A claim that beats both ways is judged by its row, last seen at the later of both moments. Pure."""
    if table is None or metadata is None:
        return table or metadata
    return replace(table, beat_at=max(table.beat_at, metadata.beat_at))
