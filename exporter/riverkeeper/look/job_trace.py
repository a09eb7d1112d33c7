"""What River's table remembers of one job that met trouble: its failed attempts, rescues and snoozes. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

# Up to River 0.23 "by Rescuer", then "by JobRescuer"; River for Ruby writes "by River". Ours says Riverkeeper.
_RESCUED = re.compile(r"Stuck job rescued by (Job)?Rescuer|Stuck job rescued by River(?!keeper)", re.ASCII)
_RESCUED_BY_US = "Stuck job rescued by Riverkeeper"
# What Go, Rust and asyncio call a context or task that was cancelled.
_INTERRUPTED = re.compile(r"context canceled|context cancelled|CancelledError|operation was cancell?ed", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Failure:
    """One entry of river_job.errors."""

    attempt: int | None  # None where the entry has no number
    at: float | None  # Unix seconds: start of the attempt by the worker's clock; of a rescue, the moment of the rescue
    text: str

    @property
    def is_rescue(self) -> bool:
        """Whether River's own rescuer wrote it."""
        return _RESCUED.match(self.text) is not None

    @property
    def is_our_rescue(self) -> bool:
        return self.text.startswith(_RESCUED_BY_US)

    @property
    def is_interrupted(self) -> bool:
        """Whether the attempt ended because its process was told to stop."""
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
    attempted_at: float | None  # the newest claim
    ended_at: float | None  # finalized_at
    clients: tuple[str, ...] = ()  # attempted_by: one name a claim, oldest first; River keeps the last 100
    failures: tuple[Failure, ...] = ()  # oldest first; only the newest ones
    failure_count: int = 0
    rescues: int = 0  # river:rescue_count, by whoever rescued
    snoozes: int = 0
    conflict: bool = False  # River's scheduler discarded it for another job with its unique key

    @property
    def attempts_left(self) -> int:
        return max(0, self.max_attempts - self.attempt)

    @property
    def last_failure(self) -> Failure | None:
        return self.failures[-1] if self.failures else None

    def client_of(self, attempt: int | None) -> str | None:
        """Who worked an attempt; None where snoozes make the numbers of attempts ambiguous."""
        if attempt is None or len(self.clients) != self.attempt or not 1 <= attempt <= len(self.clients):
            return None
        return self.clients[attempt - 1]


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of one final state was read."""

    state: str
    jobs: int
    first_at: float | None  # finalized_at of the oldest and the newest that were read
    last_at: float | None
    complete: bool  # False: older ones were left out


@dataclass(frozen=True, slots=True)
class OpenClaim:
    """A running attempt."""

    id: int
    queue: str
    kind: str
    attempt: int
    max_attempts: int
    attempted_at: float
    client_id: str | None
    cancel_at: float | None  # when somebody asked for its cancel; None where nobody did


@dataclass(frozen=True, slots=True)
class Traces:
    """All that was read of the past, and of running attempts."""

    ended: tuple[JobTrace, ...]
    unended: tuple[JobTrace, ...]
    running: tuple[OpenClaim, ...]
    coverage: tuple[Coverage, ...]

    @property
    def every(self) -> Sequence[JobTrace]:
        return (*self.ended, *self.unended)


def moment(text: object) -> float | None:
    """Unix seconds of an RFC 3339 text; None for anything else. Digits below a microsecond are cut."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def count(text: object) -> int:
    """A count in the metadata, which users may have written: anything but a number is 0."""
    return int(text) if isinstance(text, str) and re.fullmatch(r"[0-9]{1,9}", text) else 0


def failures(entries: object) -> tuple[Failure, ...]:
    """From the `errors` column of `look/read_ended`."""
    if not isinstance(entries, list):
        return ()
    return tuple(
        Failure(
            entry["attempt"] if isinstance(entry["attempt"], int) else None, moment(entry["at"]), entry["error"] or ""
        )
        for entry in entries
    )
