"""The brake for mass failures: when much of a fleet stops beating at once, the measurement is in doubt. Pure.

It stays engaged until any instance beats (an idle one too: then the path works), an operator releases it, or
`mass_hold` has passed. After that, and after every break of the path, rescues begin slowly: 1, 10, 100 a tick. If a
rescued worker turns out to be alive, the brake engages again, and then no beat releases it. A tick of the leader
advances this state; a rescue only reads it. All moments are Unix seconds of the database's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from riverkeeper.brakes.heartbeat_path import NO_FLEET, Fleet
from riverkeeper.formats import count_noun

SLOW_START = (1, 10, 100)  # rescues a tick
SLOW_SECONDS = 600.0  # of slow start: a worker that is alive after all has beaten or finished by then
AT_LEAST = 3  # stale instances; fewer can die together by chance


class Cause(StrEnum):
    """Why the brake is engaged."""

    SILENCE = "silence"
    ALIVE = "alive"  # the worker of a job that was rescued in slow start turned out to be alive


@dataclass(frozen=True, slots=True)
class MassSilence:
    """The state of the brake between ticks, in the table `brake`."""

    engaged_at: float | None = None
    cause: Cause | None = None  # None: not engaged
    sentence: str = ""
    answered_to: float | None = None  # instances that beat last before this moment are already accounted for
    slow_from: float | None = None  # None: no slow start
    slow_why: str = ""
    step: int = 0  # index into SLOW_START; behind its end nothing is limited, and false rescues still engage the brake
    step_at: float | None = None
    released_at: float | None = None  # by an operator


@dataclass(frozen=True, slots=True)
class MassFacts:
    """The facts of one tick."""

    now: float
    fleet: Fleet = NO_FLEET
    path_broke: bool = False  # the path was verified anew in this tick
    acted_in_step: int = 0
    false_rescues: int = 0  # of the rescues since slow_from


def advance_mass(mass: MassSilence, found: MassFacts, max_share: float, mass_hold: float) -> MassSilence:
    """The brake after one more tick."""
    if mass.engaged_at is not None:
        return _advance_engaged(mass, mass.engaged_at, found, mass_hold)
    if mass.slow_from is not None and found.false_rescues:
        return _engage(mass, found, Cause.ALIVE, f"the workers of {found.false_rescues} rescued jobs were alive")
    if why := find_mass_silence(found.fleet, max_share):
        return _engage(mass, found, Cause.SILENCE, why)
    if found.path_broke:
        return _slow(mass, found.now, "the heartbeat path was verified again")
    return mass if mass.slow_from is None else _next_step(mass, mass.slow_from, found)


def find_mass_silence(fleet: Fleet, max_share: float) -> str | None:
    """The reason, where too many processes stopped beating at once. Processes, not jobs: one may run a thousand.

    Deaths that are spread over minutes are no mass failure. Instances that are accounted for do not engage the brake
    again: after a deploy the previous instances stay stale.
    """
    if fleet.at_once < AT_LEAST or fleet.at_once <= max_share * fleet.instances:
        return None
    return f"{fleet.at_once} of {fleet.instances} worker processes stopped beating at once (rescue.max_share)"


def why_engaged(mass: MassSilence, acted_in_step: int) -> str | None:
    """Why nothing is rescued now; None: rescues may go on."""
    if mass.engaged_at is not None:
        return f"{mass.sentence} (riverkeeper rescue release mass_silence)"
    if mass.slow_from is None or mass.step >= len(SLOW_START) or acted_in_step < SLOW_START[mass.step]:
        return None
    return f"slow start ({mass.slow_why}): at most {count_noun(SLOW_START[mass.step], 'rescue')} in this tick"


def _advance_engaged(mass: MassSilence, since: float, found: MassFacts, mass_hold: float) -> MassSilence:
    newest = found.fleet.newest_beat_at
    beat = mass.cause is Cause.SILENCE and newest is not None and newest > since
    released = mass.released_at is not None and mass.released_at >= since
    over = not 0 <= found.now - since < mass_hold  # below 0: the database's clock went back
    if beat or released or over:
        return _slow(mass, found.now, f"{mass.sentence}; the brake is released")
    return replace(mass, answered_to=_later(mass.answered_to, found.fleet.newest_stale_at))


def _engage(mass: MassSilence, found: MassFacts, cause: Cause, sentence: str) -> MassSilence:
    answered = _later(mass.answered_to, found.fleet.newest_stale_at)
    return MassSilence(found.now, cause, sentence, answered, released_at=mass.released_at)


def _slow(mass: MassSilence, now: float, why: str) -> MassSilence:
    return MassSilence(
        answered_to=mass.answered_to, slow_from=now, slow_why=why, step_at=now, released_at=mass.released_at
    )


def _next_step(mass: MassSilence, since: float, found: MassFacts) -> MassSilence:
    if not 0 <= found.now - since < SLOW_SECONDS:
        return MassSilence(answered_to=mass.answered_to, released_at=mass.released_at)
    if not found.acted_in_step:  # a step that rescued nothing has tested nothing
        return mass
    return replace(mass, step=min(mass.step + 1, len(SLOW_START)), step_at=found.now)


def _later(first: float | None, second: float | None) -> float | None:
    return max((moment for moment in (first, second) if moment is not None), default=None)
