"""The operator's controls of the rescuer (pause, resume, release a brake) and its status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from riverkeeper.brakes.heartbeat_path import HeartbeatPath, is_verified_on
from riverkeeper.config.tiers import Mode
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Row, Transaction


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause of all rescues, by the kill switch. Moments are Unix seconds of the database's clock."""

    at: float
    by: str
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Resumed:
    """The last release of the kill switch."""

    at: float
    by: str
    stop: str  # the pause that it ended, in a sentence


@dataclass(frozen=True, slots=True)
class Engaged:
    """An engaged brake."""

    name: str
    at: float
    sentence: str
    released: bool  # by an operator; the active replica has not acted on it yet


@dataclass(frozen=True, slots=True)
class Status:
    """The state of the rescuer, by its tables."""

    now: float
    pause: Pause | None
    engaged: tuple[Engaged, ...]
    path_ok_since: float | None
    path_probe_at: float | None
    active_replica: str | None
    active_at: float | None
    wakes_open: int
    last_rescue_at: float | None
    last_dry_run_at: float | None
    resumed: Resumed | None = None
    proven_here: bool = True  # the path was verified on the server that answers
    path_why: str = ""  # why the heartbeat path is not verified, or why it is only since then
    modes: Mapping[str, Mode] = field(default_factory=dict)  # of the active replica, by tier
    patience: float | None = None  # of the active replica: the most seconds between two of its probes
    fingerprint: str | None = None  # of the configuration of the active replica
    grace_until: float | None = None  # the active replica rescues nothing before

    def is_at_work(self, patience: float) -> bool:
        """Whether the active replica has held an election lately; `patience` where it has not stored its own."""
        longest = patience if self.patience is None else self.patience
        return self.active_at is not None and self.now - self.active_at <= longest

    @property
    def grace_left(self) -> float:
        """Seconds until the active replica, which has just started, may rescue."""
        return 0.0 if self.grace_until is None else max(0.0, self.grace_until - self.now)


def pause(tx: Transaction, who: str, why: str | None) -> Pause:
    """Pull the kill switch: from the next transaction on no replica rescues. An earlier pause stays as it is."""
    row = _write(tx, "brakes/pull_kill_switch", {"who": who, "why": why})[0]
    return Pause(row.stopped_at, row.stopped_by, row.stopped_why)


def resume(tx: Transaction, who: str) -> Pause | None:
    """Release the kill switch. Returns the pause that ends; None where there was none."""
    rows = _write(tx, "brakes/release_kill_switch", {"who": who})
    return Pause(rows[0].stopped_at, rows[0].stopped_by) if rows else None


def release(tx: Transaction, brake: str, who: str) -> str | None:
    """Release a brake that has a state of its own. Returns why it was engaged; None where it was not."""
    rows = _write(tx, "brakes/release_brake", {"name": brake, "who": who})
    return (rows[0].sentence or "") if rows else None


def _write(tx: Transaction, name: str, texts: Mapping[str, str | None]) -> list[Row]:
    """A letter that the database's encoding lacks must not stop a pause: it is written as its escape."""
    try:
        return tx.query(name, texts)
    except DatabaseError as error:
        if error.kind is not ErrorKind.NO_SUCH_TEXT:
            raise
    return tx.query(name, {key: text and _plain(text) for key, text in texts.items()})


def _plain(text: str) -> str:
    return text.replace("\0", "").encode("ascii", "backslashreplace").decode()


def read_status(tx: Transaction) -> Status:
    """Raises DatabaseError."""
    row = tx.query("brakes/read_status")[0]
    engaged = tuple(
        Engaged(brake.name, brake.engaged_at, brake.sentence, bool(brake.released))
        for brake in tx.query("brakes/read_engaged")
    )
    by = row.stopped_by or "an unknown operator"
    paused = None if row.stopped_at is None else Pause(row.stopped_at, by, row.stopped_why)
    resumed = None if row.resumed_at is None else Resumed(row.resumed_at, row.resumed_by, row.resumed_from)
    return Status(
        row.now, paused, engaged, row.path_ok_since, row.path_probe_at, row.actor_name, row.actor_at, row.wakes_open,
        row.last_rescue_at, row.last_dry_run_at, resumed,
        is_verified_on(HeartbeatPath(server=row.path_server), row.started_at),
        row.path_why or "", {tier: Mode(mode) for tier, mode in (row.modes or {}).items()},
        row.patience, row.fingerprint, row.grace_until,
    )  # fmt: skip
