"""Since when is the heartbeat path verified? Missed heartbeats count only from then on. Pure.

A worker that cannot reach the database looks like a dead one. So the active replica probes the path again and again: a
probe is its own write that commits, on the same server, by a clock that runs evenly, while clients beat. After a break
the path is verified anew, and every claim has its full timeout again. All moments are Unix seconds of the database's
clock, durations seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from riverkeeper.config.policy import Policy
from riverkeeper.verdict.limits import MISSED_BEATS

NOT_VERIFIED = "no running Riverkeeper verifies it at present"
MAX_CLOCK_STEP = 2.0  # seconds by which two clocks may drift between two probes; more is a step, not a slow answer
STALE_INTERVALS = 3  # an instance is stale after this many intervals without a beat; no limit in force is below that
FLEET_SECONDS = 600.0  # an instance that beat within this time belongs to the fleet
AT_ONCE_SLACK = 2.0  # seconds; beats of processes that stop at one moment lie one interval apart, and a little more
LEAST_FLEET = 2  # in a smaller fleet, all of them late at once is no evidence about the path


@dataclass(frozen=True, slots=True)
class Fleet:
    """The client instances that beat in the ten minutes before fleet_counted_to, with those that have ended."""

    instances: int = 0
    on_time: int = 0  # at most LATE_INTERVALS since their last beat
    stale: int = 0  # more than STALE_INTERVALS since the later of their last beat and path_ok_since
    at_once: int = 0  # stale ones that stopped together, after those that mass_silence has already accounted for
    newest_stale_at: float | None = None  # the last beat of the stale one that beat last
    newest_beat_at: float | None = None  # the newest beat of all


NO_FLEET = Fleet()


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What one probe found. `clock` is the monotonic clock of this process, comparable only within it."""

    now: float
    clock: float
    server: str  # system identifier and timeline, address and start of the server: as much as may be known
    fleet: Fleet = NO_FLEET
    released_at: float | None = None  # when an operator confirmed that the whole fleet is gone


@dataclass(frozen=True, slots=True)
class HeartbeatPath:
    """The verified stretch of time, as the table `control` stores it."""

    ok_since: float | None = None  # None: the path is not verified
    probe_at: float | None = None
    server: str | None = None
    why: str = "no probe has been made yet"  # why the stretch began when it did, or why there is none
    before_to: float | None = None  # where the stretch before this one ended; None: there was none


@dataclass(frozen=True, slots=True)
class PreviousProbe:
    """The last probe of this process. It can only break a stretch."""

    result: ProbeResult
    failed: bool = False  # a probe has failed since


def advance_path(
    path: HeartbeatPath, before: PreviousProbe | None, seen: ProbeResult, patience: float
) -> HeartbeatPath:
    """The stretch after one more committed probe. `patience`: the longest time between two probes of one stretch."""
    before_to = path.before_to if path.ok_since is None else path.probe_at
    if why := find_late_fleet(seen):
        return HeartbeatPath(None, seen.now, seen.server, why, before_to)
    if why := find_break(path, before, seen, patience):
        return HeartbeatPath(seen.now, seen.now, seen.server, why, before_to)
    return replace(path, probe_at=seen.now)


def fleet_counted_to(path: HeartbeatPath, now: float) -> float | None:
    """The end of the ten minutes in which an instance must have beaten to belong to the fleet; None: the newest beat.

    For ten minutes after an outage this is the end of the stretch before it, so that instances that have not come back
    yet still count.
    """
    recent = path.ok_since is None or now - path.ok_since < FLEET_SECONDS
    return path.before_to if recent else None


def find_break(path: HeartbeatPath, before: PreviousProbe | None, seen: ProbeResult, patience: float) -> str | None:
    """Why the stretch has ended before this probe; None: it has not."""
    if path.ok_since is None or path.probe_at is None:
        return f"verified again; before: {path.why}"
    since, back = seen.now - path.probe_at, max(path.probe_at, path.ok_since) - seen.now
    step = _clock_step(before.result, seen) if before else 0.0
    rules = (
        (path.server != seen.server, "another server answers: the database failed over or restarted"),
        (back > 0, f"the database's clock went back by {back:.1f} s"),
        (before is not None and before.failed, "a probe failed in between"),
        (since > patience, f"no probe for {since:.1f} s"),
        (step > MAX_CLOCK_STEP, f"one of the clocks (database, this process) was set: a step of {step:.1f} s"),
    )
    return next((why for breaks, why in rules if breaks), None)


def find_late_fleet(seen: ProbeResult) -> str | None:
    """Why missed heartbeats prove nothing now: every client is late, so the network or the database may be at fault.

    Exempt is a fleet of one process, whose death looks the same as a broken path, and a fleet that an operator has
    confirmed to be gone.
    """
    fleet = seen.fleet
    if fleet.instances < LEAST_FLEET or fleet.on_time or fleet.newest_beat_at is None:
        return None
    if seen.released_at is not None and seen.released_at > fleet.newest_beat_at:
        return None
    none = f"none of {fleet.instances} worker processes has beaten for {seen.now - fleet.newest_beat_at:.0f} s"
    return f"{none}: they are gone, or their heartbeats do not reach the database"


def find_verified_since(path: HeartbeatPath, now: float, patience: float) -> float | None:
    """Since when missed heartbeats count, for a judgement at `now`; None: no replica verifies the path at present."""
    if path.ok_since is None or path.probe_at is None:
        return None
    return path.ok_since if path.ok_since <= now and abs(now - path.probe_at) <= patience else None


def is_verified_on(path: HeartbeatPath, started_at: float | None) -> bool:
    """Whether the path was verified on the server that started then: a failover may come before the next probe."""
    return started_at is None or path.server is None or str(started_at) in path.server.split()


def patience(policy: Policy) -> float:
    """The longest time between two probes that still prove a stretch, by the supervisor's interval and the tiers.

    A claim may have beaten one interval before an outage, and beats one interval after it: what its limit leaves beside
    those two is the longest outage that nobody needs to notice. A limit in force is a tier's timeout, and never below
    three declared intervals (verdict/limits.py): whatever a client declares, at least a third of the timeout is left.
    Two of our own intervals at most; and never so short that a probe which is a little late breaks the stretch.
    """
    interval = policy.rescue.interval
    spare = min((tier.heartbeat_timeout / MISSED_BEATS for tier in policy.tiers.values()), default=2 * interval)
    return max(1.5 * interval, min(2 * interval, spare))


def _clock_step(before: ProbeResult, seen: ProbeResult) -> float:
    return abs((seen.now - before.now) - (seen.clock - before.clock))
