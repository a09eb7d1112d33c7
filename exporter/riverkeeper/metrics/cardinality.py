"""A snapshot whose pairs are put together under the names they are exported by, once for all families. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from riverkeeper.ledger.counts import latest
from riverkeeper.ledger.names import Names, Pair
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
    """Parts of one name and state, or priority, together, each under that name."""
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
