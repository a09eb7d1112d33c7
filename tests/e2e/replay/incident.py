"""An incident: what is done to real parts, for how long, and who must be notified of what, in which words. Pure.

An incident is a function that yields once, when the fault is there; what stands after the yield ends the fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the verdict is tested where no server is
    from e2e.replay.environment import ReplayEnvironment

Play = Callable[["ReplayEnvironment"], Iterator[None]]


@dataclass(frozen=True, slots=True)
class Notice:
    """A message that must come: of which alert, to whom, within which time."""

    alert: str
    receiver: str  # pages, tickets or info
    within: float  # minutes of real time, from the fault to the message: the rule's and the route's, and three or so
    words: tuple[str, ...]  # of the message
    plus: float = 0  # seconds that no factor shortens: what River and Riverkeeper wait for by themselves
    river: str = "orders"
    labels: Mapping[str, str] = field(default_factory=dict)  # further ones of the alert

    def deadline(self, factor: int) -> float:
        """Seconds of a run."""
        return self.within * 60 / factor + self.plus


def page(alert: str, within: float, *words: str, plus: float = 0, river: str = "orders", **labels: str) -> Notice:
    return Notice(alert, "pages", within, words, plus, river, labels)


def ticket(alert: str, within: float, *words: str, plus: float = 0, river: str = "orders", **labels: str) -> Notice:
    return Notice(alert, "tickets", within, words, plus, river, labels)


@dataclass(frozen=True, slots=True)
class Incident:
    """One fault and what people receive of it; everything else that they receive is a false message."""

    play: Play
    done: str
    minutes: float  # it lasts at least so long
    notices: tuple[Notice, ...]  # none: nobody is to be notified
    may: frozenset[str]  # alerts that may report the same fault in a ticket as well
    goes_on: bool  # the next incident ends it, or a day

    @property
    def name(self) -> str:
        return self.play.__name__


INCIDENTS: list[Incident] = []


def incident(
    done: str, *notices: Notice, minutes: float, may: tuple[str, ...] = (), goes_on: bool = False
) -> Callable[[Play], Play]:
    """Adds the function below it to the month."""

    def add(play: Play) -> Play:
        INCIDENTS.append(Incident(play, done, minutes, notices, frozenset(may), goes_on))
        return play

    return add
