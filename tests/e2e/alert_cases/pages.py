"""Seen: the alerts of pages.yml. RiverNotWatched for a River that was never scraped is not among them."""

from __future__ import annotations

from collections.abc import Iterator

from e2e.alert_cases.case import alert_case, manual_options
from e2e.alert_environment import LOOK, AlertEnvironment
from e2e.riverkeeper_process import riverkeeper
from fixtures.waiting import until


@alert_case(7, "both replicas were killed", "they were started", RiverNotWatched='cause="exporter_down"')
def exporter_down(environment: AlertEnvironment) -> Iterator[None]:
    for replica in environment.replicas:
        replica.program.kill()
    yield
    environment.replicas = [
        environment.start_replica(number, replica.address) for number, replica in enumerate(environment.replicas, 1)
    ]


@alert_case(
    6,
    "the network between Riverkeeper and the database was cut",
    "it opened",
    RiverNotWatched='cause="database_unreadable"',
)
def database_unreadable(environment: AlertEnvironment) -> Iterator[None]:
    environment.database.refuse()
    yield
    environment.database.restore()


@alert_case(
    4,
    "every worker stopped; a scheduled job became due",
    "a worker was started",
    RiverNoWorkers="",
    RiverSchedulingStopped='cause="no_leader"',
)
def no_workers(environment: AlertEnvironment) -> Iterator[None]:
    for worker in environment.workers:
        if worker.program.process.poll() is None:
            worker.program.process.terminate()
    for worker in environment.workers:
        worker.program.process.wait(20)
    environment.insert("default", "scheduled", 3)
    yield
    environment.worker("default")


@alert_case(
    2,
    "somebody's transaction holds the row of a scheduled job",
    "it ended",
    RiverSchedulingStopped='cause="scheduler_stalled"',
)
def scheduler_stalled(environment: AlertEnvironment) -> Iterator[None]:
    environment.worker("default")
    environment.insert("default", "scheduled")
    with environment.river.locked("SELECT 1 FROM river_job WHERE queue = 'default' AND state = 'scheduled' FOR UPDATE"):
        yield


@alert_case(
    1,
    "the only worker of a queue was frozen (SIGSTOP); jobs became due",
    "it went on (SIGCONT)",
    RiverWaitBudgetBurning='queue="frozen",burn="now"',
    RiverQueueNotMoving='queue="frozen",cause="nothing_claimed"',
)
def nothing_claimed(environment: AlertEnvironment) -> Iterator[None]:
    worker = environment.worker("frozen")
    environment.insert("frozen", "short")
    environment.wait_for("frozen", "state = 'completed'")
    with worker.program.frozen():
        environment.insert("frozen", "short", 3)
        yield


@alert_case(
    1,
    "jobs were inserted into a queue that no client works",
    "a worker was started",
    RiverQueueNotMoving='queue="nowhere",cause="no_producer"',
)
def no_producer(environment: AlertEnvironment) -> Iterator[None]:
    environment.insert("nowhere", "short", 3)
    yield
    environment.worker("nowhere")


@alert_case(
    1,
    "jobs of priority 4 behind 300 others, and one slot",
    "a worker with 50 slots was started",
    RiverQueueNotMoving='queue="busy",kind="flaky",cause="no_worker_for_kind"',
)
def no_worker_for_kind(environment: AlertEnvironment) -> Iterator[None]:
    environment.insert("busy", "flaky", 2)
    environment.river.rows("UPDATE river_job SET priority = 4 WHERE queue = 'busy'")
    environment.insert("busy", "long", 300)
    environment.worker("busy", "-workers", "1")
    yield
    environment.worker("busy", "-workers", "50")


@alert_case(
    3,
    "a worker began eight jobs when they had waited 65 s (the limit is 20 s)",
    "five minutes",
    RiverWaitBudgetBurning='queue="begun_late",burn="fast"',
)
def begun_late(environment: AlertEnvironment) -> Iterator[None]:
    environment.insert("begun_late", "short", 8)
    environment.wait_for("begun_late", "created_at < now() - interval '65 seconds'", every=LOOK)
    environment.worker("begun_late")
    yield


@alert_case(
    3,
    "six jobs failed in each of their attempts",
    "five minutes",
    RiverLossBudgetBurning='queue="discarded",burn="fast"',
)
def discarded(environment: AlertEnvironment) -> Iterator[None]:
    environment.worker("discarded")
    environment.insert("discarded", "failing", 6)
    enough = "SELECT 1 FROM river_job WHERE queue = 'discarded' AND state = 'discarded' HAVING count(*) = 6"
    until(lambda: environment.river.rows(enough), "six discarded jobs", 120, LOOK)
    yield


@alert_case(
    1,
    "somebody's transaction holds the row of a job; kill -9 of its worker",
    "the transaction ended; the rescuer",
    RiverJobsStuck='queue="held"',
)
def stuck_and_skipped(environment: AlertEnvironment) -> Iterator[None]:
    worker = environment.worker("held")
    (job,) = environment.running("held", "steady")
    with environment.river.locked("SELECT 1 FROM river_job WHERE id = %(job)s FOR UPDATE", job=job):
        worker.program.kill()
        yield
    environment.worker("held")


@alert_case(
    1, "kill -9 of a worker in a tier in dry run", "riverkeeper rescue run --apply", RiverJobsStuck='queue="dry"'
)
def stuck_in_dry_run(environment: AlertEnvironment) -> Iterator[None]:
    worker = environment.worker("dry")
    (job,) = environment.running("dry", "steady")
    worker.program.kill()
    yield
    riverkeeper(environment.river, *manual_options(environment), "--apply", str(job))
    environment.worker("dry")


@alert_case(
    1,
    "kill -9 of a worker without beats, with River's own name; a younger one on the host works on",
    "riverkeeper rescue run --action discard --apply",
    RiverJobsStuck='queue="suspect"',
)
def suspected(environment: AlertEnvironment) -> Iterator[None]:
    worker = environment.worker("suspect", "-client-id", "", beat="none")
    (job,) = environment.running("suspect", "hanging", beating=False)
    worker.program.kill()
    environment.worker("suspect", "-client-id", "", beat="none")
    environment.insert("suspect", "short")
    yield
    riverkeeper(environment.river, *manual_options(environment), "--action", "discard", "--apply", str(job))
