"""Selects groups of running jobs that may contain a stuck one, so that a healthy fleet costs no extra query. Pure.

`judge` calls no job stuck or suspected whose group is not selected, or that is below the group's threshold: the limits
of a single job are only ever raised above the group's least limits, which are compared here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import Tier
from riverkeeper.verdict.job import RunningPair
from riverkeeper.verdict.judge import RESULT, age
from riverkeeper.verdict.limits import Learned, limits_of, raise_limits
from riverkeeper.verdict.tiers import tier_of
from riverkeeper.verdict.verdict import Limit, LimitInForce, Limits, LimitUsed


@dataclass(frozen=True, slots=True)
class JobGroup:
    """The running jobs of one (queue, kind, priority), with the least limits of any of them, and the highest."""

    pair: RunningPair
    tier: Tier
    least: Limits
    highest: Limits


def group_jobs(policy: Policy, learned: Mapping[str, Learned], pairs: Iterable[RunningPair]) -> tuple[JobGroup, ...]:
    """Each group with its limits. `learned`: by kind."""
    return tuple(_group(policy, learned.get(pair.kind), pair) for pair in pairs)


def _group(policy: Policy, learned: Learned | None, pair: RunningPair) -> JobGroup:
    tier = tier_of(policy, pair.queue, pair.kind, pair.priority)
    least = limits_of(policy, tier, pair.kind, learned)
    by_metadata = pair.undeclared > 0 and pair.longest_interval == policy.heartbeat.metadata_interval
    highest = raise_limits(least, tier, pair.longest_interval, pair.longest_lease, by_metadata=by_metadata)
    return JobGroup(pair, tier, least, highest)


def limits_in_force(group: JobGroup) -> Iterator[LimitInForce]:
    """The highest limits of a group."""
    limits = group.highest
    for limit in (limits.heartbeat, limits.progress, limits.run):
        if limit is not None:
            yield LimitInForce(group.pair.kind, group.tier.name, limit)


def limits_used(group: JobGroup, now: float, path_ok_since: float | None) -> Iterator[LimitUsed]:
    """How near the worst job of a group is to each limit. Heartbeat ages count as in verdicts, or are absent."""
    pair, limits = group.pair, group.highest
    yield from _ratio(group, limits.heartbeat, _verified_age(pair.oldest_beat, now, path_ok_since))
    yield from _ratio(group, limits.progress, _verified_age(pair.oldest_progress, now, path_ok_since))
    yield from _ratio(group, limits.run, age(pair.oldest_claim, now))


def _verified_age(moment: float | None, now: float, path_ok_since: float | None) -> float | None:
    since, verified_for = age(moment, now), age(path_ok_since, now)
    return None if since is None or verified_for is None else min(since, verified_for)


def _ratio(group: JobGroup, limit: Limit | None, value: float | None) -> Iterator[LimitUsed]:
    if limit is not None and value is not None and limit.seconds > 0:
        yield LimitUsed(group.pair.queue, group.pair.kind, group.tier.name, limit.name, value / limit.seconds)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The jobs to select of a group: seconds that must have passed. None: select no job for that."""

    queue: str
    kind: str
    priority: int
    drain: float  # the tier's: a lease raises the heartbeat limit to lease + drain
    heartbeat: float | None = None  # since the last heartbeat
    progress: float | None = None  # since the last progress report
    never_beat: float | None = None  # since the claim, of jobs without any heartbeat
    run: float | None = None  # since the claim
    result: float | None = None  # since the client reported that it gave the claim up
    dead: bool = False  # a client of the group has a process that has ended, by proof

    @property
    def any_passed(self) -> bool:
        """Whether the group may contain a stuck job."""
        passed = (self.heartbeat, self.progress, self.never_beat, self.run, self.result)
        return self.dead or any(threshold is not None for threshold in passed)


def screen_group(group: JobGroup, now: float, path_ok_since: float | None) -> Thresholds:
    """The limits that the oldest of a group has passed at `now`, the database's clock.

    Whether jobs that never beat have a live instance is checked afterwards: that needs a query.
    """
    pair, limits = group.pair, group.least
    progress = _if_passed(limits.progress, pair.oldest_progress, now)
    return Thresholds(
        queue=pair.queue,
        kind=pair.kind,
        priority=pair.priority,
        drain=group.tier.drain,
        heartbeat=_if_passed(limits.heartbeat, pair.oldest_beat, now),
        progress=progress if _if_passed(limits.progress, path_ok_since, now) is not None else None,
        never_beat=_if_passed(limits.heartbeat, pair.oldest_unbeaten, now),
        run=_if_passed(limits.run, pair.oldest_claim, now),
        result=_if_passed(RESULT, pair.oldest_given_up, now),
    )


def _if_passed(limit: Limit | None, oldest: float | None, now: float) -> float | None:
    """The limit in seconds, if the oldest of a group has passed it."""
    since = age(oldest, now)
    return limit.seconds if limit is not None and since is not None and since > limit.seconds else None
