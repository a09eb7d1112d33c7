"""What a client must do, as scenarios: each takes a World and uses only commands, events and the tables."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from conformance.world import ClientUnderTest, Level, World, opened

__all__ = ["SCENARIOS", "Level", "Scenario", "play", "scenario"]

INTERVALS = (0.2, 0.8, 3.2)  # seconds: the longer ones are for machines that are too busy for the first
TOLERATED = 1 / 8  # of an interval: a machine that is never later by more is not the reason of a failure


Play = Callable[[World], None]


@dataclass(frozen=True, slots=True)
class Scenario:
    play: Play
    level: Level  # clients of this level and above play it
    takes_a_minute: bool = False  # it waits for the check of a minute, which no interval shortens
    part: str = ""  # of its level, which a client may lack: see --without

    @property
    def name(self) -> str:
        return self.play.__name__


SCENARIOS: list[Scenario] = []


def scenario(level: Level, *, takes_a_minute: bool = False, part: str = "") -> Callable[[Play], Play]:
    """Take a scenario into the list."""

    def add(play: Play) -> Play:
        SCENARIOS.append(Scenario(play, level, takes_a_minute, part))
        return play

    return add


def is_played(scenario: Scenario, *, is_new_client: bool = False) -> bool:
    """A scenario of a minute is for `make test-long`, and for clients that nobody knows yet (--client)."""
    return is_new_client or not scenario.takes_a_minute or bool(os.environ.get("RIVERKEEPER_TEST_LONG"))


def is_busy() -> bool:
    """More programs want to run than there are processors: the server may be late though this process is not."""
    return os.getloadavg()[0] > (os.cpu_count() or 1)


def play(
    scenario: Scenario, new_url: Callable[[], str], client: ClientUnderTest, intervals: Sequence[float] = INTERVALS
) -> None:
    """Play a scenario on a new database; once more with a longer interval where the machine was too busy for it."""
    for interval in intervals:
        with opened(new_url(), client, interval) as world:
            try:
                scenario.play(world)
            except (AssertionError, pytest.fail.Exception):
                if interval == intervals[-1] or not (world.delay() > interval * TOLERATED or is_busy()):
                    raise
            else:
                return
