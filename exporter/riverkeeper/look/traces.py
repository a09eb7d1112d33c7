"""The traces of problems in River's table: failed attempts, rescues, snoozes and open claims of jobs. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

# River up to 0.23 writes "by Rescuer", newer ones "by JobRescuer", River for Ruby "by River".
_RIVER_RESCUED = re.compile(r"Stuck job rescued by (Job)?Rescuer|Stuck job rescued by River(?!keeper)", re.ASCII)
_RIVERKEEPER_RESCUED = "Stuck job rescued by Riverkeeper"
# The errors of Go, Rust and asyncio for a context or task that was cancelled.
_INTERRUPTED = re.compile(r"context canceled|context cancelled|CancelledError|operation was cancell?ed", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Failure:
    """One entry of river_job.errors."""

    attempt: int | None  # None where the entry has no number
    at: float | None  # Unix seconds: start of the attempt by the worker's clock; for a rescue, its time
    text: str

    @property
    def is_rescue(self) -> bool:
        """Whether River's own rescuer wrote the entry."""
        return _RIVER_RESCUED.match(self.text) is not None

    @property
    def is_riverkeeper_rescue(self) -> bool:
        """Whether Riverkeeper wrote the entry."""
        return self.text.startswith(_RIVERKEEPER_RESCUED)

    @property
    def is_interrupted(self) -> bool:
        """Whether the attempt ended because its process stopped."""
        return _INTERRUPTED.search(self.text) is not None


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

    @property
    def attempts_left(self) -> int:
        return max(0, self.max_attempts - self.attempt)

    @property
    def last_failure(self) -> Failure | None:
        return self.failures[-1] if self.failures else None

    def client_of(self, attempt: int | None) -> str | None:
        """The client of an attempt; None where snoozes make the numbers of attempts ambiguous."""
        if attempt is None or len(self.clients) != self.attempt or not 1 <= attempt <= len(self.clients):
            return None
        return self.clients[attempt - 1]


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many jobs of one final state were read."""

    state: str
    jobs: int
    first_at: float | None  # finalized_at of the oldest and of the newest job that was read
    last_at: float | None
    complete: bool  # False: older jobs were not read


@dataclass(frozen=True, slots=True)
class OpenClaim:
    """The claim of a running job."""

    id: int
    queue: str
    kind: str
    attempt: int
    max_attempts: int
    attempted_at: float
    client_id: str | None
    cancel_at: float | None  # when a cancel was requested; None: never


@dataclass(frozen=True, slots=True)
class Traces:
    """Jobs with a trace of a problem, running claims, and how far back the table was read."""

    jobs: tuple[JobTrace, ...]
    running: tuple[OpenClaim, ...]
    coverage: tuple[Coverage, ...]


def parse_moment(text: object) -> float | None:
    """Unix seconds of an RFC 3339 text; None for anything else. Digits below a microsecond are cut."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def parse_count(text: object) -> int:
    """A count in the metadata; users can write there, so anything but a number is 0."""
    return int(text) if isinstance(text, str) and re.fullmatch(r"[0-9]{1,9}", text) else 0


def failures_of(entries: object) -> tuple[Failure, ...]:
    """Of the column `errors` of look/read_traces."""
    if not isinstance(entries, list):
        return ()
    return tuple(
        Failure(
            entry["attempt"] if isinstance(entry["attempt"], int) else None,
            parse_moment(entry["at"]),
            entry["error"] or "",
        )
        for entry in entries
    )
