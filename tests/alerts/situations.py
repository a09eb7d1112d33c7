"""Every alert in the same situations: what happens to its series, and what the alert must do then. Pure.

Each rule has a River of its own in each situation, in one Prometheus, so they also show that Rivers are kept apart. A
River is calm until minute BEGIN; then what the alert watches for begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from alerts.troubles import BEGIN, CASES, HEALTHY, Fact, Trouble

Checks = list[tuple[int, bool]]  # minute, and whether the alert fires
PAUSED = range(60, 140)  # without what is paused: longer than counters are read, and than any last value counts


@dataclass(frozen=True)
class Situation:
    """What happens to the series: which replica reports which facts when, and what the alert must do."""

    name: str
    sample: Callable[[Trouble, Fact, str, int], float | None]  # of a replica (a, b) in a minute
    checks: Callable[[Trouble], Checks]
    applies: Callable[[Trouble], bool] = lambda case: True
    must_fire: tuple[str, ...] = ()  # rules that must fire at the end, whatever else does


PAST = ("RiverUnknownKindDiscarded", "RiverJobsMayHaveRunTwice")  # a fact that one replica read did happen


def bad_or_calm(fact: Fact, minute: int, *, bad: bool) -> float | None:
    return (fact.bad or fact.calm)(minute) if bad else fact.calm(minute)


def reported(
    by: Callable[[Trouble, str, int], bool], end: int = 10_000
) -> Callable[[Trouble, Fact, str, int], float | None]:
    """Samples of the replicas that report in a minute; the trouble ends `end` minutes after the alert."""

    def sample(case: Trouble, fact: Fact, replica: str, minute: int) -> float | None:
        if not by(case, replica, minute):
            return None
        return bad_or_calm(fact, minute, bad=BEGIN <= minute <= case.fires + end)

    return sample


def kept(case: Trouble, first: int, last: int, step: int = 1) -> Checks:
    return [(case.fires + minute, True) for minute in range(first, last, step)]


def _gap(case: Trouble, replica: str, minute: int) -> bool:
    """Four minutes without a scrape, once before the alert would fire and once while it fires."""
    gaps = (range(case.fires - 3, case.fires + 1), range(case.fires + 20, case.fires + 24))
    return replica == "a" and not any(minute in gap for gap in gaps)


def _never(case: Trouble, fact: Fact, replica: str, minute: int) -> float | None:
    return fact.calm(minute) if replica == "a" and fact in HEALTHY else None


def _paused(case: Trouble, fact: Fact, replica: str, minute: int) -> float | None:
    return None if replica == "b" or minute in PAUSED else fact.calm(minute)


def _evicted(case: Trouble, fact: Fact, replica: str, minute: int) -> float | None:
    return None if replica == "b" or (fact.of_a_name and minute in PAUSED) else fact.calm(minute)


def _first_event(case: Trouble, fact: Fact, replica: str, minute: int) -> float | None:
    """Counters of a name begin with its first event, and the first scrape after it finds more than 0."""
    if replica == "b":
        return None
    if not (fact.is_counter and fact.of_a_name):
        return bad_or_calm(fact, minute, bad=minute >= BEGIN)
    value, before = (fact.bad or fact.calm)(minute), fact.calm(BEGIN)
    return None if minute <= BEGIN or value is None or before is None else value - before


def _mass(case: Trouble, fact: Fact, replica: str, minute: int) -> float | None:
    return None if replica == "b" else (fact.mass or fact.calm)(minute)


def _counts(case: Trouble) -> bool:
    """A job that River discards for want of a worker has run for an hour: the counters of its name were there, at 0."""
    return case.rule != "RiverUnknownKindDiscarded" and any(fact.is_counter and fact.of_a_name for fact in case.facts)


def _ends(case: Trouble) -> Checks:
    return [] if case.resolves is None else [(case.fires + 11 + case.resolves, False)]


def _ends_without_data(case: Trouble) -> Checks:
    return [(case.fires + 25 + (case.resolves or 0), case.remembers)]


def _outvoted(case: Trouble, fact: Fact, replica: str, minute: int) -> float | None:
    """Replica a sees the trouble and is gone a minute later; b never sees it."""
    if replica == "b":
        return fact.calm(minute)
    return bad_or_calm(fact, minute, bad=minute >= BEGIN) if minute <= BEGIN + 1 else None


SITUATIONS = (
    Situation(
        "lasts",
        reported(lambda case, replica, minute: replica == "a"),
        lambda case: [(BEGIN - 1, False), *kept(case, 1, 40, 13)],
    ),
    Situation("gap of four minutes", reported(_gap), lambda case: kept(case, 6, 30)),
    Situation(
        "crash loop every eight minutes",
        reported(lambda case, replica, minute: replica == "a" and (minute < BEGIN or minute % 8 < 6)),
        lambda case: kept(case, 12, 40, 3),
        applies=lambda case: case.rule != "RiverNotWatched exporter_down",  # then nothing comes in between either
        must_fire=("RiverkeeperScrapesIncomplete gaps",),
    ),
    Situation(
        "replicas take turns",
        reported(lambda case, replica, minute: replica == "ab"[minute // 10 % 2]),
        lambda case: kept(case, 6, 40, 3),
    ),
    Situation(
        "pod moved",
        reported(lambda case, replica, minute: replica == ("a" if minute <= case.fires + 10 else "b")),
        lambda case: kept(case, 8, 30),
    ),
    Situation(
        "gone for good",
        reported(lambda case, replica, minute: replica == "a" and minute <= case.fires + 10),
        lambda case: [*kept(case, 8, 18), *_ends_without_data(case)],
        must_fire=("RiverNotWatched exporter_down", "RiverWatchdog"),
    ),
    Situation("never there", _never, lambda case: [(60, False), (case.fires + 10, False)]),
    Situation(
        "ends",
        reported(lambda case, replica, minute: replica == "a", end=10),
        lambda case: [(case.fires + 9, True), *_ends(case)],
    ),
    Situation("long without scrapes, and all is well", _paused, lambda case: [(PAUSED.stop + 12, False)]),
    Situation("name evicted and back", _evicted, lambda case: [(PAUSED.stop + m, False) for m in range(-10, 16, 5)]),
    Situation(
        "counter from zero",
        _first_event,
        lambda case: [(BEGIN - 1, False), *kept(case, 1, 40, 13)],
        applies=_counts,
    ),
    Situation(
        "much at once that is worked off",
        _mass,
        lambda case: [(BEGIN + minute, False) for minute in range(1, 40, 3)],
        applies=lambda case: any(fact.mass for fact in case.facts),
    ),
    Situation(
        "last word of a replica",
        _outvoted,
        lambda case: [(case.fires + m, False) for m in (2, 6, 12)],
        applies=lambda case: case.rule not in PAST,
    ),
)


@dataclass(frozen=True)
class River:
    """A rule in a situation that can happen to it. Minutes count from the first that is played."""

    situation: Situation
    case: Trouble

    @property
    def job(self) -> str:
        return f"{self.case.rule} / {self.situation.name}"

    @property
    def first(self) -> int:
        """Only counters are looked at over an hour; without them few minutes before the trouble are enough."""
        return 0 if self.case.looks_back else BEGIN - 15

    @property
    def checks(self) -> Iterator[tuple[str, int, bool]]:
        """The rule, the minute, and whether it fires."""
        checks = self.situation.checks(self.case)
        yield from ((self.case.rule, minute - self.first, fires) for minute, fires in checks)
        yield from ((rule, self.last, True) for rule in self.situation.must_fire)

    @property
    def last(self) -> int:
        return max(minute for minute, _ in self.situation.checks(self.case)) - self.first

    @property
    def series(self) -> Iterator[tuple[str, str]]:
        """As promtool's input has them."""
        for fact in _facts(self.case):
            for replica in "ab":
                minutes = range(self.first, self.first + self.last + 1)
                values = [self.situation.sample(self.case, fact, replica, minute) for minute in minutes]
                if any(value is not None for value in values):
                    target = (f'job="{self.job}"', f'instance="{replica}:9816"')
                    yield f"{fact.name}{{{', '.join(filter(None, (*target, fact.labels)))}}}", " ".join(_tokens(values))


def rivers_by_length() -> Iterator[list[River]]:
    """All of them. Those that take about as long are played together: what is evaluated costs by the minute."""
    rivers = [River(situation, case) for situation in SITUATIONS for case in CASES if situation.applies(case)]
    lengths = sorted({river.last // 20 for river in rivers})
    return ([river for river in rivers if river.last // 20 == length] for length in lengths)


def _facts(case: Trouble) -> tuple[Fact, ...]:
    own = {(fact.name, fact.labels) for fact in case.facts}
    return (*(fact for fact in HEALTHY if (fact.name, fact.labels) not in own), *case.facts)


def _tokens(values: list[float | None]) -> Iterator[str]:
    """A scrape that failed, or a target that is gone, makes a series stale."""
    before: float | None = None
    for value in values:
        yield f"{value:g}" if value is not None else "stale" if before is not None else "_"
        before = value
