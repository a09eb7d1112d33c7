"""Metric families of verdicts: what is stuck and why, and how near the rest is to its limits. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from riverkeeper.ledger.counts import WAIT_EDGES
from riverkeeper.ledger.names import Pair
from riverkeeper.metrics.cardinality import earliest, recent_pairs, sum_samples
from riverkeeper.metrics.family import Family, MetricType, Per, Samples, format_edge
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.verdict.verdict import STUCK, SUSPECTED, LimitName, Reason


def jobs_stuck(snapshot: Snapshot) -> Samples:
    return () if snapshot.verdicts is None else _counted(snapshot, snapshot.verdicts.counts, STUCK)


def jobs_suspected(snapshot: Snapshot) -> Samples:
    return () if snapshot.verdicts is None else _counted(snapshot, snapshot.verdicts.suspected_counts, SUSPECTED)


def _counted(snapshot: Snapshot, found: Mapping[tuple[str, str, str, str], int], reasons: Iterable[Reason]) -> Samples:
    """A zero for each reason and tier of a pair that was seen within the hour, so that an alert can resolve."""
    recent = recent_pairs(snapshot)
    tiers = snapshot.verdicts.pair_tiers if snapshot.verdicts else frozenset()
    known = [(queue, kind, tier) for queue, kind, tier in tiers if (queue, kind) in recent]
    counts = (
        ((*_pair(snapshot, queue, kind), tier, reason), jobs) for (queue, kind, tier, reason), jobs in found.items()
    )
    return sum_samples(counts, ((*place, reason.value) for place in known for reason in reasons))


def stuck_since(snapshot: Snapshot) -> Samples:
    since = snapshot.verdicts.stuck_since if snapshot.verdicts else {}
    return earliest(((*_pair(snapshot, queue, kind), tier), moment) for (queue, kind, tier), moment in since.items())


def limit_seconds(snapshot: Snapshot) -> Samples:
    if snapshot.verdicts is None:
        return ()
    kinds = {kind for _, kind in snapshot.names.pairs}
    limits: dict[tuple[str, str, str], float] = {}
    for entry in snapshot.verdicts.limits:
        if entry.kind in kinds or not entry.kind:
            limits[entry.kind, entry.tier, entry.limit.name.value] = entry.limit.seconds
    return limits.items()


def limit_used(snapshot: Snapshot) -> Samples:
    worst: dict[tuple[str, str, str, str], float] = {}
    for used in snapshot.verdicts.used if snapshot.verdicts else ():
        pair = _pair(snapshot, used.queue, used.kind) if used.kind else (snapshot.names.queue(used.queue), "")
        key = (*pair, used.tier, used.limit.value)
        if math.isfinite(used.ratio):
            worst[key] = max(used.ratio, worst.get(key, 0.0))
    return worst.items()


def wait_limits(snapshot: Snapshot) -> Samples:
    """One series of each queue and priority, to be joined to the histogram of waits. What is folded has the first."""
    limits: dict[tuple[str, str], tuple[tuple[str, str, str, str], float]] = {}
    for wait in snapshot.verdicts.wait_limits if snapshot.verdicts else ():
        queue, priority = snapshot.names.queue(wait.queue), str(wait.priority)
        edge = next((edge for edge in WAIT_EDGES if edge >= wait.seconds), math.inf)
        limits.setdefault((queue, priority), ((queue, priority, wait.tier, format_edge(edge)), wait.seconds))
    return limits.values()


def policy_raised(snapshot: Snapshot) -> Samples:
    if snapshot.verdicts is None:
        return ()
    tiers = {entry.tier for entry in snapshot.verdicts.limits}
    known = {(tier, LimitName.HEARTBEAT.value) for tier in tiers} | snapshot.verdicts.raised
    return ((key, float(key in snapshot.verdicts.raised)) for key in known)


def _pair(snapshot: Snapshot, queue: str, kind: str) -> Pair:
    return snapshot.names.pair((queue, kind))


TIERS_OF_A_PAIR = 2  # a kind is of one tier, or of two where priorities differ

STUCK_FAMILIES: tuple[Family[Snapshot], ...] = (
    Family(
        "river_jobs_stuck",
        MetricType.GAUGE,
        "Running attempts that are stuck, by reason: worker_dead, worker_lost, abandoned, orphaned, hung, over_budget, "
        "rescue_loop. "
        "0 for kinds seen in the last hour. Attempts that cannot be proven stuck are in river_jobs_suspected.",
        ("queue", "kind", "tier", "reason"),
        jobs_stuck,
        per=Per.PAIR,
        times=TIERS_OF_A_PAIR * len(STUCK),
    ),
    Family(
        "river_jobs_suspected",
        MetricType.GAUGE,
        "Running attempts that may be stuck, but cannot be proven stuck, by reason: path_unverified (the heartbeat "
        "path is not verified), beats_missing (River sees their client at work, but its heartbeats do not arrive), "
        "worker_suspect (no heartbeats, and another client has taken its place). 0 for kinds seen in the last hour.",
        ("queue", "kind", "tier", "reason"),
        jobs_suspected,
        per=Per.PAIR,
        times=TIERS_OF_A_PAIR * len(SUSPECTED),
    ),
    Family(
        "river_job_oldest_stuck_timestamp_seconds",
        MetricType.GAUGE,
        "When the attempt that has been stuck or suspected longest passed its limit (Unix time, database clock). Proof "
        "that comes later does not change it. over_budget and rescue_loop do not count. Absent if nothing is stuck.",
        ("queue", "kind", "tier"),
        stuck_since,
        per=Per.PAIR,
        times=TIERS_OF_A_PAIR,
    ),
    Family(
        "river_job_limit_seconds",
        MetricType.GAUGE,
        "The limit in force: heartbeat, progress, run, wait or silence. A wait limit holds for all kinds: its kind is "
        "empty. Absent if there is no limit.",
        ("kind", "tier", "limit"),
        limit_seconds,
        per=Per.PAIR,
        times=TIERS_OF_A_PAIR * len(LimitName),
    ),
    Family(
        "river_queue_wait_limit_seconds",
        MetricType.GAUGE,
        "How long a due job of this queue and priority may wait: the wait limit of its tier. The label bucket is the "
        "bucket (le) of river_job_wait_duration_seconds that holds the waits within the limit. If the limit lies "
        "between two buckets, it is the larger one. Absent if the tier has no wait limit.",
        ("queue", "priority", "tier", "bucket"),
        wait_limits,
        per=Per.QUEUE,
        times=4,
    ),
    Family(
        "river_job_limit_used_ratio",
        MetricType.GAUGE,
        "The worst present value as a share of its limit, by the database's clock: 1 is at the limit. For wait, kind "
        "is empty. Absent if there is no limit, or no job that it applies to.",
        ("queue", "kind", "tier", "limit"),
        limit_used,
        per=Per.PAIR,
        times=TIERS_OF_A_PAIR * len(LimitName),
    ),
    Family(
        "riverkeeper_policy_raised",
        MetricType.GAUGE,
        "1 if the limit in force is above the tier's own, because clients declare longer intervals or leases. 0 if "
        "not.",
        ("tier", "limit"),
        policy_raised,
        per=Per.OTHER,
        times=8,  # heartbeat and progress of four tiers
    ),
)
