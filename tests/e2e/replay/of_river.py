"""Incidents of River: workers, queues, jobs, the scheduler and the database."""

from __future__ import annotations

from collections.abc import Iterator

from e2e.replay.environment import ReplayEnvironment, stop
from e2e.replay.incident import incident, page, ticket
from fixtures.waiting import until

# Tickets afterwards: a part of the budget is gone (burn="slow"). An hour is three minutes here, so several of these
# incidents, each of which takes workers away, are in two hours: workers do die often then.
LATE_JOBS = ("RiverWaitBudgetBurning", "RiverWorkersLostOften")
STALE_LEADER = 60  # seconds: a leader that cannot renew works on for half a minute, and after 30 s a job is overdue
BEATS = 9  # seconds until a worker that died counts as dead: the timeout of 7 s and a reading
NO_WORKERS = page("RiverNoWorkers", 9, "No worker is left in orders", plus=BEATS)


@incident("nothing happens", minutes=15)
def calm(_: ReplayEnvironment) -> Iterator[None]:
    yield


@incident("a worker process with a job is killed (kill -9), two go on; the job is rescued", minutes=15)
def worker_killed(replay: ReplayEnvironment) -> Iterator[None]:
    (job,) = replay.orders.insert_running("payments", "steady")
    replay.orders.holder(job).program.kill()
    yield
    replay.orders.fill_workers(3)


@incident("a job hangs: it beats and reports no progress; it is stopped and tried again", minutes=15)
def job_hangs(replay: ReplayEnvironment) -> Iterator[None]:
    replay.orders.insert_running("payments", "stalled")
    yield


@incident("a deploy: every worker ends in order (SIGTERM), one after the other, and a new one begins", minutes=10)
def deploy(replay: ReplayEnvironment) -> Iterator[None]:
    for worker in list(replay.orders.workers):
        stop(worker.program)
        replay.orders.fill_workers(3)
    yield


@incident("the database is restarted", minutes=12)
def database_restarted(replay: ReplayEnvironment) -> Iterator[None]:
    replay.orders.server.restart()
    yield


@incident(
    "a queue is paused, and jobs wait in it",
    ticket("RiverQueuePaused", 34, "Queue imports of orders is paused", "30 minutes", queue="imports"),
    minutes=35,
    goes_on=True,
)
def queue_paused(replay: ReplayEnvironment) -> Iterator[None]:
    replay.orders.river.fleet("pause", "imports")
    replay.orders.insert("imports", "short", 5)
    yield


@incident("the queue is resumed; its jobs have waited for more than half an hour", minutes=15)
def queue_resumed(replay: ReplayEnvironment) -> Iterator[None]:
    replay.orders.river.fleet("resume", "imports")
    yield


@incident(
    "jobs are inserted into a queue that no worker has (a misspelled name)",
    page("RiverQueueNotMoving", 14, "No worker works queue refnuds of orders", cause="no_producer"),
    minutes=15,
    may=LATE_JOBS,
)
def queue_without_producer(replay: ReplayEnvironment) -> Iterator[None]:
    replay.orders.insert("refnuds", "short", 3)
    yield
    work_off(replay, "refnuds")


@incident(
    "the only worker of a queue hangs (SIGSTOP), the others go on; jobs become due",
    page("RiverQueueNotMoving", 14, "Queue exports of orders has stopped", plus=10, cause="nothing_claimed"),
    minutes=15,
    may=LATE_JOBS,
)
def worker_hung(replay: ReplayEnvironment) -> Iterator[None]:
    worker = replay.orders.start_worker("exports")
    replay.orders.insert("exports", "short")
    done = "SELECT 1 FROM river_job WHERE queue = 'exports' AND state = 'completed'"
    until(lambda: replay.orders.river.rows(done), "a job of exports to complete", every=0.2)
    with worker.program.frozen():
        replay.orders.insert("exports", "short", 3)
        yield
    work_off(replay, "exports")
    stop(worker.program)


@incident(
    "jobs of one kind never run: 300 others of a higher priority are in front of them, and there is one slot",
    page("RiverQueueNotMoving", 36, "2 flaky jobs of orders wait", "queue busy moves", cause="no_worker_for_kind"),
    minutes=37,
)
def kind_nobody_works(replay: ReplayEnvironment) -> Iterator[None]:
    replay.orders.insert("busy", "flaky", 2)
    replay.orders.river.rows("UPDATE river_job SET priority = 4 WHERE queue = 'busy'")
    replay.orders.insert("busy", "long", 300)
    worker = replay.orders.start_worker("busy", "-workers", "1")
    yield
    work_off(replay, "busy")
    stop(worker.program)


@incident(
    "a queue is slow: 80 jobs of two seconds, and one slot",
    page("RiverWaitBudgetBurning", 13, "Queue invoices of orders is slow", queue="invoices", tier="standard"),
    minutes=15,
    may=LATE_JOBS,
)
def queue_slow(replay: ReplayEnvironment) -> Iterator[None]:
    worker = replay.orders.start_worker("invoices", "-workers", "1")
    replay.orders.insert("invoices", "long", 80)
    yield
    work_off(replay, "invoices")
    stop(worker.program)


@incident(
    "half of the attempts of a kind fail; the next attempt succeeds",
    ticket("RiverKindFailing", 13, "flaky jobs of orders", "% of the attempts", plus=20, kind="flaky"),
    minutes=15,
)
def kind_failing(replay: ReplayEnvironment) -> Iterator[None]:
    with replay.repeating(lambda: replay.orders.insert("mail", "flaky", 15)):
        yield


@incident(
    "every job of a kind fails for good, in an urgent queue",
    page("RiverLossBudgetBurning", 3, "failing jobs of orders are being lost", plus=30, kind="failing", tier="urgent"),
    minutes=15,
    may=("RiverLossBudgetBurning", "RiverKindFailing"),
)
def jobs_discarded(replay: ReplayEnvironment) -> Iterator[None]:
    with replay.repeating(lambda: replay.orders.insert("payments", "failing", 5)):
        yield


@incident(
    "nobody can be elected leader: a transaction holds a lock on river_leader",
    page("RiverSchedulingStopped", 9, "Retries and scheduled jobs of orders have stopped", "overdue", plus=STALE_LEADER,
         cause="no_leader"),
    minutes=12,
)  # fmt: skip
def leader_gone(replay: ReplayEnvironment) -> Iterator[None]:
    with replay.orders.river.locked("LOCK TABLE river_leader IN EXCLUSIVE MODE"):
        yield


@incident(
    "the metadata of a running job has a river:rescue_count that is no integer",
    ticket("RiverRescuerPoisoned", 19, "River's own rescuer is stopped in orders", "1 running job"),
    minutes=18,
)
def poison_row(replay: ReplayEnvironment) -> Iterator[None]:
    (job,) = replay.orders.insert_running("reports", "endless")
    poison = """UPDATE river_job SET metadata = metadata || '{"river:rescue_count": 1.5}' WHERE id = %(job)s"""
    replay.orders.river.rows(poison, job=job)
    yield
    replay.orders.river.rows(
        "UPDATE river_job SET metadata = metadata - 'river:rescue_count' WHERE id = %(job)s", job=job
    )
    replay.orders.river.fleet("cancel", str(job))


@incident(
    "a job runs longer than its tier allows (max_run)",
    ticket("RiverJobsNeedDecision", 19, "1 endless job", "orders", "decision", plus=20, kind="endless"),
    minutes=18,
)
def job_over_budget(replay: ReplayEnvironment) -> Iterator[None]:
    worker = replay.orders.start_worker("nightly")
    (job,) = replay.orders.insert_running("nightly", "endless")
    yield
    replay.orders.river.fleet("cancel", str(job))
    stop(worker.program)


@incident("three of five workers with 40 jobs are killed at once; the rescuer pauses, then works them off", minutes=20)
def mass_death(replay: ReplayEnvironment) -> Iterator[None]:
    replay.orders.fill_workers(5)
    replay.orders.insert_running("payments", "steady", 40)
    for worker in replay.orders.workers[:3]:
        worker.program.kill()
    yield
    replay.orders.fill_workers(3)


@incident(
    "all workers are killed (kill -9), with jobs; none comes back",
    NO_WORKERS,
    minutes=20,
    may=LATE_JOBS,
)
def all_workers_killed(replay: ReplayEnvironment) -> Iterator[None]:
    replay.orders.insert_running("payments", "steady", 3)
    for worker in replay.orders.workers:
        worker.program.kill()
    yield
    replay.orders.fill_workers(3)


@incident(
    "the network between all workers and the database carries nothing; then it does again",
    NO_WORKERS,
    minutes=15,
    may=LATE_JOBS,
)
def workers_partitioned(replay: ReplayEnvironment) -> Iterator[None]:
    replay.orders.links["workers"].stall()
    yield
    replay.orders.links["workers"].restore()


@incident(
    "the database is stopped",
    page("RiverNotWatched", 6, "The job database of orders cannot be read", plus=5, cause="database_unreadable"),
    minutes=15,
    may=LATE_JOBS,
)
def database_stopped(replay: ReplayEnvironment) -> Iterator[None]:
    replay.orders.server.stop()
    yield
    replay.orders.server.start()


def work_off(replay: ReplayEnvironment, queue: str) -> None:
    """A worker with many slots works a queue until nothing waits in it, and ends."""
    worker = replay.orders.start_worker(queue, "-workers", "50")
    left = "SELECT 1 FROM river_job WHERE queue = %(queue)s AND state NOT IN ('completed', 'cancelled', 'discarded')"
    until(lambda: not replay.orders.river.rows(left, queue=queue), f"{queue} to be worked off", 120, 0.5)
    stop(worker.program)
