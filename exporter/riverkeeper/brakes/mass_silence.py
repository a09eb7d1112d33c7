"""The brake for many at once: when much of a fleet goes stale together, rather the measurement is wrong. Pure.

Engaged, it holds until any instance beats (also an idle one: the path is open then), a person releases it, or
`mass_hold` has passed. After that, and after every break of the path, rescues begin slowly: 1, 10, 100 a tick; and if
one of them turns out to have been alive, the brake holds again, and then no beat releases it. A tick moves this state
on, under the actor's lock; a rescue only reads it. All moments are Unix seconds of the database's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from riverkeeper.brakes.heartbeat_path import NO_FLEET, Fleet

SLOW_START = (1, 10, 100)  # rescues a tick
SLOW_SECONDS = 600.0  # watched for so long: a worker that was alive after all has beaten or finished by then
AT_LEAST = 3  # silent instances; fewer can die together by chance


class Cause(StrEnum):
    """Why the brake holds."""

    SILENCE = "silence"
    ALIVE = "alive"  # a job that was rescued in slow start turned out to be worked on


@dataclass(frozen=True, slots=True)
class Mass:
    """What the brake remembers between ticks, in the table `brake`."""

    engaged_at: float | None = None
    cause: Cause | None = None  # None: not engaged
    sentence: str = ""
    answered_to: float | None = None  # silence of instances that beat last before this was answered already
    slow_from: float | None = None  # None: no slow start
    slow_why: str = ""
    step: int = 0  # index into SLOW_START; behind its end nothing is limited, but still watched
    step_at: float | None = None
    released_at: float | None = None  # by a person


@dataclass(frozen=True, slots=True)
class Found:
    """What a tick found for the brake."""

    now: float
    fleet: Fleet = NO_FLEET
    path_broke: bool = False  # the proven stretch began anew in this tick
    acted_in_step: int = 0
    alive: int = 0  # rescued since slow_from, and then found to have been alive


def tend(mass: Mass, found: Found, max_share: float, mass_hold: float) -> Mass:
    """The brake after one more tick."""
    if mass.engaged_at is not None:
        return _tend_engaged(mass, mass.engaged_at, found, mass_hold)
    if mass.slow_from is not None and found.alive:
        return _engage(mass, found, Cause.ALIVE, f"{found.alive} rescued jobs were alive after all")
    if why := silence(found.fleet, max_share):
        return _engage(mass, found, Cause.SILENCE, why)
    if found.path_broke:
        return _slow(mass, found.now, "the heartbeat path was verified anew")
    return mass if mass.slow_from is None else _next_step(mass, mass.slow_from, found)


def silence(fleet: Fleet, max_share: float) -> str | None:
    """The sentence where too many processes went stale at once; processes, not jobs: one may hold a thousand.

    Deaths that are spread over minutes are no mass event: nothing but a death stops one process after the other.

    Silence that was answered once does not engage the brake again: after a deploy the old instances stay silent.
    """
    if fleet.at_once < AT_LEAST or fleet.at_once <= max_share * fleet.instances:
        return None
    return f"{fleet.at_once} of {fleet.instances} worker processes stopped beating at once (rescue.max_share)"


def why_held(mass: Mass, acted_in_step: int) -> str | None:
    """Why nothing is rescued at this moment; None: go."""
    if mass.engaged_at is not None:
        return f"{mass.sentence} (riverkeeper rescue release mass_silence)"
    if mass.slow_from is None or mass.step >= len(SLOW_START) or acted_in_step < SLOW_START[mass.step]:
        return None
    return f"slow start, because {mass.slow_why}: no more than {SLOW_START[mass.step]} in this tick"


def _tend_engaged(mass: Mass, since: float, found: Found, mass_hold: float) -> Mass:
    heard = found.fleet.heard_at
    beat = mass.cause is Cause.SILENCE and heard is not None and heard > since
    released = mass.released_at is not None and mass.released_at >= since
    over = not 0 <= found.now - since < mass_hold  # below 0: the database's clock went back
    if beat or released or over:
        return _slow(mass, found.now, f"{mass.sentence}, and the brake has let go")
    return replace(mass, answered_to=_later(mass.answered_to, found.fleet.newest_silent_at))


def _engage(mass: Mass, found: Found, cause: Cause, sentence: str) -> Mass:
    answered = _later(mass.answered_to, found.fleet.newest_silent_at)
    return Mass(found.now, cause, sentence, answered, released_at=mass.released_at)


def _slow(mass: Mass, now: float, why: str) -> Mass:
    return Mass(answered_to=mass.answered_to, slow_from=now, slow_why=why, step_at=now, released_at=mass.released_at)


def _next_step(mass: Mass, since: float, found: Found) -> Mass:
    if not 0 <= found.now - since < SLOW_SECONDS:
        return Mass(answered_to=mass.answered_to, released_at=mass.released_at)
    if not found.acted_in_step:  # a step that rescued nothing has tested nothing
        return mass
    return replace(mass, step=min(mass.step + 1, len(SLOW_START)), step_at=found.now)


def _later(one: float | None, other: float | None) -> float | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)
