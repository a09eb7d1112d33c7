"""Numbers of a snapshot put under the names they are exported by, with zeros for what is known. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from riverkeeper.ledger.names import Pair
from riverkeeper.metrics.family import Labels, Value
from riverkeeper.scrape.scrape import Snapshot

Key = TypeVar("Key", bound=Labels)
Sample = tuple[Labels, Value]


def summed(numbers: Iterable[tuple[Key, int]], zeros: Iterable[Key] = ()) -> Iterator[Sample]:
    """Sums by key, and 0 for every key of `zeros` that has none."""
    sums: dict[Key, int] = dict.fromkeys(zeros, 0)
    for key, number in numbers:
        sums[key] = sums.get(key, 0) + number
    yield from ((key, float(number)) for key, number in sums.items())


def earliest(moments: Iterable[tuple[Key, float | None]]) -> Iterator[Sample]:
    """The earliest finite moment by key; keys without one have no sample."""
    return _one_moment(moments, min)


def newest(moments: Iterable[tuple[Key, float | None]]) -> Iterator[Sample]:
    """The latest finite moment by key; keys without one have no sample."""
    return _one_moment(moments, max)


def _one_moment(
    moments: Iterable[tuple[Key, float | None]], which: Callable[[float, float], float]
) -> Iterator[Sample]:
    found: dict[Key, float] = {}
    for key, moment in moments:
        if moment is not None and math.isfinite(moment):
            found[key] = which(moment, found.get(key, moment))
    yield from found.items()


def recent_pairs(snapshot: Snapshot) -> frozenset[Pair]:
    """Kept pairs seen live or finished within an hour."""
    return snapshot.names.recent(snapshot.now or 0.0)


def recent_queues(snapshot: Snapshot) -> list[str]:
    """Kept queues seen within an hour, and those that River keeps a row for."""
    kept = snapshot.names.recent_queues(snapshot.now or 0.0)
    rows = {row.name for row in snapshot.queues or () if row.name in snapshot.names.queues}
    return sorted(kept | rows)
