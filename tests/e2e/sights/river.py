"""Seen: the alerts of river.yml. RiverCleanerBehind is not among them: it needs a day."""

from __future__ import annotations

from collections.abc import Iterator

from e2e.sights.sight import sight
from e2e.theatre import Theatre


@sight(3, "every worker stopped; a scheduled job became due", "a worker was started", RiverLeaderMissing="")
def leader(theatre: Theatre) -> Iterator[None]:
    for worker in theatre.workers:
        if worker.program.process.poll() is None:
            worker.program.process.terminate()
    for worker in theatre.workers:
        worker.program.process.wait(20)
    theatre.insert("default", "scheduled", 3)
    yield
    theatre.worker("default")


@sight(
    2,
    "somebody's transaction holds the row of a scheduled job",
    "it ended",
    RiverSchedulerStalled='queue="default"',
)
def scheduler(theatre: Theatre) -> Iterator[None]:
    theatre.worker("default")
    theatre.insert("default", "scheduled")
    with theatre.locked("SELECT 1 FROM river_job WHERE queue = 'default' AND state = 'scheduled' FOR UPDATE"):
        yield


@sight(
    1,
    "the only worker of a queue was frozen (SIGSTOP); jobs became due",
    "it went on (SIGCONT)",
    RiverWaitOverLimit='queue="frozen"',
    RiverQueueFrozen='queue="frozen"',
)
def frozen(theatre: Theatre) -> Iterator[None]:
    worker = theatre.worker("frozen")
    theatre.insert("frozen", "short")
    theatre.wait_for("frozen", "state = 'completed'")
    with worker.program.frozen():
        theatre.insert("frozen", "short", 3)
        yield


@sight(
    1,
    "jobs were inserted into a queue that no client works",
    "a worker was started",
    RiverQueueWithoutProducer='queue="nowhere"',
)
def nowhere(theatre: Theatre) -> Iterator[None]:
    theatre.insert("nowhere", "short", 3)
    yield
    theatre.worker("nowhere")


@sight(1, "fleet pause; jobs became due", "fleet resume", RiverQueuePausedWithBacklog='queue="paused"')
def paused(theatre: Theatre) -> Iterator[None]:
    theatre.worker("paused")
    theatre.insert("paused", "short")
    theatre.wait_for("paused", "state = 'completed'")
    theatre.river.fleet("pause", "paused")
    theatre.insert("paused", "short", 3)
    yield
    theatre.river.fleet("resume", "paused")


@sight(
    1,
    "jobs of priority 4 behind 300 others, and one slot",
    "a worker with 50 slots was started",
    RiverKindNobodyWorks='queue="busy",kind="flaky"',
)
def starving(theatre: Theatre) -> Iterator[None]:
    theatre.insert("busy", "flaky", 2)
    theatre.river.rows("UPDATE river_job SET priority = 4 WHERE queue = 'busy'")
    theatre.insert("busy", "long", 300)
    theatre.worker("busy", "-workers", "1")
    yield
    theatre.worker("busy", "-workers", "50")
