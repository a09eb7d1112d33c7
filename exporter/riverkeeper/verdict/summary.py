"""The verdicts of one reading as metrics and pages use them: counts, limits in force, what is used of them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from riverkeeper.ledger.names import OTHER, Pair
from riverkeeper.ledger.totals import Finished
from riverkeeper.river.facts import Running
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.verdict.assign import tier_of, wait_tier
from riverkeeper.verdict.cells import Cell, cells, in_force, used
from riverkeeper.verdict.facts import Partition
from riverkeeper.verdict.judge import age
from riverkeeper.verdict.judged import Judged, LimitInForce, LimitUsed
from riverkeeper.verdict.learned import Learned
from riverkeeper.verdict.limits import limits_of, silence_limit, wait_limit
from riverkeeper.verdict.tiers import Policy
from riverkeeper.verdict.verdict import StuckJob

USUAL_PRIORITY = 1  # of a kind that is not running: River's default


@dataclass(frozen=True, slots=True)
class Suspects:
    """The rows that were looked at one by one."""

    stuck: tuple[StuckJob, ...]
    complete: bool
    path_ok_since: float | None
    suspected: tuple[StuckJob, ...] = ()


def judged(
    policy: Policy, learned: Mapping[str, Learned], running: Running, now: float, snapshot: Snapshot, suspects: Suspects
) -> Judged:
    """All that the page says of verdicts; of `snapshot`, what waits, what has finished, and names."""
    since = suspects.path_ok_since
    groups = cells(policy, learned, running.pairs)
    limits = [limit for cell in groups for limit in in_force(cell)]
    limits += _of_idle(policy, learned, snapshot.names.pairs, {(limit.kind, limit.tier) for limit in limits})
    stuck = _longest_first(suspects.stuck)
    return Judged(
        stuck=stuck,
        counts=_counts(stuck),
        limits=(*_worst(limits), *_of_waits(policy)),
        used=tuple(_used(policy, groups, snapshot, stuck, now, since)),
        raised=frozenset(_raised(limits, stuck)),
        path_ok_since=since,
        complete=suspects.complete,
        suspected=_longest_first(suspects.suspected),
        suspected_counts=_counts(suspects.suspected),
    )


def _longest_first(jobs: Iterable[StuckJob]) -> tuple[StuckJob, ...]:
    return tuple(sorted(jobs, key=lambda one: one.verdict.passed_for or 0.0, reverse=True))


def _counts(jobs: Iterable[StuckJob]) -> Counter[tuple[str, str, str, str]]:
    return Counter((s.job.queue, s.job.kind, s.verdict.tier, s.verdict.reason.value) for s in jobs)


def _of_idle(
    policy: Policy, learned: Mapping[str, Learned], pairs: Iterable[Pair], running: set[tuple[str, str]]
) -> Iterator[LimitInForce]:
    """Limits of kinds of which nothing runs now in that tier, so that their series stay; and all limits of silence."""
    for queue, kind in pairs:
        if kind == OTHER:
            continue
        tier = tier_of(policy, queue, kind, USUAL_PRIORITY)
        idle = limits_of(policy, tier, kind, learned.get(kind))
        here = () if (kind, tier.name) in running else (idle.heartbeat, idle.progress, idle.run)
        for limit in (*here, silence_limit(tier)):
            if limit is not None:
                yield LimitInForce(kind, tier.name, limit)


def _worst(limits: Iterable[LimitInForce]) -> list[LimitInForce]:
    """Of one kind and tier in several queues, the longest."""
    found: dict[tuple[str, str, str], LimitInForce] = {}
    for one in limits:
        key = one.kind, one.tier, one.limit.name.value
        if key not in found or found[key].limit.seconds < one.limit.seconds:
            found[key] = one
    return list(found.values())


def _of_waits(policy: Policy) -> Iterator[LimitInForce]:
    for tier in policy.tiers.values():
        if (limit := wait_limit(tier)) is not None:
            yield LimitInForce("", tier.name, limit)


def _used(
    policy: Policy,
    groups: Iterable[Cell],
    snapshot: Snapshot,
    stuck: Iterable[StuckJob],
    now: float,
    since: float | None,
) -> Iterator[LimitUsed]:
    for cell in groups:
        yield from used(cell, now, since)
    for one in stuck:  # limits of single jobs may be below the highest of their group
        verdict = one.verdict
        if verdict.limit is not None and verdict.value is not None and verdict.limit.seconds > 0:
            share = verdict.value / verdict.limit.seconds
            yield LimitUsed(one.job.queue, one.job.kind, verdict.tier, verdict.limit.name, share)
    yield from _waits(policy, snapshot.partitions or (), now)
    yield from _silences(policy, snapshot.finished, now)


def _waits(policy: Policy, partitions: Iterable[Partition], now: float) -> Iterator[LimitUsed]:
    """A job that will be due later waits for nobody."""
    for part in partitions:
        tier = wait_tier(policy, part.queue, part.priority)
        limit = wait_limit(tier)
        if part.state == "available" and limit is not None:
            waited = now - part.first_at if part.due else 0.0
            yield LimitUsed(part.queue, "", tier.name, limit.name, max(waited, 0.0) / limit.seconds)


def _silences(policy: Policy, finished: Finished | None, now: float) -> Iterator[LimitUsed]:
    for pair in finished.pairs if finished else ():
        tier = tier_of(policy, pair.queue, pair.kind, USUAL_PRIORITY)
        limit, silent = silence_limit(tier), age(pair.last_finished, now)
        if limit is not None and silent is not None and pair.kind != OTHER:
            yield LimitUsed(pair.queue, pair.kind, tier.name, limit.name, silent / limit.seconds)


def _raised(limits: Iterable[LimitInForce], stuck: Iterable[StuckJob]) -> Iterator[tuple[str, str]]:
    for one in limits:
        if one.limit.raised:
            yield one.tier, one.limit.name.value
    for job in stuck:
        if job.verdict.limit is not None and job.verdict.limit.raised:
            yield job.verdict.tier, job.verdict.limit.name.value
