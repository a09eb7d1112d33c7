"""The brakes, which stop every rescue for a while: each is a function that returns why it is engaged. Pure.

Facts come from tables, read under the rescue lock. What only this process knows about itself can engage a brake, and
never release one.
All moments are Unix seconds of the database's clock, durations seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from riverkeeper.brakes.heartbeat_path import HeartbeatPath, is_verified_on, patience
from riverkeeper.brakes.mass_silence import MassSilence, why_engaged
from riverkeeper.config.policy import Policy


class Brake(StrEnum):
    """The brakes; label values of riverkeeper_brake_engaged."""

    KILL_SWITCH = "kill_switch"
    MASS_SILENCE = "mass_silence"
    RATE = "rate"
    GRACE = "grace"
    STALE_SNAPSHOT = "stale_snapshot"


STALE_SECONDS = 5.0  # an older reading shows jobs as running that have ended since


@dataclass(frozen=True, slots=True)
class BrakeFacts:
    """What the brakes judge by. `mass` and `path` are as the last election of a supervisor stored them."""

    now: float
    stopped_at: float | None = None
    stopped_by: str | None = None
    stopped_why: str | None = None
    acted_in_minute: int = 0  # rescues of the last 60 s, and requests to stop; in a dry run the dry ones
    acted_in_step: int = 0  # the same since `mass.step_at`
    mass: MassSilence = field(default_factory=MassSilence)
    path: HeartbeatPath = field(default_factory=HeartbeatPath)
    started_at: float | None = None  # of the server that answers

    def after(self, acts: int) -> BrakeFacts:
        """These facts once this many more acts are written."""
        return replace(self, acted_in_minute=self.acted_in_minute + acts, acted_in_step=self.acted_in_step + acts)


@dataclass(frozen=True, slots=True)
class ProcessHealth:
    """What only this process knows about itself, by its own clock."""

    running_for: float = float("inf")  # seconds since it started, or was last suspended
    snapshot_age: float = 0.0


EngagedBrake = tuple[Brake, str]  # and the sentence that gives the reason
HEALTHY = ProcessHealth()


def first_engaged(
    facts: BrakeFacts, policy: Policy, health: ProcessHealth = HEALTHY, *, reported: bool = False
) -> EngagedBrake | None:
    """The first brake that is engaged now, with the reason; None: rescues may go on.

    `reported`: for claims that their client gave up. mass_silence doubts missed heartbeats, so it stops none of them.
    """
    engaged = find_engaged_brakes(facts, policy, health)
    return next((brake for brake in engaged if not (reported and brake[0] in DOUBTS)), None)


def find_engaged_brakes(facts: BrakeFacts, policy: Policy, health: ProcessHealth = HEALTHY) -> tuple[EngagedBrake, ...]:
    """Every brake that is engaged now. The one that an operator has to release first stands first."""
    sentences = ((brake, rule(facts, policy, health)) for brake, rule in RULES.items())
    return tuple((brake, sentence) for brake, sentence in sentences if sentence)


def kill_switch(facts: BrakeFacts, _: Policy, __: ProcessHealth) -> str | None:
    if facts.stopped_at is None:
        return None
    why = f": {facts.stopped_why}" if facts.stopped_why else ""
    return f"paused by {facts.stopped_by or 'an unknown operator'}{why} (riverkeeper rescue resume)"


def grace(_: BrakeFacts, policy: Policy, health: ProcessHealth) -> str | None:
    """Counted from the start of the process, not of its leadership: a standby replica reads all the time."""
    left = policy.rescue.grace - health.running_for
    return f"the process started or was suspended: rescues begin in {left:.0f} s (rescue.grace)" if left > 0 else None


def stale_snapshot(facts: BrakeFacts, policy: Policy, health: ProcessHealth) -> str | None:
    """Also where the heartbeat path was last verified too long ago: the process may have been suspended just now."""
    if health.snapshot_age > STALE_SECONDS:
        return f"this replica's scrape is {health.snapshot_age:.1f} s old, more than {STALE_SECONDS:.0f} s"
    if facts.path.probe_at is None:
        return "the heartbeat path has not been verified yet"
    if abs(age := facts.now - facts.path.probe_at) > patience(policy):
        return f"the heartbeat path was last verified {age:.1f} s ago"
    if not is_verified_on(facts.path, facts.started_at):
        return "the heartbeat path was verified on another server: the database failed over or restarted just now"
    return None


def mass_silence(facts: BrakeFacts, _: Policy, __: ProcessHealth) -> str | None:
    return why_engaged(facts.mass, facts.acted_in_step)


def rate(facts: BrakeFacts, policy: Policy, _: ProcessHealth) -> str | None:
    if facts.acted_in_minute < policy.rescue.max_per_minute:
        return None
    return f"{facts.acted_in_minute} jobs were rescued in the last minute (rescue.max_per_minute)"


DOUBTS = {Brake.MASS_SILENCE}  # they stop only rescues that rest on missed heartbeats
RULES: dict[Brake, Callable[[BrakeFacts, Policy, ProcessHealth], str | None]] = {
    Brake.KILL_SWITCH: kill_switch,
    Brake.STALE_SNAPSHOT: stale_snapshot,
    Brake.GRACE: grace,
    Brake.MASS_SILENCE: mass_silence,
    Brake.RATE: rate,
}
