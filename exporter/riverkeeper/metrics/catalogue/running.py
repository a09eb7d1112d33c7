"""Metric families of running attempts: their age, their clients, and their heartbeats. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from riverkeeper.ledger.names import Pair
from riverkeeper.metrics.cardinality import earliest, newest, recent_pairs, recent_queues, sum_samples
from riverkeeper.metrics.family import Bucketed, Family, MetricType, Per, Samples
from riverkeeper.river.bounds import AGE_EDGES, BEAT_EDGES
from riverkeeper.river.facts import Ages
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.verdict.job import RunningPair


def running_age(snapshot: Snapshot) -> Samples:
    if snapshot.running is None:
        return ()
    return _ages(snapshot, snapshot.running.ages, len(AGE_EDGES), recent_queues(snapshot))


def heartbeat_age(snapshot: Snapshot) -> Samples:
    if snapshot.running is None:
        return ()
    return _ages(snapshot, snapshot.running.beat_ages, len(BEAT_EDGES), [])


def oldest_running(snapshot: Snapshot) -> Samples:
    return earliest((_pair(snapshot, pair), pair.oldest_claim) for pair in _pairs(snapshot))


def oldest_heartbeat(snapshot: Snapshot) -> Samples:
    return earliest((_pair(snapshot, pair), pair.oldest_beat) for pair in _pairs(snapshot))


def oldest_progress(snapshot: Snapshot) -> Samples:
    return earliest((_pair(snapshot, pair), pair.oldest_progress) for pair in _pairs(snapshot))


def beating_clients(snapshot: Snapshot) -> Samples:
    if snapshot.beating_clients is not None:
        yield (), float(snapshot.beating_clients)


def beating(snapshot: Snapshot) -> Samples:
    return _counts(snapshot, lambda pair: pair.beating)


def unknown(snapshot: Snapshot) -> Samples:
    return _counts(snapshot, lambda pair: pair.jobs - pair.beating)


def cancel_pending(snapshot: Snapshot) -> Samples:
    return _counts(snapshot, lambda pair: pair.cancel_pending)


def poison(snapshot: Snapshot) -> Samples:
    if snapshot.running is not None:
        yield (), float(snapshot.running.poison)


def busy_clients(snapshot: Snapshot) -> Samples:
    if snapshot.running is None:
        return ()
    counts = (((snapshot.names.queue(queue),), number) for queue, number in snapshot.running.clients.items())
    return sum_samples(counts, ((queue,) for queue in recent_queues(snapshot)))


def last_claim(snapshot: Snapshot) -> Samples:
    seen = [((snapshot.names.queue(pair.queue),), pair.last_claim) for pair in _pairs(snapshot)]
    seen += [((snapshot.names.queue(kind.queue),), kind.last_claim) for kind in snapshot.waiting_kinds or ()]
    if snapshot.finished is not None:
        seen += [((queue,), moment) for queue, moment in snapshot.finished.last_claims.items()]
    return newest(seen)


def _pairs(snapshot: Snapshot) -> tuple[RunningPair, ...]:
    return snapshot.running.pairs if snapshot.running else ()


def _pair(snapshot: Snapshot, pair: RunningPair) -> Pair:
    return snapshot.names.pair((pair.queue, pair.kind))


def _counts(snapshot: Snapshot, number: Callable[[RunningPair], int]) -> Samples:
    if snapshot.running is None:
        return ()
    return sum_samples(((_pair(snapshot, pair), number(pair)) for pair in _pairs(snapshot)), recent_pairs(snapshot))


def _ages(
    snapshot: Snapshot, ages: Mapping[str, Ages], edges: int, zeros: list[str]
) -> Iterator[tuple[tuple[str], Bucketed]]:
    folded: dict[str, Bucketed] = dict.fromkeys(zeros, Bucketed((0,) * (edges + 1), 0.0))
    for queue, age in ages.items():
        name = snapshot.names.queue(queue)
        before = folded.get(name, Bucketed((0,) * (edges + 1), 0.0))
        counts = tuple(earlier + more for earlier, more in zip(before.counts, age.counts, strict=True))
        folded[name] = Bucketed(counts, before.sum + age.seconds)
    yield from (((queue,), value) for queue, value in folded.items())


RUNNING: tuple[Family[Snapshot], ...] = (
    Family(
        "river_job_running_age_seconds",
        MetricType.AGES,
        "Age of running attempts: from attempted_at to now, by the database's clock. A gauge histogram: take quantiles "
        "without rate().",
        ("queue",),
        running_age,
        edges=AGE_EDGES,
        per=Per.QUEUE,
    ),
    Family(
        "river_job_heartbeat_age_seconds",
        MetricType.AGES,
        "Time since the last beat, for running attempts that beat. Attempts that are lost or about to end do not "
        "count. A gauge histogram: take quantiles without rate(). Absent for queues in which no job beats.",
        ("queue",),
        heartbeat_age,
        edges=BEAT_EDGES,
        per=Per.QUEUE,
    ),
    Family(
        "river_job_oldest_running_timestamp_seconds",
        MetricType.GAUGE,
        "attempted_at of the attempt that has run longest (Unix time, database clock). Absent if nothing runs.",
        ("queue", "kind"),
        oldest_running,
        per=Per.PAIR,
    ),
    Family(
        "river_job_oldest_heartbeat_timestamp_seconds",
        MetricType.GAUGE,
        "The least recent last beat among running attempts that beat (Unix time, database clock; the worker's clock if "
        "the beat is metadata.health_check_at). Attempts that are lost or about to end do not count. Absent if none "
        "beats.",
        ("queue", "kind"),
        oldest_heartbeat,
        per=Per.PAIR,
    ),
    Family(
        "river_job_oldest_progress_timestamp_seconds",
        MetricType.GAUGE,
        "Time of the least recent progress report among running attempts that report progress (Unix time, database "
        "clock). Absent if none reports progress.",
        ("queue", "kind"),
        oldest_progress,
        per=Per.PAIR,
    ),
    Family(
        "river_jobs_beating",
        MetricType.GAUGE,
        "Running attempts with a beat of their present claim, in the heartbeat table or in metadata.health_check_at.",
        ("queue", "kind"),
        beating,
        per=Per.PAIR,
    ),
    Family(
        "river_jobs_unknown",
        MetricType.GAUGE,
        "Running attempts without a beat of their present claim. It is not known whether they are alive.",
        ("queue", "kind"),
        unknown,
        per=Per.PAIR,
    ),
    Family(
        "river_jobs_cancel_pending",
        MetricType.GAUGE,
        "Running attempts that have a request to cancel (metadata.cancel_attempted_at) and have not ended.",
        ("queue", "kind"),
        cancel_pending,
        per=Per.PAIR,
    ),
    Family(
        "river_rescuer_poison_jobs",
        MetricType.GAUGE,
        "Running jobs whose metadata stops River's own rescuer for every job of the schema: river:rescue_count is not "
        "an integer, cancel_attempted_at is not an RFC 3339 time, or the metadata is not an object.",
        (),
        poison,
    ),
    Family(
        "river_queue_busy_clients",
        MetricType.GAUGE,
        "Clients with at least one running job in the queue (last element of attempted_by).",
        ("queue",),
        busy_clients,
        per=Per.QUEUE,
    ),
    Family(
        "river_beating_clients",
        MetricType.GAUGE,
        "Worker processes whose last beat is younger than three of their own intervals, with or without jobs. Absent "
        "if the heartbeat table cannot be read.",
        (),
        beating_clients,
    ),
    Family(
        "river_queue_last_claim_timestamp_seconds",
        MetricType.GAUGE,
        "Latest known claim in the queue (attempted_at; Unix time, database clock), of running, waiting and finished "
        "jobs. It does not change while the queue does not move. Absent until a claim is known.",
        ("queue",),
        last_claim,
        per=Per.QUEUE,
    ),
)
