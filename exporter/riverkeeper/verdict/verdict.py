"""What a verdict is: the reason, the limit that was passed, and the evidence; and the verdicts of one scrape. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from riverkeeper.verdict.job import RunningJob


class Reason(StrEnum):
    """What is wrong with a running job; OK and UNKNOWN say that nothing is, or that nothing is known.

    The last group is suspected: the job may be stuck, and the evidence is short of proof.
    """

    OK = "ok"
    UNKNOWN = "unknown"
    WORKER_DEAD = "worker_dead"
    WORKER_LOST = "worker_lost"
    ABANDONED = "abandoned"
    ORPHANED = "orphaned"
    HUNG = "hung"
    OVER_BUDGET = "over_budget"
    RESCUE_LOOP = "rescue_loop"
    PATH_UNVERIFIED = "path_unverified"
    BEATS_MISSING = "beats_missing"
    WORKER_SUSPECT = "worker_suspect"

    @property
    def is_reported(self) -> bool:
        """Reported by the worker's own side or by its orchestrator: no missed heartbeat needs to be believed."""
        return self in {Reason.ABANDONED, Reason.WORKER_DEAD}

    @property
    def is_suspected(self) -> bool:
        return self in {Reason.PATH_UNVERIFIED, Reason.BEATS_MISSING, Reason.WORKER_SUSPECT}

    @property
    def is_stuck(self) -> bool:
        return self not in {Reason.OK, Reason.UNKNOWN} and not self.is_suspected


STUCK = tuple(reason for reason in Reason if reason.is_stuck)
SUSPECTED = tuple(reason for reason in Reason if reason.is_suspected)
FOR_OPERATOR = frozenset({Reason.OVER_BUDGET, Reason.RESCUE_LOOP})  # stuck, and policy leaves them to a person
# The job did nothing wrong: its worker is gone, or gave it up.
WORKERS_FAULT = frozenset({Reason.WORKER_DEAD, Reason.WORKER_LOST, Reason.ABANDONED, Reason.ORPHANED})


class LimitName(StrEnum):
    """Which limit; the label values of river_job_limit_seconds."""

    HEARTBEAT = "heartbeat"
    PROGRESS = "progress"
    RUN = "run"
    WAIT = "wait"
    SILENCE = "silence"
    RESULT = "result"  # how long the result of work that ended may take to reach the job's row
    PROCESS = "process"  # none: a process that has ended works no longer


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit in force, and where it comes from."""

    name: LimitName
    seconds: float
    origin: str  # a sentence: "tier urgent", "tier standard, raised to three declared intervals of 15 s", "p99 …"
    raised: bool = False  # above what policy says, because of what clients declare


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits in force for one job; None: there is none."""

    heartbeat: Limit
    progress: Limit | None = None
    run: Limit | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `judge` says of one running job."""

    reason: Reason
    tier: str
    limit: Limit | None = None  # the one that was passed
    value: float | None = None  # seconds, what was compared with it
    underlying: Reason | None = None  # what a rescue_loop would else have been
    missing: str = ""  # of a suspected job: the evidence that is missing, in a sentence
    inactive: float | None = None  # seconds of which `value` counts only what was verified; None: `value` counts all

    def is_of(self, reason: Reason) -> bool:
        """Whether this is the reason, or would be without the rescue loop."""
        return (self.underlying or self.reason) is reason

    @property
    def passed_for(self) -> float | None:
        """Seconds since the limit was passed; None where there is none."""
        return None if self.limit is None or self.value is None else self.value - self.limit.seconds

    @property
    def stuck_for(self) -> float | None:
        """The same by every second that passed: proof that comes late does not make a job stuck anew."""
        seconds = self.value if self.inactive is None else self.inactive
        return None if self.limit is None or seconds is None else seconds - self.limit.seconds


@dataclass(frozen=True, slots=True)
class StuckJob:
    """A job that is stuck, or suspected to be, and why."""

    job: RunningJob
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class LimitInForce:
    """A limit of one kind in one tier; kind is "" where it holds for all kinds (wait)."""

    kind: str
    tier: str
    limit: Limit


@dataclass(frozen=True, slots=True)
class LimitUsed:
    """The worst present value of a queue's jobs of one kind and tier, as a share of its limit: 1 = at the limit."""

    queue: str
    kind: str  # "" for wait
    tier: str
    limit: LimitName
    ratio: float


@dataclass(frozen=True, slots=True)
class WaitLimit:
    """How long a due job of a queue and priority may wait, and the tier that says so."""

    queue: str
    priority: int
    tier: str
    seconds: float


@dataclass(frozen=True, slots=True)
class VerdictSummary:
    """The verdicts of one reading. Jobs that are ok or unknown are only counted (RunningPair)."""

    stuck: tuple[StuckJob, ...]  # longest past its limit first; bounded, `complete` says whether these are all
    counts: Mapping[tuple[str, str, str, str], int]  # (queue, kind, tier, reason) -> jobs
    limits: tuple[LimitInForce, ...]
    used: tuple[LimitUsed, ...]
    raised: frozenset[tuple[str, str]]  # (tier, limit) that clients' declared intervals or leases have raised
    path_ok_since: float | None  # silence counts from then on; None: no way of a beat is proven, nobody is lost
    complete: bool = True
    suspected: tuple[StuckJob, ...] = ()  # may be stuck; their verdicts say which evidence is missing
    suspected_counts: Mapping[tuple[str, str, str, str], int] = field(default_factory=dict)
    wait_limits: tuple[WaitLimit, ...] = ()  # of every known queue and each of River's priorities
    stuck_since: Mapping[tuple[str, str, str], float] = field(default_factory=dict)  # (queue, kind, tier) -> moment
    pair_tiers: frozenset[tuple[str, str, str]] = frozenset()  # (queue, kind, tier), by the priorities in the queue
