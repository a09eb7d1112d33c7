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
        "riverkeeper_build_info",
        MetricType.GAUGE,
        "Always 1. The label is the version of Riverkeeper.",
        ("version",),
        build_info,
    ),
    Family(
        "riverkeeper_target_info",
        MetricType.GAUGE,
        "Always 1. The labels are the database, the River schema and the keeper schema that this page describes. "
        "Absent while the database is down.",
        ("database", "river_schema", "keeper_schema"),
        target_info,
    ),
    Family(
        "riverkeeper_query_success",
        MetricType.GAUGE,
        "1 if the query succeeded in this scrape or in the last step of maintenance, 0 if it failed. The metrics of a "
        "failed query are absent. The front page shows the error.",
        ("query",),
        query_success,
        per=Per.OTHER,
        times=QUERIES,
    ),
    Family(
        "riverkeeper_query_duration_seconds",
        MetricType.GAUGE,
        "How long the query took in this scrape or in the last step of maintenance.",
        ("query",),
        query_duration,
        per=Per.OTHER,
        times=QUERIES,
    ),
    Family(
        "riverkeeper_snapshot_timestamp_seconds",
        MetricType.GAUGE,
        "When the numbers on this page were read (Unix time, database clock). Absent while the database is down.",
        (),
        snapshot_timestamp,
    ),
    Family(
        "riverkeeper_clock_skew_seconds",
        MetricType.GAUGE,
        "Clock of this process minus the clock of the database. Absent while the database is down.",
        (),
        clock_skew,
    ),
    Family(
        "riverkeeper_folded_pairs",
        MetricType.GAUGE,
        'Live pairs of queue and kind that have no series of their own. They count under kind="other" '
        "(collect.max_pairs).",
        (),
        folded_pairs,
    ),
    Family(
        "riverkeeper_fence_installed",
        MetricType.GAUGE,
        "1 if the fence is in force: its triggers are enabled on River's job table and on each of its partitions. 0 if "
        "not: a late result may then end the next attempt of its job. Absent if this login cannot see the triggers.",
        (),
        fence_installed,
    ),
    Family(
        "riverkeeper_ledger_durable",
        MetricType.GAUGE,
        "1 if finished jobs are counted in the keeper schema. 0 if they are counted in the memory of this process: "
        "counters then begin at 0 with it, and replicas differ.",
        (),
        ledger_durable,
    ),
    Family(
        "riverkeeper_ledger_timestamp_seconds",
        MetricType.GAUGE,
        "When the finished jobs on this page were counted (Unix time, database clock): at most about 15 s before the "
        "scrape. Absent after more than a minute without a count; the counters are then absent too.",
        (),
        ledger_timestamp,
    ),
    Family(
        "riverkeeper_ledger_late_rows_total",
        MetricType.COUNTER,
        "Finished jobs that were counted late, because their rows became visible long after their finalized_at. The "
        "ledger keeps this number: while the ledger is durable, all replicas show the same.",
        (),
        ledger_late_rows,
    ),
)
