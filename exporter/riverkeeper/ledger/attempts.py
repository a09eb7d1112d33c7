"""Counts failed and rescued attempts as they end, each once. Pure.

River appends an entry to river_job.errors for each attempt that fails or is rescued, with the attempt's number. These
numbers only rise in one job. So for each job the ledger stores up to which attempt its entries were counted; only
entries above it are new. To read a job twice changes nothing, and a job that failed several times between two steps
counts as often.

What was stored of a job is deleted after a while. Then only the time of an entry shows whether it was counted: every
entry since `since` is new where nothing is stored, because what was counted then is still stored.

With the end of an attempt counts the work that it lost: the time from its last checkpoint, or from its beginning where
it saved none, to its last sign of life: its last heartbeat, or the end of its work that its client reported. What it
did after that sign nobody saw. An attempt without a heartbeat shows no sign: what it lost is unknown, and not counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from riverkeeper.ledger.counts import NO_DURATION, NOTHING, SLOT_SECONDS, Series, Tally
from riverkeeper.ledger.schedule import ReadProgress
from riverkeeper.river.failures import Failure

KEEP_SECONDS = 1800.0  # an entry so old is counted or lost; an hour of 100 failing jobs a second would take 40 MB
CLOCK_SECONDS = 600.0  # stored longer than that, for workers whose clocks are ahead
# Live rows of one step, by state; together 50 ms on a busy machine. Most available jobs never ran, and each costs its
# row. A pending job has no attempts.
BUDGETS: Mapping[str, int] = {"available": 3_000, "retryable": 10_000, "running": 10_000, "scheduled": 1_000}
LEAST_ROWS = 10  # of one (state, queue, priority), however many there are
MOST_ROWS = 20_000  # jobs of one step: 1,300 failing jobs a second; their errors take 1.5 s on a busy machine
MOST_ERRORS = 100  # entries of one job that are read, the newest
ERROR_BYTES = 1 << 20  # as stored: larger errors of a job are not read, and do not count


LostWork = Mapping[tuple[int, int], int]  # (job id, attempt) -> microseconds of work lost, where it is known
Resumes = Mapping[tuple[str, str], int]  # (queue, kind) -> attempts that resumed and were not counted before
NO_RESUMES: Resumes = {}


class AttemptOutcome(StrEnum):
    """Values of the label `outcome` of river_job_attempts_ended_total."""

    COMPLETED = "completed"
    FAILED = "failed"
    RESCUED = "rescued"


class RiverRescue(StrEnum):
    """Values of the label `outcome` of river_jobs_rescued_total: what River's own rescuer did with the job."""

    RETRIED = "retried"
    DISCARDED = "discarded"
    CANCELLED = "cancelled"
    UNKNOWN_KIND = "unknown_kind"  # discarded with attempts left: the leader has no worker for its kind


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """A job whose attempts may not be counted yet."""

    job_id: int
    queue: str
    kind: str
    state: str
    attempt: int
    max_attempts: int
    rescues: int  # river:rescue_count, by River and by Riverkeeper
    conflict: bool  # River's scheduler discarded it for another job with its unique key
    failure_count: int
    failures: tuple[Failure, ...]  # the newest, oldest first

    @property
    def ended(self) -> int:
        """The last attempt that has ended with an entry, if it has one; the present or completed one has none."""
        return max(self.attempt - (self.state in {"running", "completed"}), 0)


@dataclass(frozen=True, slots=True)
class CountedJob:
    """What the ledger stores of one job."""

    attempt: int  # entries up to this attempt are counted
    rescues: int  # river:rescue_count up to which rescues are counted
    seen_at: float  # database clock


@dataclass(frozen=True, slots=True)
class AttemptReading:
    """What one step read of attempts."""

    rows: tuple[AttemptRow, ...]
    since: float  # Unix seconds: where nothing is stored of a job, only entries since then are new
    lost: LostWork = field(default_factory=dict)  # of the attempts in the rows


@dataclass(slots=True)
class AttemptChanges:
    """What one step counts, and what it stores of the jobs."""

    risen: dict[Series, Tally] = field(default_factory=dict)
    jobs: dict[int, CountedJob] = field(default_factory=dict)

    @property
    def live_pairs(self) -> Mapping[tuple[str, str], int]:
        """(queue, kind) of what rose: a new kind whose first attempt fails gets its name at once."""
        return dict.fromkeys(((series.queue, series.kind) for series in self.risen), 1)

    def count(self, series: Series, number: int, micros: int = 0) -> None:
        if number:
            more = Tally({NO_DURATION: (number, micros)})
            self.risen[series] = self.risen.get(series, NOTHING).plus(more)


def live_bounds(states: Sequence[str]) -> list[int]:
    """How many rows to read of each (state, queue, priority), by its state: those that are claimed next."""
    partitions = Counter(states)
    return [max(LEAST_ROWS, BUDGETS[state] // partitions[state]) for state in states]


def keep_seconds(late_window: float) -> float:
    """How long an entry can be new: longer than its job's row may come late."""
    return max(KEEP_SECONDS, 3 * late_window)


def next_since(since: float, progress: ReadProgress, now: float, late_window: float) -> float:
    """`since` of the next step. Finished jobs that a backlog has not read yet must stay new."""
    read_to = min(now, progress.read_to[0] * SLOT_SECONDS)
    return max(since, read_to - keep_seconds(late_window))


def count_attempts(
    reading: AttemptReading, known: Mapping[int, CountedJob], since: float, now: float
) -> AttemptChanges:
    """What is new in a reading. `known` holds what is stored of its jobs, `since` is the newest of all replicas."""
    changes = AttemptChanges()
    for row in reading.rows:
        before = changes.jobs.get(row.job_id) or known.get(row.job_id)
        new = _new_failures(row, before, since)
        _count_job(changes, row, before, new)
        _count_lost_work(changes, row, new, reading.lost)
        changes.jobs[row.job_id] = CountedJob(
            attempt=max(row.ended, before.attempt if before else 0),
            rescues=max(row.rescues, before.rescues if before else 0),
            seen_at=now,
        )
    return changes


def _new_failures(row: AttemptRow, before: CountedJob | None, since: float) -> dict[int, Failure]:
    """The last new entry of each attempt: a previous worker may report a failure after the rescue of its attempt."""
    counted = before.attempt if before else 0
    return {
        failure.attempt: failure
        for failure in row.failures
        if failure.attempt is not None
        and counted < failure.attempt <= row.ended
        and (before is not None or (failure.at is not None and failure.at >= since))
    }


def _count_job(changes: AttemptChanges, row: AttemptRow, before: CountedJob | None, new: Mapping[int, Failure]) -> None:
    own = sum(failure.is_riverkeeper_rescue for failure in new.values())
    rivers = _count_river_rescues(row, before, new, own)
    failed = max(len(new) - own - rivers - (_cancelled_attempt(row, new) is not None), 0)
    pair = row.queue, row.kind
    changes.count(Series("attempt", *pair, AttemptOutcome.FAILED), failed)
    changes.count(Series("attempt", *pair, AttemptOutcome.RESCUED), own + rivers)
    if rivers:
        changes.count(Series("rescued", *pair, RiverRescue.RETRIED), rivers - 1)
        changes.count(Series("rescued", *pair, _last_outcome(row, new, all_rescues=rivers == len(new))), 1)


def _cancelled_attempt(row: AttemptRow, new: Mapping[int, Failure]) -> int | None:
    """The attempt that ended because its job was cancelled: its entry is no failure."""
    ends_by_cancel = row.state == "cancelled" and row.attempt in new and not _is_rescue(new[row.attempt])
    return row.attempt if ends_by_cancel else None


def _count_lost_work(changes: AttemptChanges, row: AttemptRow, new: Mapping[int, Failure], lost: LostWork) -> None:
    """Of the attempts that failed or were rescued. Where a loss is not known, nothing counts: it is not 0."""
    cancelled = _cancelled_attempt(row, new)
    known = [lost[row.job_id, number] for number in new if number != cancelled and (row.job_id, number) in lost]
    changes.count(Series("lost", row.queue, row.kind, ""), len(known), sum(known))


def _count_river_rescues(row: AttemptRow, before: CountedJob | None, new: Mapping[int, Failure], own: int) -> int:
    """By river:rescue_count. Where nothing is stored of an old job, its count before is not known: by the texts."""
    if before is not None:
        found = row.rescues - before.rescues - own
    elif len(new) == row.failure_count:
        found = row.rescues - own
    else:
        found = sum(failure.is_rescue for failure in new.values())
    return max(0, min(found, len(new) - own))  # each rescue has an entry, whatever is written into the metadata


def _last_outcome(row: AttemptRow, new: Mapping[int, Failure], *, all_rescues: bool) -> RiverRescue:
    """What the last new rescue did. A later attempt, or another job with its unique key, may have ended the job."""
    last = new.get(row.attempt)
    if last is None or row.conflict or not (last.is_rescue or (all_rescues and not last.is_riverkeeper_rescue)):
        return RiverRescue.RETRIED
    if row.state == "cancelled":
        return RiverRescue.CANCELLED
    if row.state == "discarded":
        return RiverRescue.UNKNOWN_KIND if row.attempt < row.max_attempts else RiverRescue.DISCARDED
    return RiverRescue.RETRIED


def _is_rescue(failure: Failure) -> bool:
    return failure.is_rescue or failure.is_riverkeeper_rescue


def resumed_series(resumes: Resumes) -> Mapping[Series, Tally]:
    """What the totals rise by."""
    return {Series("resumed", *pair, ""): Tally({NO_DURATION: (number, 0)}) for pair, number in resumes.items()}


def job_ids(reading: AttemptReading | None) -> list[int]:
    """The jobs of a reading, each once."""
    return list(dict.fromkeys(row.job_id for row in reading.rows)) if reading else []
