"""The traces of problems in River's table: failed attempts, rescues, snoozes and open claims of jobs. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from riverkeeper.river.failures import Failure


@dataclass(frozen=True, slots=True)
class JobTrace:
    """A job with at least one failure, rescue, conflict or snooze. Moments are Unix seconds."""

    id: int
    queue: str
    kind: str
    state: str
    attempt: int
    max_attempts: int
    attempted_at: float | None  # of the newest claim
    ended_at: float | None  # finalized_at
    clients: tuple[str, ...] = ()  # attempted_by: a client for each claim, oldest first; River keeps the last 100
    failures: tuple[Failure, ...] = ()  # the newest, oldest first
    failure_count: int = 0
    rescues: int = 0  # river:rescue_count, by River and by Riverkeeper
    snoozes: int = 0
    conflict: bool = False  # River's scheduler discarded it for another job with its unique key
    priority: int = 1
    created_at: float | None = None

    @property
    def attempts_left(self) -> int:
        return max(0, self.max_attempts - self.attempt)

    @property
    def last_failure(self) -> Failure | None:
        return self.failures[-1] if self.failures else None

    @property
    def last_rescue(self) -> Failure | None:
        """The newest entry of River's own rescuer."""
        return next((failure for failure in reversed(self.failures) if failure.is_rescue), None)

    def client_of(self, attempt: int | None) -> str | None:
        """The client of an attempt; None where snoozes make the numbers of attempts ambiguous."""
        if attempt is None or len(self.clients) != self.attempt or not 1 <= attempt <= len(self.clients):
            return None
        return self.clients[attempt - 1]


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many jobs of one state were read."""

    state: str
    jobs: int
    first_at: float | None  # finalized_at of the oldest and of the newest job that was read; None for a live state
    last_at: float | None
    complete: bool  # False: there are more jobs, older ones of a final state
    final: bool = True
    every_trace: bool = True  # False: more jobs have traces than one report reads


@dataclass(frozen=True, slots=True)
class OpenClaim:
    """The claim of a running job."""

    id: int
    queue: str
    kind: str
    attempted_at: float
    cancel_at: float | None  # when a cancel was requested, by the clock of who did; None: never
    client_id: str | None = None


@dataclass(frozen=True, slots=True)
class Traces:
    """Jobs with a trace of a problem, running claims, and how far back the table was read."""

    jobs: tuple[JobTrace, ...]
    running: tuple[OpenClaim, ...]
    coverage: tuple[Coverage, ...]
    every_claim: bool = True  # False: `running` are only the oldest
