"""Keeps the number of series bounded: pairs and queues without a name of their own are added up as `other`. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from riverkeeper.ledger.counts import latest
from riverkeeper.ledger.names import Names, Pair
from riverkeeper.metrics.family import Labels, Value
from riverkeeper.river.facts import LiveKind
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.verdict.job import RunningPair

Part = TypeVar("Part", LiveKind, RunningPair)


def fold_pairs(snapshot: Snapshot) -> Snapshot:
    """The same numbers in as many parts as there are names."""
    names, kinds, running = snapshot.names, snapshot.waiting_kinds, snapshot.running
    if kinds is None or running is None:
        return snapshot
    return replace(
        snapshot,
        waiting_kinds=tuple(_add_kinds(same) for same in _grouped(kinds, names)),
        running=replace(running, pairs=tuple(_add_running(same) for same in _grouped(running.pairs, names))),
    )


def _grouped(parts: Iterable[Part], names: Names) -> list[list[Part]]:
    """The parts by name and state, or by name and priority; parts of one name are added up."""
    groups: dict[tuple[Pair, str | int], list[Part]] = {}
    named: dict[Pair, Pair] = {}
    for part in parts:
        pair = (part.queue, part.kind)
        name = named.get(pair) or named.setdefault(pair, names.pair(pair))
        groups.setdefault((name, part.state if isinstance(part, LiveKind) else part.priority), []).append(part)
    for (name, _), same in groups.items():
        same[0] = replace(same[0], queue=name[0], kind=name[1])
    return list(groups.values())


def _add_kinds(same: list[LiveKind]) -> LiveKind:
    last = None
    for kind in same:
        last = latest(last, kind.last_claim)
    return replace(
        same[0],
        jobs=sum(kind.jobs for kind in same),
        failing=sum(kind.failing for kind in same),
        last_attempt=sum(kind.last_attempt for kind in same),
        last_claim=last,
        complete=all(kind.complete for kind in same),
    )


def _add_running(same: list[RunningPair]) -> RunningPair:
    def sums(field: str) -> int:
        return sum(getattr(pair, field) for pair in same)

    def moments(field: str) -> list[float]:
        return [moment for pair in same if (moment := getattr(pair, field)) is not None]

    return replace(
        same[0],
        jobs=sums("jobs"),
        beating=sums("beating"),
        failing=sums("failing"),
        last_attempt=sums("last_attempt"),
        cancel_pending=sums("cancel_pending"),
        oldest_claim=min(moments("oldest_claim"), default=None),
        last_claim=max(moments("last_claim"), default=None),
        oldest_beat=min(moments("oldest_beat"), default=None),
        oldest_progress=min(moments("oldest_progress"), default=None),
        oldest_unbeaten=min(moments("oldest_unbeaten"), default=None),
        longest_interval=max(moments("longest_interval"), default=None),
        longest_lease=max(moments("longest_lease"), default=None),
    )


Key = TypeVar("Key", bound=Labels)
Sample = tuple[Labels, Value]


def sum_samples(numbers: Iterable[tuple[Key, int]], zeros: Iterable[Key] = ()) -> Iterator[Sample]:
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
