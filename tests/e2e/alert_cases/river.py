"""Seen: the alerts of river.yml. RiverCleanerBehind is not among them: it needs a day."""

from __future__ import annotations

from collections.abc import Iterator

from e2e.alert_cases.case import alert_case
from e2e.alert_environment import AlertEnvironment


@alert_case(3, "every worker stopped; a scheduled job became due", "a worker was started", RiverLeaderMissing="")
def leader(environment: AlertEnvironment) -> Iterator[None]:
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
    RiverSchedulerStalled='queue="default"',
)
def scheduler(environment: AlertEnvironment) -> Iterator[None]:
    environment.worker("default")
    environment.insert("default", "scheduled")
    with environment.locked("SELECT 1 FROM river_job WHERE queue = 'default' AND state = 'scheduled' FOR UPDATE"):
        yield


@alert_case(
    1,
    "the only worker of a queue was frozen (SIGSTOP); jobs became due",
    "it went on (SIGCONT)",
    RiverWaitOverLimit='queue="frozen"',
    RiverQueueFrozen='queue="frozen"',
)
def frozen(environment: AlertEnvironment) -> Iterator[None]:
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
    RiverQueueWithoutProducer='queue="nowhere"',
)
def nowhere(environment: AlertEnvironment) -> Iterator[None]:
    environment.insert("nowhere", "short", 3)
    yield
    environment.worker("nowhere")


@alert_case(1, "fleet pause; jobs became due", "fleet resume", RiverQueuePausedWithBacklog='queue="paused"')
def paused(environment: AlertEnvironment) -> Iterator[None]:
    environment.worker("paused")
    environment.insert("paused", "short")
    environment.wait_for("paused", "state = 'completed'")
    environment.river.fleet("pause", "paused")
    environment.insert("paused", "short", 3)
    yield
    environment.river.fleet("resume", "paused")


@alert_case(
    1,
    "jobs of priority 4 behind 300 others, and one slot",
    "a worker with 50 slots was started",
    RiverKindNobodyWorks='queue="busy",kind="flaky"',
)
def starving(environment: AlertEnvironment) -> Iterator[None]:
    environment.insert("busy", "flaky", 2)
    environment.river.rows("UPDATE river_job SET priority = 4 WHERE queue = 'busy'")
    environment.insert("busy", "long", 300)
    environment.worker("busy", "-workers", "1")
    yield
    environment.worker("busy", "-workers", "50")
