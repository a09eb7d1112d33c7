"""The drawing of one job's life: a line from its first event to what comes next.

Places are percents of the width, so that the drawing fits a phone and a laptop. A long gap is drawn shorter than it
was: a beat of ten seconds and a pause of a day have to stand on one line. The list beside the drawing has the moments.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from riverkeeper.scrape.job_life import EventKind, LifeEvent

MARGIN = 2.0  # percent left and right, so that the first and the last sign are not cut
_ENDS_CLAIM = frozenset({EventKind.RESCUE, EventKind.END, EventKind.NOW})


@dataclass(frozen=True, slots=True)
class Bar:
    """A span of the line. `kind`: claim, beats or silence."""

    kind: str
    left: float  # percent
    width: float


@dataclass(frozen=True, slots=True)
class Sign:
    """A moment of the line."""

    kind: str
    left: float  # percent
    text: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """The whole line."""

    bars: tuple[Bar, ...]
    signs: tuple[Sign, ...]


def draw(events: Sequence[LifeEvent]) -> Drawing:
    """`events` in the order of time."""
    places = _places([event.at for event in events])
    signs = tuple(Sign(event.kind.value, places[event.at], event.text) for event in events)
    return Drawing(tuple(_bars(events, places)), signs)


def _places(moments: Sequence[float]) -> dict[float, float]:
    """Moment -> percent. Each gap is as wide as the logarithm of its seconds."""
    gaps = [math.log1p(max(0.0, later - earlier)) for earlier, later in itertools.pairwise(moments)]
    whole, place, places = sum(gaps) or 1.0, 0.0, dict[float, float]()
    for at, gap in zip(moments, [0.0, *gaps], strict=True):
        place += gap
        places[at] = round(MARGIN + (100 - 2 * MARGIN) * place / whole, 2)
    return places


def _bars(events: Sequence[LifeEvent], places: dict[float, float]) -> Iterator[Bar]:
    for number, event in enumerate(events):
        if event.kind is not EventKind.CLAIM:
            continue
        end = _end_of_claim(events[number + 1 :], event.attempt)
        if end is None:
            continue
        yield _bar("claim", event.at, end, places)
        beats = [each.at for each in events if each.kind is EventKind.BEAT and each.attempt == event.attempt]
        if beats:
            yield _bar("beats", min(beats), max(beats), places)
        since = [each.at for each in events if each.kind is EventKind.SILENCE and each.attempt == event.attempt]
        if since:
            yield _bar("silence", since[0], max(end, since[0]), places)


def _end_of_claim(later: Iterable[LifeEvent], attempt: int | None) -> float | None:
    """When the claim was over, or now."""
    for event in later:
        if event.kind is EventKind.CLAIM or (event.kind in _ENDS_CLAIM and event.attempt in (None, attempt)):
            return event.at
    return None


def _bar(kind: str, begin: float, end: float, places: dict[float, float]) -> Bar:
    return Bar(kind, places[begin], max(0.3, round(places[end] - places[begin], 2)))
