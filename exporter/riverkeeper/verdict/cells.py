"""Running jobs of one (queue, kind, priority) together: their tier, their limits, how much of them is used. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from riverkeeper.verdict.assign import tier_of
from riverkeeper.verdict.facts import RunningPair
from riverkeeper.verdict.judge import age
from riverkeeper.verdict.judged import LimitInForce, LimitUsed
from riverkeeper.verdict.learned import Learned
from riverkeeper.verdict.limits import limits_of, raised
from riverkeeper.verdict.tiers import Policy, Tier
from riverkeeper.verdict.verdict import Limit, Limits


@dataclass(frozen=True, slots=True)
class Cell:
    """A group of running jobs, with the least limits that any of them can have, and the highest in force."""

    pair: RunningPair
    tier: Tier
    least: Limits
    highest: Limits


def cells(policy: Policy, learned: Mapping[str, Learned], pairs: Iterable[RunningPair]) -> tuple[Cell, ...]:
    """Each group with its limits."""
    return tuple(_cell(policy, learned.get(pair.kind), pair) for pair in pairs)


def _cell(policy: Policy, learned: Learned | None, pair: RunningPair) -> Cell:
    tier = tier_of(policy, pair.queue, pair.kind, pair.priority)
    least = limits_of(policy, tier, pair.kind, learned)
    ours = pair.undeclared > 0 and pair.longest_interval == policy.metadata_interval
    highest = raised(least, tier, pair.longest_interval, pair.longest_lease, by_metadata=ours)
    return Cell(pair, tier, least, highest)


def in_force(cell: Cell) -> Iterator[LimitInForce]:
    """Its limits, for the page of metrics."""
    limits = cell.highest
    for limit in (limits.heartbeat, limits.progress, limits.run):
        if limit is not None:
            yield LimitInForce(cell.pair.kind, cell.tier.name, limit)


def used(cell: Cell, now: float, path_ok_since: float | None) -> Iterator[LimitUsed]:
    """How near the worst of its jobs is to each limit. Silence counts as in verdicts, or is absent."""
    pair, limits = cell.pair, cell.highest
    yield from _ratio(cell, limits.heartbeat, _silence(pair.oldest_beat, now, path_ok_since))
    yield from _ratio(cell, limits.progress, _silence(pair.oldest_progress, now, path_ok_since))
    yield from _ratio(cell, limits.run, age(pair.oldest_claim, now))


def _silence(moment: float | None, now: float, path_ok_since: float | None) -> float | None:
    since, open_for = age(moment, now), age(path_ok_since, now)
    return None if since is None or open_for is None else min(since, open_for)


def _ratio(cell: Cell, limit: Limit | None, value: float | None) -> Iterator[LimitUsed]:
    if limit is not None and value is not None and limit.seconds > 0:
        yield LimitUsed(cell.pair.queue, cell.pair.kind, cell.tier.name, limit.name, value / limit.seconds)
