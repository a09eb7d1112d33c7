"""What holds every rescue for a while, and what spares one job: each brake a function, each with its sentence. Pure.

Facts come from tables, read under the actor's lock; what only this process knows of itself can hold, never allow.
All moments are Unix seconds of the database's clock, durations seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from riverkeeper.brakes.heartbeat_path import Path, proven_on
from riverkeeper.brakes.mass_silence import Mass, why_held
from riverkeeper.brakes.state import Brake

STALE_SECONDS = 5.0  # a snapshot older than this shows jobs as running that ended meanwhile


@dataclass(frozen=True, slots=True)
class Restraints:
    """The settings of all brakes (section `rescue` of the configuration)."""

    cooldown: float = 300.0
    max_rescues: int = 3  # of one job in 24 h
    max_per_minute: int = 120
    max_share: float = 0.5
    mass_hold: float = 300.0
    grace: float = 60.0
    patience: float = 4.0  # the longest time between two probes of the path (brakes/heartbeat_path.py)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the brakes look at. `mass` and `path` as the last turn of a supervisor left them."""

    now: float
    stopped_at: float | None = None
    stopped_by: str | None = None
    stopped_why: str | None = None
    acted_in_minute: int = 0  # rescues of the last 60 s, and requests to stop; in a dry run the dry ones
    acted_in_step: int = 0  # the same since `mass.step_at`
    mass: Mass = field(default_factory=Mass)
    path: Path = field(default_factory=Path)
    started_at: float | None = None  # of the server that answers

    def after(self, acts: int) -> Facts:
        """These facts once so many more acts are written."""
        return replace(self, acted_in_minute=self.acted_in_minute + acts, acted_in_step=self.acted_in_step + acts)


@dataclass(frozen=True, slots=True)
class Ourselves:
    """What only this process knows, by its own clock."""

    awake_for: float = float("inf")  # since it started, or was last found to have stood still
    snapshot_age: float = 0.0


@dataclass(frozen=True, slots=True)
class Past:
    """What the audit knows of one job: acting rescues only."""

    last_at: float | None = None
    in_a_day: int = 0


Held = tuple[Brake, str]
WIDE_AWAKE = Ourselves()


def held(
    facts: Facts, restraints: Restraints, ourselves: Ourselves = WIDE_AWAKE, *, reported: bool = False
) -> Held | None:
    """The first brake that holds rescues now, with the sentence that says why; None: go.

    `reported`: of claims that their client gave up. Mass silence, a doubt about missed heartbeats, holds none of them.
    """
    return next((one for one in engaged(facts, restraints, ourselves) if not (reported and one[0] in DOUBTS)), None)


def engaged(facts: Facts, restraints: Restraints, ourselves: Ourselves = WIDE_AWAKE) -> tuple[Held, ...]:
    """Every brake that holds now; the one a person would have to lift first stands first."""
    sentences = ((brake, rule(facts, restraints, ourselves)) for brake, rule in RULES.items())
    return tuple((brake, sentence) for brake, sentence in sentences if sentence)


def kill_switch(facts: Facts, _: Restraints, __: Ourselves) -> str | None:
    if facts.stopped_at is None:
        return None
    why = f": {facts.stopped_why}" if facts.stopped_why else ""
    return f"stopped by {facts.stopped_by or 'somebody'}{why} (riverkeeper rescue resume)"


def grace(_: Facts, restraints: Restraints, ourselves: Ourselves) -> str | None:
    """Counted from our start, not from becoming the actor: a replica that stood by has watched all the while."""
    left = restraints.grace - ourselves.awake_for
    return f"this keeper has just started, or stood still: it looks on for {left:.0f} s more" if left > 0 else None


def stale_snapshot(facts: Facts, restraints: Restraints, ourselves: Ourselves) -> str | None:
    """Also where the way of a beat was last proven too long ago: the process may have stood still just now."""
    if ourselves.snapshot_age > STALE_SECONDS:
        return f"what this keeper has read is {ourselves.snapshot_age:.1f} s old, more than {STALE_SECONDS:.0f} s"
    if facts.path.probe_at is None:
        return "no keeper has proven yet that beats get through"
    if abs(age := facts.now - facts.path.probe_at) > restraints.patience:
        return f"that beats get through was last proven {age:.1f} s ago"
    if not proven_on(facts.path, facts.started_at):
        return "that beats get through was proven on another server: a failover, or a restart, a moment ago"
    return None


def mass_silence(facts: Facts, _: Restraints, __: Ourselves) -> str | None:
    return why_held(facts.mass, facts.acted_in_step)


def rate(facts: Facts, restraints: Restraints, _: Ourselves) -> str | None:
    if facts.acted_in_minute < restraints.max_per_minute:
        return None
    return f"{facts.acted_in_minute} jobs were rescued in the last minute (rescue.max_per_minute)"


DOUBTS = {Brake.MASS_SILENCE}  # they hold only what rests on missed heartbeats
RULES: dict[Brake, Callable[[Facts, Restraints, Ourselves], str | None]] = {
    Brake.KILL_SWITCH: kill_switch,
    Brake.STALE_SNAPSHOT: stale_snapshot,
    Brake.GRACE: grace,
    Brake.MASS_SILENCE: mass_silence,
    Brake.RATE: rate,
}


def cooldown(past: Past, restraints: Restraints, now: float) -> str | None:
    """Why this job is left alone although it is stuck: it was rescued a moment ago."""
    if past.last_at is None or now - past.last_at >= restraints.cooldown:
        return None
    return f"rescued {max(0.0, now - past.last_at):.0f} s ago (rescue.cooldown)"


def max_rescues(past: Past, restraints: Restraints) -> str | None:
    """Why this job is left alone: rescuing it does not help."""
    if past.in_a_day < restraints.max_rescues:
        return None
    return f"rescued {past.in_a_day} times in a day (rescue.max_rescues)"
