"""The entries of river_job.errors, one for each attempt that failed or was rescued. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

# River up to 0.23 writes "by Rescuer", newer ones "by JobRescuer", River for Ruby "by River".
_RIVER_RESCUED = re.compile(r"Stuck job rescued by (Job)?Rescuer|Stuck job rescued by River(?!keeper)", re.ASCII)
_RIVERKEEPER_RESCUED = "Stuck job rescued by Riverkeeper"
# The errors of Go, Rust and asyncio for a context or task that was cancelled; "stop initiated" is the cause in River.
_INTERRUPTED = re.compile(r"context cancell?ed|stop initiated|CancelledError|operation was cancell?ed", re.IGNORECASE)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-](0\d|1[0-5]):[0-5]\d)", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,9}")  # what River's rescuer reads without an error: a whole number of 32 bits


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


def rfc3339(moment: float) -> str:
    """A moment (Unix seconds) as River writes it into an error."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def parse_moment(text: object) -> float | None:
    """Unix seconds of an RFC 3339 text; None for anything else. Digits below a microsecond are cut."""
    if not isinstance(text, str) or not _MOMENT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):  # a day that does not exist
        return None


def parse_count(text: object) -> int:
    """A count in the metadata; users can write there, so what River cannot have written is 0."""
    return int(text) if isinstance(text, str) and _COUNT.fullmatch(text) else 0


def failures_of(entries: object) -> tuple[Failure, ...]:
    """Of the column `errors` of look/read_traces and ledger/read_attempts."""
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
