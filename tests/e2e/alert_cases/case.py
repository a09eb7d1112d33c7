"""One thing that is done so that alerts fire, and how it is undone.

Each is a function that yields once, when the thing has been done. What stands after the yield undoes it; nothing stands
there where the rescuer does, or time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from e2e.alert_environment import AlertEnvironment

Play = Callable[[AlertEnvironment], Iterator[None]]


@dataclass(frozen=True, slots=True)
class AlertCase:
    """One thing to do. Cases of one phase are done at once, phases one after the other."""

    play: Play
    done: str
    undone: str
    alerts: dict[str, str]  # name -> further matchers of the alert
    phase: int
    clears: bool  # within the time of a run


SIGHTS: list[AlertCase] = []


def alert_case(phase: int, done: str, undone: str, *, clears: bool = True, **alerts: str) -> Callable[[Play], Play]:
    """Names the alerts that the function below it makes fire."""

    def add(play: Play) -> Play:
        SIGHTS.append(AlertCase(play, done, undone, alerts, phase, clears))
        return play

    return add


def manual_options(environment: AlertEnvironment) -> tuple[str, ...]:
    """The options of an operator's rescue."""
    return "rescue", "run", *environment.flags
