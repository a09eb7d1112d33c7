"""The heartbeat table: the contract's statements, and what their answers mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from riverkeeper import __version__
from riverkeeper.heartbeat.beat import Beat, Told
from riverkeeper.heartbeat.claim import Claim, Outcome, Standing, fit_fraction, fit_note
from riverkeeper.heartbeat.connection import Ask, Line
from riverkeeper.heartbeat.fence import Fence
from riverkeeper.postgres.errors import DatabaseError, ErrorKind

OLDEST_VERSION = 2  # of the keeper schema: has the heartbeat tables
NEWEST_COMPATIBLE = 2  # a schema that asks for newer clients is left alone


@dataclass(frozen=True, slots=True)
class Process:
    """Who beats: one value for a process from its start to its end."""

    client_id: str  # as in the last element of attempted_by
    interval: float
    kinds: Sequence[str] | None = None  # None: beats for every kind it works
    instance: UUID = field(default_factory=uuid4)
    started_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())  # shown; nothing is judged by it


class Table:
    """The table over one connection."""

    def __init__(
        self, url: str, river_schema: str, keeper_schema: str, process: Process, fence: Fence | None = None
    ) -> None:
        self._schemas = {"river": river_schema, "keeper": keeper_schema}
        self._process = process
        self._fence = fence or Fence(wanted=False)
        self._line = Line(url, self._schemas, self._check)
        self._plain_notes = False  # this database's encoding lacks a letter of theirs

    def beat(self, beats: Sequence[tuple[Beat, Told]], seconds: float) -> dict[Claim, Standing]:
        """Beat for the process and all these claims. Raises DatabaseError: then nothing is known of any of them."""
        try:
            rows = self._line.ask("heartbeat/beat", self.parameters(beats), seconds)
        except DatabaseError as error:
            if error.kind is not ErrorKind.NO_SUCH_TEXT or self._plain_notes:
                raise
            self._plain_notes = True  # a letter that this database lacks must not silence every job
            rows = self._line.ask("heartbeat/beat", self.parameters(beats), seconds)
        standings = {(row.job_id, row.attempted_at): Standing(row.status) for row in rows}
        return {beat.claim: standings[beat.claim.job_id, beat.claim.attempted_at] for beat, _ in beats}

    def parameters(self, beats: Sequence[tuple[Beat, Told]]) -> dict[str, Any]:
        """Of beat.sql."""
        values = {**self._who(), **_columns(beats)}
        if self._plain_notes:
            values["notes"] = [note and _plain(note) for note in values["notes"]]
        return values

    def end(self, ended: Mapping[Claim, Outcome], seconds: float) -> None:
        """Say how claims that have beaten ended. Raises DatabaseError."""
        parameters = {
            "job_ids": [claim.job_id for claim in ended],
            "attempted_ats": [claim.attempted_at for claim in ended],
            "outcomes": [outcome.value for outcome in ended.values()],
        }
        self._line.ask("heartbeat/end", parameters, seconds)

    def claim(self, job_id: int, attempt: int, seconds: float) -> Claim | None:
        """The claim that this client holds on the job, None where it holds none. Raises DatabaseError."""
        return find_claim(self._line, job_id, attempt, self._process.client_id, seconds)

    def close(self) -> None:
        self._line.close()

    def _check(self, ask: Ask) -> None:
        """Never beat into a keeper schema of another River, or one too new to be understood."""
        rows, keeper, river = ask("heartbeat/meta", {}), self._schemas["keeper"], self._schemas["river"]
        if not rows:
            raise DatabaseError(ErrorKind.MISSING, f'keeper schema "{keeper}" is not installed to its end')
        meta = rows[0]
        if meta.river_schema != river:
            what = f'keeper schema "{keeper}" belongs to River schema "{meta.river_schema}", not to "{river}"'
            raise DatabaseError(ErrorKind.WRONG_KEEPER, what)
        self._fence.learn(meta.fence)  # also of a version that we do not beat into: results are fenced all the same
        if meta.version < OLDEST_VERSION:
            raise DatabaseError(ErrorKind.MISSING, f'keeper schema "{keeper}" has no heartbeats yet: upgrade it')
        if meta.min_compatible > NEWEST_COMPATIBLE:
            what = f'keeper schema "{keeper}" needs clients of version {meta.min_compatible}'
            raise DatabaseError(ErrorKind.TOO_NEW, f"{what}, this one is of {NEWEST_COMPATIBLE}")

    def _who(self) -> dict[str, object]:
        process = self._process
        return {
            "instance": process.instance,
            "client_id": process.client_id,
            "software": f"riverkeeper-python {__version__}",
            "started_at": process.started_at,
            "fences": self._fence.fences,
            "client_interval": _interval(process.interval),
            "kinds": None if process.kinds is None else list(process.kinds),
        }


def find_claim(line: Line, job_id: int, attempt: int, client_id: str, seconds: float) -> Claim | None:
    """Asks River's table alone: needs no keeper schema."""
    parameters = {"job_id": job_id, "attempt": attempt, "client_id": client_id}
    rows = line.ask("heartbeat/claim", parameters, seconds, check=False)
    return Claim(job_id, rows[0].attempted_at, attempt) if rows else None


def columns_of(claims: Sequence[Claim]) -> dict[str, object]:
    return {
        "job_ids": [claim.job_id for claim in claims],
        "attempted_ats": [claim.attempted_at for claim in claims],
        "attempts": [claim.attempt for claim in claims],
    }


def _columns(beats: Sequence[tuple[Beat, Told]]) -> dict[str, Any]:
    ordered = sorted(beats, key=lambda pair: (pair[0].claim.job_id, pair[0].claim.attempted_at))
    return {
        **columns_of([beat.claim for beat, _ in ordered]),
        "intervals": [_interval(beat.tier.interval) for beat, _ in ordered],
        "leases": [_interval(beat.tier.lease) for beat, _ in ordered],
        "progress_reported": [told is not beat.acknowledged for beat, told in ordered],
        "progress": [fit_fraction(told[0]) for _, told in ordered],
        "notes": [fit_note(told[1]) for _, told in ordered],
    }


def _plain(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()


def _interval(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds:.6f} seconds"
