"""Metric families of finished jobs, from the ledger's committed totals. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from riverkeeper.ledger.attempts import AttemptOutcome, RiverRescue
from riverkeeper.ledger.counts import RUN_EDGES, WAIT_EDGES
from riverkeeper.ledger.names import Pair
from riverkeeper.ledger.totals import FinishedPair, Histogram, WorkTotals
from riverkeeper.metrics.family import Bucketed, Family, MetricType, Per, Samples
from riverkeeper.river.layout import FINAL_STATES
from riverkeeper.scrape.scrape import Snapshot


def run_duration(snapshot: Snapshot) -> Samples:
    return (((pair.queue, pair.kind), _bucketed(pair.run)) for pair in _pairs(snapshot))


def finished_jobs(snapshot: Snapshot) -> Samples:
    return (
        ((pair.queue, pair.kind, outcome), float(pair.outcomes[outcome]))
        for pair in _pairs(snapshot)
        for outcome in FINAL_STATES
    )


def attempts_ended(snapshot: Snapshot) -> Samples:
    return (
        ((pair.queue, pair.kind, how), float(count)) for pair in _pairs(snapshot) for how, count in pair.ended.items()
    )


def rescued(snapshot: Snapshot) -> Samples:
    return (
        ((pair.queue, pair.kind, how), float(count)) for pair in _pairs(snapshot) for how, count in pair.rescued.items()
    )


def resumed(snapshot: Snapshot) -> Samples:
    return (((pair.queue, pair.kind), float(pair.work.resumed)) for pair in _pairs(snapshot) if pair.work)


def lost_work(snapshot: Snapshot) -> Samples:
    return ((pair, work.lost_seconds) for pair, work in _measured(snapshot))


def measured_attempts(snapshot: Snapshot) -> Samples:
    return ((pair, float(work.measured)) for pair, work in _measured(snapshot))


def _measured(snapshot: Snapshot) -> Iterator[tuple[Pair, WorkTotals]]:
    """A 0 only where an attempt beats in the table: of others nothing is known, and nothing is not 0."""
    running = snapshot.running.pairs if snapshot.running else ()
    beating = {snapshot.names.pair((each.queue, each.kind)) for each in running if each.beating > each.undeclared}
    for pair in _pairs(snapshot):
        if pair.work and (pair.work.measured or (pair.queue, pair.kind) in beating):
            yield (pair.queue, pair.kind), pair.work


def last_finished(snapshot: Snapshot) -> Samples:
    for pair in _pairs(snapshot):
        if pair.last_finished is not None:
            yield (pair.queue, pair.kind), pair.last_finished


def wait_duration(snapshot: Snapshot) -> Samples:
    waits = snapshot.finished.waits if snapshot.finished else {}
    return (((queue, str(priority)), _bucketed(wait)) for (queue, priority), wait in waits.items())


def _pairs(snapshot: Snapshot) -> tuple[FinishedPair, ...]:
    return snapshot.finished.pairs if snapshot.finished else ()


def _bucketed(histogram: Histogram) -> Bucketed:
    return Bucketed(histogram.counts, histogram.seconds)


FINISHED: tuple[Family[Snapshot], ...] = (
    Family(
        "river_job_run_duration_seconds",
        MetricType.HISTOGRAM,
        "Run time of the last attempt of completed jobs: finalized_at (worker's clock) minus attempted_at (database "
        "clock). Each job counts once, also after River has deleted it.",
        ("queue", "kind"),
        run_duration,
        edges=RUN_EDGES,
        per=Per.PAIR,
    ),
    Family(
        "river_jobs_finished_total",
        MetricType.COUNTER,
        "Finished jobs, by outcome: completed, discarded or cancelled. 0 as soon as a live job of the kind is seen.",
        ("queue", "kind", "outcome"),
        finished_jobs,
        per=Per.PAIR,
        times=len(FINAL_STATES),
    ),
    Family(
        "river_job_attempts_ended_total",
        MetricType.COUNTER,
        "Attempts that ended, by outcome: completed, failed, or rescued (by River or by Riverkeeper, because their "
        "worker was lost). Each attempt counts once, when it ends, also if its job waits for the next attempt. "
        "Cancelled attempts do not count. Absent if the keeper schema is too old to count them.",
        ("queue", "kind", "outcome"),
        attempts_ended,
        per=Per.PAIR,
        times=len(AttemptOutcome),
    ),
    Family(
        "river_jobs_rescued_total",
        MetricType.COUNTER,
        "Rescues by River's own rescuer, by what it did with the job: retried, discarded, cancelled, or unknown_kind "
        "(discarded with attempts left, because the leader has no worker for its kind). Rescues by Riverkeeper do not "
        "count. River before 0.26 does not record its rescues. Absent if the keeper schema is too old to count them.",
        ("queue", "kind", "outcome"),
        rescued,
        per=Per.PAIR,
        times=len(RiverRescue),
    ),
    Family(
        "river_job_resumed_total",
        MetricType.COUNTER,
        "Attempts that resumed from a checkpoint of an earlier attempt. Each counts once, when it resumes. Absent if "
        "the keeper schema is too old for checkpoints, or if Riverkeeper's login may not write it.",
        ("queue", "kind"),
        resumed,
        per=Per.PAIR,
    ),
    Family(
        "river_job_lost_work_seconds_total",
        MetricType.COUNTER,
        "Work that failed and rescued attempts lost: the time from the last checkpoint of the attempt (from its "
        "beginning if it saved none) to its last sign of life (last heartbeat, or the reported end of its work). Work "
        "after that sign is not in it: up to one heartbeat interval for each attempt. Attempts without heartbeats are "
        "not in it. Absent for kinds that never beat, or by metadata alone, and as river_job_resumed_total is.",
        ("queue", "kind"),
        lost_work,
        per=Per.PAIR,
    ),
    Family(
        "river_job_lost_work_attempts_total",
        MetricType.COUNTER,
        "Failed and rescued attempts whose lost work is known: those in river_job_lost_work_seconds_total. The others "
        'of river_job_attempts_ended_total{outcome=~"failed|rescued"} sent no heartbeat, and their lost work is '
        "unknown. Absent as river_job_lost_work_seconds_total is.",
        ("queue", "kind"),
        measured_attempts,
        per=Per.PAIR,
    ),
    Family(
        "river_job_wait_duration_seconds",
        MetricType.HISTOGRAM,
        "Time from due (scheduled_at) to claimed (attempted_at), for the last attempt of finished jobs. Jobs of "
        "Ruby and Java workers are not in it: their attempted_at is the worker's clock. Absent until a job finishes.",
        ("queue", "priority"),
        wait_duration,
        edges=WAIT_EDGES,
        per=Per.QUEUE,
        times=4,
    ),
    Family(
        "river_job_last_finished_timestamp_seconds",
        MetricType.GAUGE,
        "When a job of the kind last finished (finalized_at; Unix time, worker's clock). Stays after River has deleted "
        "the job. Absent until a finished job is known.",
        ("queue", "kind"),
        last_finished,
        per=Per.PAIR,
    ),
)
