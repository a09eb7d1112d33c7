"""What every client must do, as scenarios: each takes a World and uses only commands, events and the tables."""

from __future__ import annotations

from collections.abc import Callable

from conformance.world import World

Scenario = Callable[[World], None]
SCENARIOS: list[Scenario] = []


def scenario(play: Scenario) -> Scenario:
    """Takes a scenario into the list that every client plays."""
    SCENARIOS.append(play)
    return play
