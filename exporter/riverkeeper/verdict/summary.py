"""Summarizes the verdicts of one scrape for metrics and pages: counts, limits in force, shares used of them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Protocol

from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import BY_PRIORITY
from riverkeeper.verdict.job import Partition, RunningPair
from riverkeeper.verdict.judge import age
from riverkeeper.verdict.limits import Learned, limits_of, silence_limit, wait_limit
from riverkeeper.verdict.screening import JobGroup, group_jobs, limits_in_force, limits_used
from riverkeeper.verdict.suspects import Suspects
from riverkeeper.verdict.tiers import tier_of, wait_tier
from riverkeeper.verdict.verdict import FOR_OPERATOR, LimitInForce, LimitUsed, StuckJob, VerdictSummary, WaitLimit

Pair = tuple[str, str]  # (queue, kind)
USUAL_PRIORITY = 1  # of a kind that is not running: River's default


class JudgedScrape(Protocol):
    """What the supervisor needs of a scrape."""

    @property
    def verdicts(self) -> VerdictSummary | None: ...

    @property
    def now(self) -> float | None:
        """Start of the scrape, the database's clock; None when it failed."""

    @property
    def began_at(self) -> float | None:
        """lease_clock() before the first query."""

    @property
    def error(self) -> str | None: ...


def summarize(
    policy: Policy,
    learned: Mapping[str, Learned],
    running: Iterable[RunningPair],
    now: float,
    suspects: Suspects,
    *,
    pairs: Collection[Pair] = (),
    partitions: Collection[Partition] = (),
    last_finished: Mapping[Pair, float | None] | None = None,
    waited: Collection[tuple[str, int]] = (),
) -> VerdictSummary:
    """All that metrics and pages show of verdicts at `now`, the database's clock.

    `pairs`: all known pairs, running or not. `last_finished`: when each last finished a job; None where never.
    `waited`: queues and priorities of finished jobs.
    """
    since = suspects.path_ok_since
    groups = group_jobs(policy, learned, running)
    limits = [limit for group in groups for limit in limits_in_force(group)]
    limits += _of_idle(policy, learned, pairs, {(limit.kind, limit.tier) for limit in limits})
    stuck = _longest_first(suspects.stuck)
    return VerdictSummary(
        stuck=stuck,
        counts=_counts(stuck),
        limits=(*_worst(limits), *_of_waits(policy)),
        used=(
            *_used_by_running(groups, stuck, now, since),
            *_used_by_waits(policy, partitions, now),
            *_used_by_silence(policy, last_finished or {}, now),
        ),
        raised=frozenset(_raised(limits, stuck)),
        path_ok_since=since,
        complete=suspects.complete,
        suspected=_longest_first(suspects.suspected),
        suspected_counts=_counts(suspects.suspected),
        stuck_since=_find_stuck_since((*suspects.stuck, *suspects.suspected), now),
        wait_limits=tuple(_find_wait_limits(policy, pairs, partitions)),
        pair_tiers=frozenset(_find_pair_tiers(policy, pairs, (*_priorities(partitions), *waited))),
    )


def _longest_first(jobs: Iterable[StuckJob]) -> tuple[StuckJob, ...]:
    return tuple(sorted(jobs, key=lambda stuck: stuck.verdict.passed_for or 0.0, reverse=True))


def _counts(jobs: Iterable[StuckJob]) -> Counter[tuple[str, str, str, str]]:
    return Counter((s.job.queue, s.job.kind, s.verdict.tier, s.verdict.reason.value) for s in jobs)


def _find_stuck_since(jobs: Iterable[StuckJob], now: float) -> dict[tuple[str, str, str], float]:
    """When the job that has been stuck or suspected longest passed its limit, of those that a rescuer may take."""
    since: dict[tuple[str, str, str], float] = {}
    for stuck in jobs:
        verdict, key = stuck.verdict, (stuck.job.queue, stuck.job.kind, stuck.verdict.tier)
        if verdict.reason not in FOR_OPERATOR and verdict.stuck_for is not None:
            since[key] = min(now - verdict.stuck_for, since.get(key, now))
    return since


def _of_idle(
    policy: Policy, learned: Mapping[str, Learned], pairs: Iterable[Pair], running: set[tuple[str, str]]
) -> Iterator[LimitInForce]:
    """Limits of kinds of which nothing runs now in that tier, so that their series stay; and all limits of silence."""
    for queue, kind in pairs:
        tier = tier_of(policy, queue, kind, USUAL_PRIORITY)
        idle = limits_of(policy, tier, kind, learned.get(kind))
        here = () if (kind, tier.name) in running else (idle.heartbeat, idle.progress, idle.run)
        for limit in (*here, silence_limit(tier)):
            if limit is not None:
                yield LimitInForce(kind, tier.name, limit)


def _worst(limits: Iterable[LimitInForce]) -> list[LimitInForce]:
    """Of one kind and tier in several queues, the longest."""
    found: dict[tuple[str, str, str], LimitInForce] = {}
    for entry in limits:
        key = entry.kind, entry.tier, entry.limit.name.value
        if key not in found or found[key].limit.seconds < entry.limit.seconds:
            found[key] = entry
    return list(found.values())


def _of_waits(policy: Policy) -> Iterator[LimitInForce]:
    for tier in policy.tiers.values():
        if (limit := wait_limit(tier)) is not None:
            yield LimitInForce("", tier.name, limit)


def _find_wait_limits(policy: Policy, pairs: Iterable[Pair], partitions: Iterable[Partition]) -> Iterator[WaitLimit]:
    for queue in sorted({queue for queue, _ in pairs} | {part.queue for part in partitions}):
        for priority in BY_PRIORITY:
            tier = wait_tier(policy, queue, priority)
            if (limit := wait_limit(tier)) is not None:
                yield WaitLimit(queue, priority, tier.name, limit.seconds)


def _priorities(partitions: Iterable[Partition]) -> Iterator[tuple[str, int]]:
    return ((part.queue, part.priority) for part in partitions)


def _find_pair_tiers(
    policy: Policy, pairs: Iterable[Pair], priorities: Iterable[tuple[str, int]]
) -> Iterator[tuple[str, str, str]]:
    """Nothing tells the priorities of one kind that does not run: they are taken to be those of its queue."""
    by_queue: dict[str, set[int]] = {}
    for queue, priority in priorities:
        by_queue.setdefault(queue, set()).add(priority)
    for queue, kind in pairs:
        for priority in by_queue.get(queue, {USUAL_PRIORITY}):
            yield queue, kind, tier_of(policy, queue, kind, priority).name


def _used_by_running(
    groups: Iterable[JobGroup], stuck: Iterable[StuckJob], now: float, since: float | None
) -> Iterator[LimitUsed]:
    for group in groups:
        yield from limits_used(group, now, since)
    for stuck_job in stuck:  # limits of single jobs may be below the highest of their group
        verdict = stuck_job.verdict
        if verdict.limit is not None and verdict.value is not None and verdict.limit.seconds > 0:
            share = verdict.value / verdict.limit.seconds
            yield LimitUsed(stuck_job.job.queue, stuck_job.job.kind, verdict.tier, verdict.limit.name, share)


def _used_by_waits(policy: Policy, partitions: Iterable[Partition], now: float) -> Iterator[LimitUsed]:
    """A job that will be due later waits for nobody."""
    for part in partitions:
        tier = wait_tier(policy, part.queue, part.priority)
        limit = wait_limit(tier)
        if part.state == "available" and limit is not None:
            waited = now - part.first_at if part.due else 0.0
            yield LimitUsed(part.queue, "", tier.name, limit.name, max(waited, 0.0) / limit.seconds)


def _used_by_silence(policy: Policy, last_finished: Mapping[Pair, float | None], now: float) -> Iterator[LimitUsed]:
    for (queue, kind), moment in last_finished.items():
        tier = tier_of(policy, queue, kind, USUAL_PRIORITY)
        limit, silent = silence_limit(tier), age(moment, now)
        if limit is not None and silent is not None:
            yield LimitUsed(queue, kind, tier.name, limit.name, silent / limit.seconds)


def _raised(limits: Iterable[LimitInForce], stuck: Iterable[StuckJob]) -> Iterator[tuple[str, str]]:
    for entry in limits:
        if entry.limit.raised:
            yield entry.tier, entry.limit.name.value
    for job in stuck:
        if job.verdict.limit is not None and job.verdict.limit.raised:
            yield job.verdict.tier, job.verdict.limit.name.value
