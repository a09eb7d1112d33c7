"""Metric families about the exporter and its queries, which show whether a page can be trusted. Pure."""

from __future__ import annotations

from riverkeeper import __version__
from riverkeeper.metrics.family import Family, MetricType, Per, Samples
from riverkeeper.scrape.scrape import Snapshot

QUERIES = 19  # of a scrape and of a step of maintenance


def build_info(_: Snapshot) -> Samples:
    yield (__version__,), 1.0


def target_info(snapshot: Snapshot) -> Samples:
    if target := snapshot.target:
        yield (target.database, target.river_schema, target.keeper_schema), 1.0


def query_success(snapshot: Snapshot) -> Samples:
    return (((query.name,), float(query.error is None)) for query in snapshot.queries)


def query_duration(snapshot: Snapshot) -> Samples:
    return (((query.name,), query.seconds) for query in snapshot.queries)


def snapshot_timestamp(snapshot: Snapshot) -> Samples:
    if snapshot.now is not None:
        yield (), snapshot.now


def clock_skew(snapshot: Snapshot) -> Samples:
    if snapshot.clock_skew is not None:
        yield (), snapshot.clock_skew


def folded_pairs(snapshot: Snapshot) -> Samples:
    if snapshot.folded_pairs is not None:
        yield (), float(snapshot.folded_pairs)


def fence_installed(snapshot: Snapshot) -> Samples:
    if snapshot.fence is not None:
        yield (), float(snapshot.fence.in_force)


def ledger_durable(snapshot: Snapshot) -> Samples:
    if snapshot.finished is not None:
        yield (), float(snapshot.finished.durable)


def ledger_timestamp(snapshot: Snapshot) -> Samples:
    if snapshot.finished_at is not None:
        yield (), snapshot.finished_at


def ledger_late_rows(snapshot: Snapshot) -> Samples:
    if snapshot.finished is not None:
        yield (), float(snapshot.finished.late_rows)


EXPORTER: tuple[Family[Snapshot], ...] = (
    Family(
        "riverkeeper_build_info", MetricType.GAUGE, "Always 1; the version of Riverkeeper.", ("version",), build_info
    ),
    Family(
        "riverkeeper_target_info",
        MetricType.GAUGE,
        "Always 1; the database, River schema and keeper schema that the numbers on this page are from. Absent while "
        "the database is down.",
        ("database", "river_schema", "keeper_schema"),
        target_info,
    ),
    Family(
        "riverkeeper_query_success",
        MetricType.GAUGE,
        "1 if the query succeeded in this scrape, or in the last step of maintenance; 0 if it failed: its metrics are "
        "then absent. The front page shows the error.",
        ("query",),
        query_success,
        per=Per.OTHER,
        times=QUERIES,
    ),
    Family(
        "riverkeeper_query_duration_seconds",
        MetricType.GAUGE,
        "How long the query took, in this scrape or in the last step of maintenance.",
        ("query",),
        query_duration,
        per=Per.OTHER,
        times=QUERIES,
    ),
    Family(
        "riverkeeper_snapshot_timestamp_seconds",
        MetricType.GAUGE,
        "When the numbers on this page were read (Unix time of the database). Absent while the database is down.",
        (),
        snapshot_timestamp,
    ),
    Family(
        "riverkeeper_clock_skew_seconds",
        MetricType.GAUGE,
        "Clock of this process minus clock of the database. Absent while the database is down.",
        (),
        clock_skew,
    ),
    Family(
        "riverkeeper_folded_pairs",
        MetricType.GAUGE,
        'Live (queue, kind) pairs without series of their own, counted under kind="other" (collect.max_pairs).',
        (),
        folded_pairs,
    ),
    Family(
        "riverkeeper_fence_installed",
        MetricType.GAUGE,
        "1 if the fence is in force: its triggers are on River's job table and on each of its partitions, and enabled. "
        "0 if not: a late result may then end the next attempt of its job. Absent where this login cannot see it.",
        (),
        fence_installed,
    ),
    Family(
        "riverkeeper_ledger_durable",
        MetricType.GAUGE,
        "1 if finished jobs are counted in the keeper schema, 0 if in this process' memory: then counters begin "
        "at 0 with it, and replicas differ.",
        (),
        ledger_durable,
    ),
    Family(
        "riverkeeper_ledger_timestamp_seconds",
        MetricType.GAUGE,
        "When the finished jobs on this page were counted (Unix time of the database): at most about 15 s before the "
        "scrape. Absent, as the counters are, where that is more than a minute ago.",
        (),
        ledger_timestamp,
    ),
    Family(
        "riverkeeper_ledger_late_rows_total",
        MetricType.COUNTER,
        "Finished jobs that were counted only when their slot was read again: they became visible long after their "
        "finalized_at. Kept with the ledger: while it is durable, equal on every replica.",
        (),
        ledger_late_rows,
    ),
)
