"""All that is known of one job: its row, its heartbeats, its worker processes, its rescues, its late results.

What the login may not read is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from riverkeeper.rescue.audit.history import AuditRecord
from riverkeeper.river.failures import Failure
from riverkeeper.verdict.job import Beat, JobClaim, RunningJob
from riverkeeper.verdict.stack import JobStack
from riverkeeper.verdict.suspects import WorkerInstances


@dataclass(frozen=True, slots=True)
class JobError:
    """One entry of river_job.errors, as River has it; texts are cut."""

    failure: Failure
    trace: str


@dataclass(frozen=True, slots=True)
class JobRow:
    """The row in River's table. Moments are Unix seconds; Ruby and Java write `claimed_at` by the worker's clock."""

    id: int
    state: str
    queue: str
    kind: str
    priority: int
    attempt: int
    max_attempts: int
    client_id: str | None  # of the newest claim
    attempted_at: str | None  # of the newest claim, as JobClaim has it
    claimed_at: float | None
    scheduled_at: float
    finalized_at: float | None
    errors: tuple[JobError, ...]  # the newest first
    error_count: int | None  # None: too large to read
    metadata_unread: bool = False


@dataclass(frozen=True, slots=True)
class ClaimBeats:
    """The heartbeat row of one claim."""

    attempt: int
    attempted_at: str
    claimed_at: float
    beat: Beat
    instance: str


@dataclass(frozen=True, slots=True)
class LateResult:
    """A result of an earlier claim that the fence dropped."""

    at: float
    claimed_at: float | None
    outcome: str


@dataclass(frozen=True, slots=True)
class NewestCheckpoint:
    """From where the next attempt goes on. Its value is never read: it may be private."""

    attempt: int  # which saved it
    bytes: int
    saved_at: float
    resumes: int  # how many claims have resumed from it
    resumed_at: float | None  # attempted_at of the last one that did


@dataclass(frozen=True, slots=True)
class ResumedClaim:
    """A claim that began from a checkpoint."""

    claimed_at: float
    saved_by: int  # the attempt that had saved it


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What the tables hold about one job."""

    job_id: int
    now: float  # the database's clock
    row: JobRow | None  # None: River's table has no such job
    beats: tuple[ClaimBeats, ...] | None  # the newest claim first; None: cannot be read
    workers: WorkerInstances
    rescues: tuple[AuditRecord, ...] | None  # the newest first
    late: tuple[LateResult, ...] | None
    running: RunningJob | None  # as `judge` takes it; None: it does not run
    checkpoint: NewestCheckpoint | None = None
    resumed: tuple[ResumedClaim, ...] = ()
    stacks: Mapping[JobClaim, JobStack] = field(default_factory=dict)  # of the claims in `beats` and `rescues`
    unreadable: tuple[str, ...] = ()  # what this login may not read, in words

    @property
    def is_known(self) -> bool:
        """Whether any table knows the job."""
        return self.row is not None or bool(self.beats or self.rescues or self.late or self.checkpoint)


def with_fence(facts: JobFacts, *, in_force: bool) -> JobFacts:
    """The same, where the fence is known: whether a late result of the running claim would be dropped."""
    if facts.running is None or facts.running.beat is None:
        return facts
    own = next((each for each in facts.beats or () if each.attempted_at == facts.running.claim.attempted_at), None)
    fences = replace(facts.workers, fenced=in_force).fences(facts.running.client_id, own.instance if own else None)
    return replace(facts, running=replace(facts.running, beat=replace(facts.running.beat, fences=fences)))
