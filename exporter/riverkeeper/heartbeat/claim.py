"""Values of the heartbeat contract: claims, their status, how often they beat, and why work has to stop. Pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

TOKEN_KEY = "riverkeeper:claim"  # noqa: S105 - the key of the fencing token in the job's metadata
NOTE_BYTES = 1024  # the table refuses longer notes
METADATA_INTERVAL = 30.0  # seconds; Riverkeeper assumes this interval for beats in the metadata
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


class ClaimStatus(StrEnum):
    """The answer to a beat, for one claim."""

    HELD = "held"
    STOP = "stop"  # held, but Riverkeeper requests that the job stops
    FINISHED = "finished"  # the job completed itself in its own transaction
    LOST = "lost"


class Outcome(StrEnum):
    """How the work of a claim ended, also where its result was not written."""

    COMPLETED = "completed"
    FAILED = "failed"
    SNOOZED = "snoozed"
    CANCELLED = "cancelled"
    ABANDONED = "abandoned"


class WorkMustStop(Exception):
    """The work of a claim has to end now; the subclass is the reason."""


class ClaimLost(WorkMustStop):
    """Another process decided that this claim is over; the result must not be written."""


class LeaseExpired(WorkMustStop):
    """No beat succeeded for as long as the lease: another process may hold the claim now."""


class StopRequested(WorkMustStop):
    """Riverkeeper found the job hung and requests that it stops; a failure is an ordinary result."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt of one job; `attempted_at` is the text that the database wrote (claim.sql).

    Raises ValueError for values that no claim can have: one bad value would fail the beat of every other claim.
    """

    job_id: int
    attempted_at: str
    attempt: int

    def __post_init__(self) -> None:
        if not 0 < self.job_id < 2**63 or not 0 <= self.attempt < 2**15:
            raise ValueError(f"no job can have the id {self.job_id} or the attempt {self.attempt}")
        if not _TIMESTAMP.fullmatch(self.attempted_at):
            raise ValueError(f"attempted_at must be like 2026-01-31T23:59:59.123456Z, not {self.attempted_at!r}")
        datetime.fromisoformat(self.attempted_at)  # raises ValueError for a 31st of February


def format_attempted_at(attempted_at: str | datetime) -> str:
    """`attempted_at` as the contract writes it. A time or a text of it must have a time zone. Raises ValueError."""
    moment = datetime.fromisoformat(attempted_at.upper()) if isinstance(attempted_at, str) else attempted_at
    if moment.tzinfo is None:
        raise ValueError(f"attempted_at must have a time zone: {moment.isoformat()}")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True, slots=True)
class HeartbeatTier:
    """How a claim beats, in seconds. Raises ValueError where the lease is too short for the interval."""

    interval: float = 10.0
    lease: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.interval < math.inf:
            raise ValueError(f"interval must be above 0 seconds, not {self.interval:g}")
        shortest = 2.5 * self.interval  # two beats and the half interval that a statement may take
        if self.lease is not None and not shortest <= self.lease < math.inf:
            raise ValueError(
                f"a lease must be at least 2.5 intervals: {shortest:g} s for an interval of {self.interval:g} s, "
                f"not {self.lease:g} s"
            )


def fit_note(note: object) -> str | None:
    """The note as the table takes it: at most 1 kB, never cut inside a character. None: not a text, or an empty one.

    `?` stands for a NUL and for a lone surrogate: a note that cannot be sent would fail the beat of every other claim.
    """
    if not isinstance(note, str):
        return None
    return note.replace("\0", "?").encode("utf-8", "replace")[:NOTE_BYTES].decode("utf-8", "ignore") or None


def fit_fraction(fraction: object) -> float | None:
    """The fraction as the table takes it: from 0 to 1. None: not a number.

    Rounded to a millionth: a `real` column refuses 1e-50 as an underflow, and with it the beat of every other claim.
    """
    if not isinstance(fraction, int | float) or fraction != fraction:  # noqa: PLR0124 - isnan overflows on a huge int
        return None
    return round(float(min(max(fraction, 0), 1)), 6)
