"""Which rows need to be looked at one by one? A healthy fleet has none, and costs no question. Pure.

A job that `judge` would call stuck or suspected is always in a group that is sought, by a threshold that it has passed:
limits are only ever raised above those that are compared here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import Tier
from riverkeeper.verdict.job import RunningPair
from riverkeeper.verdict.judge import RESULT, age
from riverkeeper.verdict.limits import Learned, limits_of, raised
from riverkeeper.verdict.tiers import tier_of
from riverkeeper.verdict.verdict import Limit, LimitInForce, Limits, LimitUsed


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
    ours = pair.undeclared > 0 and pair.longest_interval == policy.heartbeat.metadata_interval
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


@dataclass(frozen=True, slots=True)
class Sought:
    """What to look for among the jobs of a group: seconds that must have passed; None: not looked for."""

    queue: str
    kind: str
    priority: int
    drain: float  # the tier's: a lease raises the limit of silence to lease + drain
    silent: float | None = None  # since the last beat
    still: float | None = None  # since the last progress
    unbeaten: float | None = None  # since the claim, without any beat
    took: float | None = None  # since the claim
    ended: float | None = None  # since its client gave the claim up

    @property
    def is_anything(self) -> bool:
        return (self.silent, self.still, self.unbeaten, self.took, self.ended) != (None, None, None, None, None)


def sought(cell: Cell, now: float, path_ok_since: float | None) -> Sought:
    """What may be stuck in a group. Whether anybody can speak for jobs that never beat is asked afterwards."""
    pair, limits = cell.pair, cell.least
    silent = _passed(limits.heartbeat, pair.oldest_beat, now)
    still = _passed(limits.progress, pair.oldest_progress, now)
    return Sought(
        queue=pair.queue,
        kind=pair.kind,
        priority=pair.priority,
        drain=cell.tier.drain,
        silent=silent,
        still=still if _passed(limits.progress, path_ok_since, now) is not None else None,
        unbeaten=_passed(limits.heartbeat, pair.oldest_unbeaten, now),
        took=_passed(limits.run, pair.oldest_claim, now),
        ended=_passed(RESULT, pair.oldest_given_up, now),
    )


def _passed(limit: Limit | None, oldest: float | None, now: float) -> float | None:
    """The limit in seconds, if the oldest of a group has passed it."""
    since = age(oldest, now)
    return limit.seconds if limit is not None and since is not None and since > limit.seconds else None
