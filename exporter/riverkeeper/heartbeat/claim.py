"""Words of the heartbeat contract: claims, standings, tiers, and why work is told to stop. Pure."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

NOTE_BYTES = 1024  # the table refuses longer ones
METADATA_INTERVAL = 30.0  # seconds; what a keeper takes for the interval of a beat in the metadata
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


class Standing(StrEnum):
    """What a beat was told of a claim."""

    HELD = "held"
    STOP = "stop"
    FINISHED = "finished"
    LOST = "lost"


class Outcome(StrEnum):
    """How the work of a claim ended, also where its result was kept in."""

    COMPLETED = "completed"
    FAILED = "failed"
    SNOOZED = "snoozed"
    CANCELLED = "cancelled"
    ABANDONED = "abandoned"


class WorkMustStop(Exception):
    """The work of a claim has to end now; its subclasses say why."""


class ClaimLost(WorkMustStop):
    """Someone else decided that this claim is over; its result must not get out."""


class LeaseExpired(WorkMustStop):
    """No beat was heard for as long as the lease: by now another may hold the claim."""


class StopRequested(WorkMustStop):
    """The keeper found the job hung and asks it to stop; failing is an ordinary result."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt of one job; `attempted_at` exactly as the database wrote it (claim.sql).

    Raises ValueError for what no claim can be: one bad value would spoil the beat of every other claim.
    """

    job_id: int
    attempted_at: str
    attempt: int

    def __post_init__(self) -> None:
        if not 0 < self.job_id < 2**63 or not 0 <= self.attempt < 2**15:
            raise ValueError(f"no job can have the id {self.job_id} or the attempt {self.attempt}")
        if not _MOMENT.fullmatch(self.attempted_at):
            raise ValueError(f"attempted_at must be like 2026-01-31T23:59:59.123456Z, not {self.attempted_at!r}")
        datetime.fromisoformat(self.attempted_at)  # raises ValueError for a 31st of February


def moment(attempted_at: str | datetime) -> str:
    """`attempted_at` as the contract writes it; a datetime must know its zone, and holds the microseconds it needs."""
    if isinstance(attempted_at, str):
        return attempted_at
    if attempted_at.tzinfo is None:
        raise ValueError("attempted_at must have a time zone")
    return attempted_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True, slots=True)
class Tier:
    """How a claim beats, in seconds. Raises ValueError where the lease is too short for the interval."""

    interval: float = 10.0
    lease: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.interval < math.inf:
            raise ValueError("interval must be above 0 seconds")
        shortest = 2.5 * self.interval  # two beats and the half interval that a statement may take
        if self.lease is not None and not shortest <= self.lease < math.inf:
            raise ValueError(
                f"a lease must be at least 2.5 intervals: {shortest:g} s for an interval of {self.interval:g} s"
            )


def fit_note(note: object) -> str | None:
    """The note as the table takes it: cut to 1 kB, never inside a character, without NUL; None for what is no text."""
    if not isinstance(note, str):
        return None
    return note.replace("\0", "").encode("utf-8", "replace")[:NOTE_BYTES].decode("utf-8", "ignore")


def fit_fraction(fraction: object) -> float | None:
    """The fraction as the table takes it: within 0 and 1; None for what is no number.

    Rounded to a millionth: a `real` column refuses 1e-50 as an underflow, and with it the beat of every other claim.
    """
    if not isinstance(fraction, int | float) or fraction != fraction:  # noqa: PLR0124 - isnan overflows on a huge int
        return None
    return round(float(min(max(fraction, 0), 1)), 6)
