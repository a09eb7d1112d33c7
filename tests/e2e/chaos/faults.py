"""What goes wrong, when, and for how long: drawn from a seed, so that a run can be repeated. Pure."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """A fault; each is done to a worker, to a replica of Riverkeeper, or to the server."""

    KILL = "kill -9"
    FREEZE = "freeze"
    TERMINATE = "terminate"
    STALL = "cut: stall"
    STALL_REQUESTS = "cut: no request arrives"
    STALL_ANSWERS = "cut: no answer arrives"
    SWALLOW = "cut: swallow"
    RESET = "cut: reset"
    REFUSE = "cut: reset and refuse"
    DIRECTED = "directed cut"
    KILL_REPLICA = "kill -9 of a replica"
    FREEZE_REPLICA = "freeze of a replica"
    CUT_REPLICA = "cut of a replica"
    RESTART = "restart of Postgres"
    CRASH = "crash of Postgres"
    OUTAGE = "outage for all"


ALL = "all"  # the target of what happens to every process
OF_A_PROCESS = {Kind.KILL, Kind.FREEZE, Kind.TERMINATE, Kind.KILL_REPLICA, Kind.FREEZE_REPLICA}
OF_THE_SERVER = {Kind.RESTART, Kind.CRASH, Kind.OUTAGE}
OF_A_REPLICA = {Kind.KILL_REPLICA, Kind.FREEZE_REPLICA, Kind.CUT_REPLICA}

# How often each is drawn, and for how many seconds it lasts. A killed process is away for so long, then another comes.
DRAWN: dict[Kind, tuple[float, float, float]] = {
    Kind.KILL: (4, 0.2, 15),
    Kind.FREEZE: (4, 1, 60),
    Kind.TERMINATE: (2, 0.2, 5),
    Kind.STALL: (4, 1, 60),
    Kind.STALL_REQUESTS: (2, 1, 60),
    Kind.STALL_ANSWERS: (3, 1, 60),
    Kind.SWALLOW: (3, 1, 60),
    Kind.RESET: (3, 0, 0),
    Kind.REFUSE: (3, 1, 60),
    Kind.DIRECTED: (16, 5, 150),
    Kind.KILL_REPLICA: (1, 0.5, 15),
    Kind.FREEZE_REPLICA: (1.5, 1, 40),
    Kind.CUT_REPLICA: (1.5, 1, 40),
    Kind.RESTART: (0.7, 0.1, 8),
    Kind.CRASH: (0.7, 0.1, 8),
    Kind.OUTAGE: (0.7, 3, 40),
}
LONGEST_SHARE = 1 / 3  # of the run: a short one sees the end of its faults too
DIRECTED_PATIENCE = 8.0  # seconds that a directed cut waits for a short job to begin
UNTIL_NEXT_SHARE = 0.7
NEXT_SECONDS = 20.0  # when the next attempt is at work, at the limits of the urgent tier
UNTIL_NEXT_SECONDS = 40.0  # a cut that waits for the next attempt waits for so long at least
# How a directed cut is made: by each of these in turn.
CUTS = (Kind.STALL, Kind.STALL_ANSWERS, Kind.REFUSE, Kind.STALL_REQUESTS)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: when it begins, in seconds from the start of the run, whom it hits, and for how long."""

    at: float
    kind: Kind
    target: str
    seconds: float
    cut: Kind | None = None  # of a directed cut
    until_next: bool = False  # a directed cut ends sooner, once the next attempt of a job that it hit is at work

    @property
    def busy_until(self) -> float:
        """When the next fault of the same sort may hit the same target."""
        seconds = min(self.seconds, NEXT_SECONDS) if self.until_next else self.seconds
        return self.at + seconds + (DIRECTED_PATIENCE if self.kind is Kind.DIRECTED else 1.0)


def draw_faults(
    seed: int, seconds: float, pause: float, workers: Sequence[str], replicas: Sequence[str]
) -> list[Fault]:
    """Faults of a whole run, one each `pause` seconds on average; no two of one sort hit one target at once."""
    chance = random.Random(seed)
    made: list[Fault] = []
    busy: dict[tuple[str, bool], float] = {}
    for at in _moments(chance, seconds, pause):
        kind = _draw_kind(chance)
        targets = [ALL] if kind in OF_THE_SERVER else replicas if kind in OF_A_REPLICA else workers
        free = [target for target in targets if busy.get((target, kind in OF_A_PROCESS), 0.0) <= at]
        if free:
            fault = _draw(chance, at, kind, chance.choice(free), LONGEST_SHARE * seconds)
            busy[fault.target, kind in OF_A_PROCESS] = fault.busy_until
            made.append(fault)
    return made


def _moments(chance: random.Random, seconds: float, pause: float) -> Iterator[float]:
    at = 2 * pause
    while at < seconds:
        yield at
        at += chance.expovariate(1 / pause)


def _draw_kind(chance: random.Random) -> Kind:
    [kind] = chance.choices(list(DRAWN), [weight for weight, _, _ in DRAWN.values()])
    return kind


def _draw(chance: random.Random, at: float, kind: Kind, target: str, longest: float) -> Fault:
    _, least, most = DRAWN[kind]
    most = max(least, min(most, longest))
    lasts = math.exp(chance.uniform(math.log(least), math.log(most))) if least else 0.0
    if kind is not Kind.DIRECTED:
        return Fault(at, kind, target, lasts)
    cut, until_next = chance.choice(CUTS), chance.random() < UNTIL_NEXT_SHARE
    return Fault(at, kind, target, max(lasts, UNTIL_NEXT_SECONDS) if until_next else lasts, cut, until_next)
