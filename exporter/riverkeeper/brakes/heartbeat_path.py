"""Since when is the way of a beat proven open? Silence of a worker counts only from then on. Pure.

A worker that cannot reach the database looks like one that died. So a keeper proves again and again that a beat would
have got through: its own write commits, on the same server, by a clock that runs evenly, while clients are heard. After
any break the stretch begins anew, and every claim has its full timeout again. All moments are Unix seconds of the
database's clock, durations seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from riverkeeper.config.tiers import Tier
from riverkeeper.verdict.limits import MISSED_BEATS

NOBODY_VERIFIES = "no running Riverkeeper verifies it at present"
CLOCKS_AGREE = 2.0  # seconds between two probes by which two clocks may differ: more is a step, not a slow answer
SILENT_INTERVALS = 3  # and silent after so many: no limit in force is below that
FLEET_SECONDS = 600.0  # an instance that beat within this time is one of the fleet
AT_ONCE_SLACK = 2.0  # seconds; beats of processes that stop at one moment lie one interval apart, and a little more
CLIENTS_IN_CHORUS = 2  # all late at once says something about the way only where there are so many


@dataclass(frozen=True, slots=True)
class Fleet:
    """The client instances that beat in the ten minutes before the newest beat (see fleet_of), ended ones included."""

    instances: int = 0
    on_time: int = 0  # at most LATE_INTERVALS since their last beat
    silent: int = 0  # more than SILENT_INTERVALS since the later of their last beat and path_ok_since
    at_once: int = 0  # of them, those that stopped together, and after what the mass brake has answered already
    newest_silent_at: float | None = None  # the last beat of the one that fell silent last
    heard_at: float | None = None  # the newest beat of all


NO_FLEET = Fleet()


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one probe found. `clock` is our own monotonic one, which can be compared within one process only."""

    now: float
    clock: float
    server: str  # system identifier and timeline, address and start of the server: as much as may be known
    fleet: Fleet = NO_FLEET
    released_at: float | None = None  # a person said that silence of the whole fleet is real


@dataclass(frozen=True, slots=True)
class Path:
    """The proven stretch, as it is kept in the table `control`."""

    ok_since: float | None = None  # None: no way of a beat is proven
    probe_at: float | None = None
    server: str | None = None
    why: str = "nobody has looked yet"  # why the stretch began when it did, or why there is none
    before_to: float | None = None  # how far the stretch before this one reached; None: there was none


@dataclass(frozen=True, slots=True)
class Before:
    """What this process remembers of its own last look; it can only break a stretch."""

    sighting: Sighting
    failed: bool = False  # a probe has failed since


def fold(path: Path, before: Before | None, seen: Sighting, patience: float) -> Path:
    """The stretch after one more probe that committed; `patience` is the longest time between two of one stretch."""
    before_to = path.before_to if path.ok_since is None else path.probe_at
    if why := whole_fleet_late(seen):
        return Path(None, seen.now, seen.server, why, before_to)
    if why := broken(path, before, seen, patience):
        return Path(seen.now, seen.now, seen.server, why, before_to)
    return replace(path, probe_at=seen.now)


def fleet_of(path: Path, now: float) -> float | None:
    """The moment that the fleet is counted from, ten minutes back; None: the newest beat.

    For ten minutes after an outage that is the end of the stretch before it: who has not come back yet still counts.
    """
    recent = path.ok_since is None or now - path.ok_since < FLEET_SECONDS
    return path.before_to if recent else None


def broken(path: Path, before: Before | None, seen: Sighting, patience: float) -> str | None:
    """Why the stretch cannot have lasted until now; None where nothing speaks against it."""
    if path.ok_since is None or path.probe_at is None:
        return f"open again; before: {path.why}"
    since, back = seen.now - path.probe_at, max(path.probe_at, path.ok_since) - seen.now
    step = _step(before.sighting, seen) if before else 0.0
    rules = (
        (path.server != seen.server, "another server answers: a failover, or a restart"),
        (back > 0, f"the database's clock went back by {back:.1f} s"),
        (before is not None and before.failed, "a probe failed in between"),
        (since > patience, f"no probe for {since:.1f} s"),
        (step > CLOCKS_AGREE, f"the database's clock and ours came apart by {step:.1f} s"),
    )
    return next((why for breaks, why in rules if breaks), None)


def whole_fleet_late(seen: Sighting) -> str | None:
    """Why silence says nothing now: every client is late at once, so the fault may lie between them and the database.

    A fleet of one process is exempt, because its death and a broken way cannot be told apart; and so is one of which a
    person says that it is really gone.
    """
    fleet = seen.fleet
    if fleet.instances < CLIENTS_IN_CHORUS or fleet.on_time or fleet.heard_at is None:
        return None
    if seen.released_at is not None and seen.released_at > fleet.heard_at:
        return None
    none = f"none of {fleet.instances} worker processes has beaten for {seen.now - fleet.heard_at:.0f} s"
    return f"{none}: they are gone, or their heartbeats do not reach the database"


def proven(path: Path, now: float, patience: float) -> float | None:
    """Since when silence counts, for somebody who judges at `now`; None: nobody is proving it at present."""
    if path.ok_since is None or path.probe_at is None:
        return None
    return path.ok_since if path.ok_since <= now and abs(now - path.probe_at) <= patience else None


def proven_on(path: Path, started_at: float | None) -> bool:
    """Whether it was on the server that started then; a failover is faster than the next probe may be."""
    return started_at is None or path.server is None or str(started_at) in path.server.split()


def patience(interval: float, tiers: Iterable[Tier]) -> float:
    """The longest time between two probes that still prove a stretch, for a supervisor that looks every `interval`.

    A claim may have beaten one interval before an outage, and beats one interval after it: what its limit leaves beside
    those two is the longest outage that nobody needs to notice. A limit in force is a tier's timeout, and never below
    three declared intervals (verdict/limits.py): whatever a client declares, at least a third of the timeout is left.
    Two of our own intervals at most; and never so short that a probe which is a little late breaks the stretch.
    """
    spare = min((tier.heartbeat_timeout / MISSED_BEATS for tier in tiers), default=2 * interval)
    return max(1.5 * interval, min(2 * interval, spare))


def _step(before: Sighting, seen: Sighting) -> float:
    return abs((seen.now - before.now) - (seen.clock - before.clock))
