"""What a verdict is: the reason, with the evidence for it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from riverkeeper.verdict.job import RunningJob
from riverkeeper.verdict.words import LimitName, Reason


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

    @property
    def passed_for(self) -> float | None:
        """Seconds since the limit was passed; None where there is none."""
        return None if self.limit is None or self.value is None else self.value - self.limit.seconds


@dataclass(frozen=True, slots=True)
class StuckJob:
    """A job that is stuck, or suspected to be, and why."""

    job: RunningJob
    verdict: Verdict
