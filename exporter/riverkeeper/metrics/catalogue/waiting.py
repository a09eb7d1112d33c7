"""Metric families of live jobs, above all those that wait. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from riverkeeper.metrics.cardinality import earliest, recent_pairs, recent_queues, sum_samples
from riverkeeper.metrics.family import Family, MetricType, Per, Samples
from riverkeeper.river.facts import LiveKind
from riverkeeper.river.layout import LIVE_STATES
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.verdict.job import Partition, RunningPair

PRIORITIES = ("1", "2", "3", "4")
WAITING_STATES = tuple(state for state in LIVE_STATES if state != "running")
OVERDUE_STATES = ("retryable", "scheduled")


def jobs(snapshot: Snapshot) -> Samples:
    if snapshot.partitions is not None:
        counts = (((snapshot.names.queue(part.queue), part.state), part.jobs) for part in snapshot.partitions)
        yield from sum_samples(counts, _zeros(snapshot, WAITING_STATES))
    if snapshot.running is not None:
        counts = (((snapshot.names.queue(pair.queue), "running"), pair.jobs) for pair in snapshot.running.pairs)
        yield from sum_samples(counts, _zeros(snapshot, ("running",)))


def jobs_estimated(snapshot: Snapshot) -> Samples:
    if snapshot.partitions is None:
        return
    estimated = {(snapshot.names.queue(part.queue), part.state): 0 for part in snapshot.partitions}
    for part in snapshot.partitions:
        if part.estimated:
            estimated[snapshot.names.queue(part.queue), part.state] = 1
    yield from sum_samples(estimated.items(), _zeros(snapshot, LIVE_STATES))


def jobs_by_kind(snapshot: Snapshot) -> Samples:
    if snapshot.waiting_kinds is not None:
        incomplete = {
            (snapshot.names.queue(kind.queue), kind.state) for kind in snapshot.waiting_kinds if not kind.complete
        }
        yield from _by_kind(snapshot, snapshot.waiting_kinds, incomplete)
    if snapshot.running is not None:
        counts = (((*snapshot.names.pair((p.queue, p.kind)), "running"), p.jobs) for p in snapshot.running.pairs)
        yield from sum_samples(counts, ((*pair, "running") for pair in recent_pairs(snapshot)))


def _by_kind(snapshot: Snapshot, kinds: tuple[LiveKind, ...], incomplete: set[tuple[str, str]]) -> Samples:
    counts = (
        ((*snapshot.names.pair((kind.queue, kind.kind)), kind.state), kind.jobs)
        for kind in kinds
        if (snapshot.names.queue(kind.queue), kind.state) not in incomplete
    )
    zeros = (
        (queue, kind, state)
        for queue, kind in recent_pairs(snapshot)
        for state in WAITING_STATES
        if (queue, state) not in incomplete
    )
    return sum_samples(counts, zeros)


def jobs_ready(snapshot: Snapshot) -> Samples:
    counts = ((_queue_priority(snapshot, part), part.due) for part in _available(snapshot))
    zeros = ((queue, priority) for queue in recent_queues(snapshot) for priority in PRIORITIES)
    return sum_samples(counts, zeros) if snapshot.partitions is not None else ()


def oldest_ready(snapshot: Snapshot) -> Samples:
    return earliest((_queue_priority(snapshot, part), part.first_at) for part in _available(snapshot) if part.due)


def overdue(snapshot: Snapshot) -> Samples:
    if snapshot.partitions is None:
        return ()
    counts = (
        ((snapshot.names.queue(part.queue), part.state), part.due)
        for part in snapshot.partitions
        if part.state in OVERDUE_STATES
    )
    return sum_samples(counts, _zeros(snapshot, OVERDUE_STATES))


def failing(snapshot: Snapshot) -> Samples:
    return _live(snapshot, lambda part: part.failing)


def last_attempt(snapshot: Snapshot) -> Samples:
    return _live(snapshot, lambda part: part.last_attempt)


def _live(snapshot: Snapshot, number: Callable[[LiveKind | RunningPair], int]) -> Samples:
    if snapshot.waiting_kinds is None or snapshot.running is None:
        return ()
    parts: tuple[LiveKind | RunningPair, ...] = (*snapshot.waiting_kinds, *snapshot.running.pairs)
    counts = ((snapshot.names.pair((part.queue, part.kind)), number(part)) for part in parts)
    return sum_samples(counts, recent_pairs(snapshot))


def _available(snapshot: Snapshot) -> Iterator[Partition]:
    return (part for part in snapshot.partitions or () if part.state == "available")


def _queue_priority(snapshot: Snapshot, part: Partition) -> tuple[str, str]:
    return snapshot.names.queue(part.queue), str(part.priority)


def _zeros(snapshot: Snapshot, states: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    return ((queue, state) for queue in recent_queues(snapshot) for state in states)


WAITING: tuple[Family[Snapshot], ...] = (
    Family(
        "river_jobs",
        MetricType.GAUGE,
        "Live jobs in river_job, by queue and state. Counted up to a bound, and estimated above it "
        "(river_jobs_estimated is then 1). 0 for queues seen in the last hour.",
        ("queue", "state"),
        jobs,
        per=Per.QUEUE,
        times=len(LIVE_STATES),
    ),
    Family(
        "river_jobs_estimated",
        MetricType.GAUGE,
        "1 if river_jobs of this queue and state is an estimate, 0 if it is a count.",
        ("queue", "state"),
        jobs_estimated,
        per=Per.QUEUE,
        times=len(LIVE_STATES),
    ),
    Family(
        "river_jobs_by_kind",
        MetricType.GAUGE,
        "Live jobs by kind. Absent where a queue has too many jobs in one state to read each row; river_jobs then has "
        "their number.",
        ("queue", "kind", "state"),
        jobs_by_kind,
        per=Per.PAIR,
        times=len(LIVE_STATES),
    ),
    Family(
        "river_jobs_ready",
        MetricType.GAUGE,
        "Available jobs that are due: a worker could claim them now. An estimate if "
        'river_jobs_estimated{state="available"} is 1.',
        ("queue", "priority"),
        jobs_ready,
        per=Per.QUEUE,
        times=len(PRIORITIES),
    ),
    Family(
        "river_job_oldest_ready_timestamp_seconds",
        MetricType.GAUGE,
        "When the ready job that has waited longest became due (scheduled_at; Unix time, database clock). Absent if no "
        "job is ready.",
        ("queue", "priority"),
        oldest_ready,
        per=Per.QUEUE,
        times=len(PRIORITIES),
    ),
    Family(
        "river_jobs_overdue",
        MetricType.GAUGE,
        "Scheduled or retryable jobs that were due more than 30 s ago: River's scheduler does not move them. "
        "Counted up to a bound.",
        ("queue", "state"),
        overdue,
        per=Per.QUEUE,
        times=len(OVERDUE_STATES),
    ),
    Family(
        "river_jobs_failing",
        MetricType.GAUGE,
        "Live jobs that have failed at least once. In a queue with too many jobs to read, only the first thousand jobs "
        "count.",
        ("queue", "kind"),
        failing,
        per=Per.PAIR,
    ),
    Family(
        "river_jobs_last_attempt",
        MetricType.GAUGE,
        "Live jobs whose next failure discards them. In a queue with too many jobs to read, only the first thousand "
        "jobs count.",
        ("queue", "kind"),
        last_attempt,
        per=Per.PAIR,
    ),
)
