"""The facts that verdicts are made of: a running job, groups of running jobs, and waiting jobs. Pure.

All moments are Unix seconds of the database's clock unless a field says otherwise, durations seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from riverkeeper.evidence.proof import RESOLUTION, Terminated

GAVE_UP = ("abandoned", "failed")  # ends of work that leave no result worth waiting for: heartbeat.outcome


@dataclass(frozen=True, slots=True)
class JobClaim:
    """Names one attempt. `attempted_at` is the text that the database wrote: floats would lose its microseconds."""

    job_id: int
    attempt: int
    attempted_at: str  # YYYY-MM-DDTHH:MM:SS.ffffffZ


@dataclass(frozen=True, slots=True)
class Beat:
    """The heartbeat row of a claim; or a beat by metadata, which has no instance, no lease and no progress."""

    beat_at: float
    interval: float  # as the client declared it; metadata: heartbeat.metadata_interval
    lease: float | None = None
    progress_at: float | None = None  # None: the job has never told of progress
    progress: float | None = None
    note: str | None = None
    lost_at: float | None = None
    stop_requested_at: float | None = None
    stack_requested_at: float | None = None  # the last request for the stack of its work
    stack_at: float | None = None  # the client's last answer to one
    ended_at: float | None = None  # the client reported that the work ended
    outcome: str | None = None  # how, as the client reported it
    first_at: float | None = None  # when the claim first beat; metadata: not known
    fences: bool = False  # the client row says that its results carry the fencing token
    by_metadata: bool = False


@dataclass(frozen=True, slots=True)
class Instance:
    """One process with the client id that claimed the job (several where ids are shared)."""

    beat_at: float
    interval: float
    started_at: float
    beats_for_kind: bool  # it beats for this job's kind


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A running row with all that a verdict may look at; never its arguments."""

    claim: JobClaim
    queue: str
    kind: str
    priority: int
    max_attempts: int
    claimed_at: float  # attempted_at; Ruby and Java write it by the worker's clock
    client_id: str | None  # last element of attempted_by
    beat: Beat | None = None  # of the present claim only
    instances: tuple[Instance, ...] = ()
    cancel_requested: bool | None = False  # of this claim; None: perhaps of an earlier one (verdict/clocks.py)
    rescues: int = 0  # acting rescues of this job in the last 24 h, by our audit
    suspect_since: float | None = None  # see worker_suspect in DESIGN: its client has a successor and claims nothing
    seen_at: float | None = None  # when River last saw its client, which beats no more: a claim, or its lead renewed
    claimed_before: float | None = (
        None  # the claim was made by then, if not by the database's clock (verdict/clocks.py)
    )
    terminated: Terminated | None = None  # proof by the orchestrator that its process has ended
    no_evidence: str = ""  # else why the orchestrator proves nothing; "": it is not asked

    @property
    def held_since(self) -> float:
        """From when on its age counts: a claim by another clock is never taken to be older than it can be."""
        return self.claimed_at if self.claimed_before is None else max(self.claimed_at, self.claimed_before)

    @property
    def gave_up_at(self) -> float | None:
        """When its client reported that it gave the claim up; None: it did not, or somebody took the claim away."""
        beat = self.beat
        return beat.ended_at if beat is not None and beat.lost_at is None and beat.outcome in GAVE_UP else None

    @property
    def has_beaten(self) -> bool:
        """Whether its claim, or any process that may hold it, ever beat."""
        return self.beat is not None or bool(self.instances)

    @property
    def terminated_at(self) -> float | None:
        """When its process ended; None: no proof, or something beat since, so that the proof is of another process."""
        if self.terminated is None:
            return None
        others = () if self.terminated.is_reported else self.instances
        beats = [instance.beat_at for instance in others] + ([self.beat.beat_at] if self.beat else [])
        latest = self.terminated.finished_at + RESOLUTION
        return self.terminated.finished_at if all(beat_at <= latest for beat_at in beats) else None

    @property
    def has_row(self) -> bool:
        """Whether its claim beats in the heartbeat table; a beat by metadata has no row there."""
        return self.beat is not None and not self.beat.by_metadata


@dataclass(frozen=True, slots=True)
class RunningPair:
    """Running attempts of one (queue, kind, priority). A beat of an earlier claim counts nowhere.

    Beats are by the database's clock; where they are metadata.health_check_at, by the worker's.
    """

    queue: str
    kind: str
    priority: int
    jobs: int
    beating: int
    failing: int  # failed at least once before the present attempt
    last_attempt: int
    cancel_pending: int
    oldest_claim: float | None  # attempted_at
    last_claim: float | None
    oldest_beat: float | None  # of those that should beat again: neither lost nor given up
    oldest_progress: float | None = None  # progress_at, of those of them that ever told of progress
    oldest_unbeaten: float | None = None  # attempted_at, of those without any beat
    longest_interval: float | None = None  # declared between beats, seconds; heartbeat.metadata_interval for metadata
    longest_lease: float | None = None  # seconds
    oldest_given_up: float | None = None  # ended_at, of those that their client gave up and that still run
    undeclared: int = 0  # those that beat by metadata alone


@dataclass(frozen=True, slots=True)
class Partition:
    """Live jobs of one (state, queue, priority), the unit in which River's fetching index can be counted."""

    state: str
    queue: str
    priority: int
    due: int  # scheduled_at reached (available), or more than 30 s ago (scheduled, retryable)
    later: int
    first_at: float  # earliest scheduled_at, due or not
    estimated: bool = False  # the sum was too long to count
    sampled: bool = False  # … and the planner's statistics are missing or old: estimated by a sample of pages

    @property
    def jobs(self) -> int:
        return self.due + self.later
