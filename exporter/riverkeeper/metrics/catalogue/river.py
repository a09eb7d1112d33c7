"""Metric families of River itself: its queues, leader, cleaner, migrations and table. Pure."""

from __future__ import annotations

from collections.abc import Callable

from riverkeeper.ledger.names import MAX_QUEUES, OTHER
from riverkeeper.metrics.cardinality import newest, sum_samples
from riverkeeper.metrics.family import Family, MetricType, Per, Samples
from riverkeeper.river.facts import Queue, TableSize
from riverkeeper.river.layout import FINAL_STATES
from riverkeeper.scrape.scrape import Snapshot


def up(snapshot: Snapshot) -> Samples:
    yield (), float(snapshot.up)


def queue_paused(snapshot: Snapshot) -> Samples:
    paused = {name for name, queue in _queues(snapshot) if queue.paused}
    return (((name,), float(name in paused)) for name in {name for name, _ in _queues(snapshot)})


def queue_updated(snapshot: Snapshot) -> Samples:
    return newest(((name,), queue.updated_at) for name, queue in _queues(snapshot))


def refresh_limits(snapshot: Snapshot) -> Samples:
    limits = snapshot.refresh_limits
    return newest(((name,), limits.get(queue.name)) for name, queue in _queues(snapshot))


def slots(snapshot: Snapshot) -> Samples:
    exported = {queue.name: name for name, queue in _queues(snapshot)}
    numbers = (
        ((exported.get(queue) or snapshot.names.queue(queue),), number)
        for queue, number in (snapshot.slots or {}).items()
    )
    return sum_samples(numbers)


def leader_elected(snapshot: Snapshot) -> Samples:
    if snapshot.leader is not None:
        yield (), snapshot.leader.elected_at


def leader_expires(snapshot: Snapshot) -> Samples:
    if snapshot.leader is not None:
        yield (), snapshot.leader.expires_at


def oldest_finalized(snapshot: Snapshot) -> Samples:
    return (((state,), moment) for state, moment in (snapshot.oldest_finalized or {}).items())


def migration_version(snapshot: Snapshot) -> Samples:
    return (((line,), float(version)) for line, version in (snapshot.migrations or {}).items())


def inserted_rows(snapshot: Snapshot) -> Samples:
    tables = ((size.table, size.inserted_rows) for size in snapshot.tables or ())
    return (((table,), float(inserted)) for table, inserted in tables if inserted is not None)


def _queues(snapshot: Snapshot) -> list[tuple[str, Queue]]:
    """River's queue rows under their exported names; queues without any job count among the first names too."""
    rows = snapshot.queues or ()
    room = MAX_QUEUES - len(snapshot.names.queues)
    idle = {row.name for row in [row for row in rows if row.name not in snapshot.names.queues][: max(room, 0)]}
    return [(row.name if row.name in snapshot.names.queues or row.name in idle else OTHER, row) for row in rows]


def _table(number: Callable[[TableSize], int]) -> Callable[[Snapshot], Samples]:
    def samples(snapshot: Snapshot) -> Samples:
        return (((size.table,), float(number(size))) for size in snapshot.tables or ())

    return samples


def _replay_lag(snapshot: Snapshot) -> Samples:
    if snapshot.replay_lag is not None:
        yield (), snapshot.replay_lag


RIVER: tuple[Family[Snapshot], ...] = (
    Family("river_up", MetricType.GAUGE, "1 if this scrape could read River's job table, 0 if not.", (), up),
    Family(
        "river_queue_paused",
        MetricType.GAUGE,
        "1 if the queue is paused for all clients (river_queue.paused_at), 0 if not. Absent if river_queue has no row "
        "for the queue.",
        ("queue",),
        queue_paused,
        per=Per.QUEUE,
    ),
    Family(
        "river_queue_updated_timestamp_seconds",
        MetricType.GAUGE,
        "When a producer last refreshed the queue's row in river_queue (Unix time). While a client works the "
        "queue, River refreshes it every ten minutes (Go), every 30 s (Rust, JavaScript) or every few seconds (Java). "
        "Ruby and Java write the worker's clock, the others the database's. Absent if river_queue has no row for the "
        "queue.",
        ("queue",),
        queue_updated,
        per=Per.QUEUE,
    ),
    Family(
        "riverkeeper_queue_refresh_limit_seconds",
        MetricType.GAUGE,
        "Age of the queue's row at which its producers have missed three refreshes, learned from the refreshes that "
        "this process saw within 25 minutes. Absent where they come seldom, as by River for Go, or fewer than three "
        "were seen: the limit is then 1500 s.",
        ("queue",),
        refresh_limits,
        per=Per.QUEUE,
    ),
    Family(
        "river_slots",
        MetricType.GAUGE,
        "Jobs that the queue's workers can run at once: the sum of max_workers of River Pro's producers that reported "
        "in the last 90 s. Absent without River Pro. The best estimate is then the most jobs that ran at once: "
        'max_over_time(river_jobs{state="running"}[1d]).',
        ("queue",),
        slots,
        per=Per.QUEUE,
    ),
    Family(
        "river_leader_elected_timestamp_seconds",
        MetricType.GAUGE,
        "When the present leader was elected (Unix time, database clock). Absent if no leader is recorded, and on a "
        "standby, which cannot read River's leader table.",
        (),
        leader_elected,
    ),
    Family(
        "river_leader_expires_timestamp_seconds",
        MetricType.GAUGE,
        "When the leader's lease ends unless it is renewed (Unix time, database clock). A time in the past means that "
        "there is no leader. Absent in the same cases as river_leader_elected_timestamp_seconds.",
        (),
        leader_expires,
    ),
    Family(
        "river_oldest_finalized_timestamp_seconds",
        MetricType.GAUGE,
        "finalized_at of the oldest finished job that is still in the table (Unix time). If it is older than River's "
        "retention, River's cleaner does not run. Absent for a state without jobs.",
        ("state",),
        oldest_finalized,
        per=Per.OTHER,
        times=len(FINAL_STATES),
    ),
    Family(
        "river_migration_version",
        MetricType.GAUGE,
        "Applied version of each line of River's migrations. Absent if the database has no table river_migration.",
        ("line",),
        migration_version,
        per=Per.OTHER,
        times=4,
    ),
    Family(
        "river_replay_lag_seconds",
        MetricType.GAUGE,
        "Age of the data on a standby: 0 if the standby has replayed all that it received, else the time since the "
        "last replayed commit. Ages of jobs are measured at the time of the data. Absent on a primary.",
        (),
        _replay_lag,
    ),
    Family(
        "river_table_bytes",
        MetricType.GAUGE,
        "Size of the table in bytes, with its indexes and TOAST.",
        ("table",),
        _table(lambda size: size.bytes),
        per=Per.OTHER,
        times=2,
    ),
    Family(
        "river_table_dead_rows",
        MetricType.GAUGE,
        "Dead rows that wait for vacuum, from the server's statistics. 0 on a standby.",
        ("table",),
        _table(lambda size: size.dead_rows),
        per=Per.OTHER,
        times=2,
    ),
    Family(
        "river_table_live_rows",
        MetricType.GAUGE,
        "Live rows, from the server's statistics. 0 on a standby.",
        ("table",),
        _table(lambda size: size.live_rows),
        per=Per.OTHER,
        times=2,
    ),
    Family(
        "river_table_inserted_rows_total",
        MetricType.COUNTER,
        "Rows inserted into the table, from the server's statistics. For river_job: the inserted jobs. Jobs of "
        "transactions that rolled back count; duplicates of unique jobs do not. Starts again at 0 when the server's "
        "statistics are reset. Absent on a standby, and for a partitioned table.",
        ("table",),
        inserted_rows,
        per=Per.OTHER,
        times=2,
    ),
)
