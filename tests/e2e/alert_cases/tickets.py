"""Seen: the alerts of tickets.yml. RiverCleanerBehind is not among them: it needs two days."""

from __future__ import annotations

from collections.abc import Iterator

from e2e.alert_cases.case import alert_case, manual_options
from e2e.alert_environment import LOOK, AlertEnvironment
from e2e.riverkeeper_process import riverkeeper
from fixtures.waiting import until


@alert_case(
    3,
    "a worker was frozen (SIGSTOP) until its job was rescued, and went on",
    "a day",
    clears=False,
    RiverJobsMayHaveRunTwice='tier="urgent"',
)
def run_twice(environment: AlertEnvironment) -> Iterator[None]:
    worker = environment.worker("late")
    environment.running("late", "steady")
    environment.worker("late")
    with worker.program.frozen():
        environment.wait_for("late", "kind = 'steady' AND attempt = 2 AND state = 'completed'")
    yield


@alert_case(5, "riverkeeper rescue pause", "riverkeeper rescue resume", RiverRescuesPaused='brake="kill_switch"')
def paused_rescues(environment: AlertEnvironment) -> Iterator[None]:
    riverkeeper(environment.river, "rescue", "pause", "--why", "to see the alert")
    yield
    riverkeeper(environment.river, "rescue", "resume")


@alert_case(1, "twelve jobs failed once, and wait an hour", "an hour", RiverKindFailing='queue="failing"')
def kind_failing(environment: AlertEnvironment) -> Iterator[None]:
    environment.worker("failing")
    environment.insert("failing", "backing_off", 12)
    environment.wait_for("failing", "state = 'retryable'")
    yield


@alert_case(1, "fleet pause; jobs became due", "fleet resume", RiverQueuePaused='queue="paused"')
def paused_queue(environment: AlertEnvironment) -> Iterator[None]:
    environment.worker("paused")
    environment.insert("paused", "short")
    environment.wait_for("paused", "state = 'completed'")
    environment.river.fleet("pause", "paused")
    environment.insert("paused", "short", 3)
    yield
    environment.river.fleet("resume", "paused")


@alert_case(
    1, "no job of a kind finished, in a tier with max_silence 20s", "one did", RiverKindOverdue='queue="silent"'
)
def overdue(environment: AlertEnvironment) -> Iterator[None]:
    environment.worker("silent")
    environment.insert("silent", "short")
    environment.wait_for("silent", "state = 'completed'")
    yield
    environment.insert("silent", "short")


@alert_case(
    1,
    "an endless job in a tier with max_run 20s",
    "the job was cancelled",
    RiverJobsNeedDecision='queue="budget",reason="over_budget"',
)
def over_budget(environment: AlertEnvironment) -> Iterator[None]:
    environment.worker("budget")
    (job,) = environment.running("budget", "endless")
    yield
    environment.river.fleet("cancel", str(job))


@alert_case(
    1,
    "kill -9 of the workers of one job, three times (max_rescues 2)",
    "riverkeeper rescue run --action discard --apply",
    RiverJobsNeedDecision='queue="loop",reason="rescue_loop"',
)
def rescue_loop(environment: AlertEnvironment) -> Iterator[None]:
    worker = environment.worker("loop")
    (job,) = environment.running("loop", "endless")
    for attempt in (2, 3):
        worker.program.kill()
        worker = environment.worker("loop")
        beats = "EXISTS (SELECT 1 FROM riverkeeper.heartbeat AS h WHERE job_id = id AND h.attempt = river_job.attempt)"
        environment.wait_for("loop", f"state = 'running' AND attempt = {attempt} AND {beats}", seconds=120)
    worker.program.kill()
    yield
    environment.wait_for(  # the cooldown holds an operator too
        "loop",
        "NOT EXISTS (SELECT 1 FROM riverkeeper.rescue WHERE job_id = river_job.id AND at > now() - interval '20 s')",
    )
    riverkeeper(environment.river, *manual_options(environment), "--action", "discard", "--apply", str(job))


@alert_case(
    1,
    "kill -9 of a worker with ten jobs, and of one more after 4 min",
    "the rescuer; two hours",
    RiverWorkersLostOften='queue="often"',
)
def lost_often(environment: AlertEnvironment) -> Iterator[None]:
    kill_with_ten(environment)
    work_the_ten(environment)
    began = environment.river.rows("SELECT now() + interval '225 seconds'")[0][0]
    until(lambda: environment.river.rows("SELECT 1 WHERE now() > %(began)s", began=began), "an hour, scaled", 260, LOOK)
    kill_with_ten(environment)
    yield
    work_the_ten(environment)


def kill_with_ten(environment: AlertEnvironment) -> None:
    worker = environment.worker("often")
    environment.running("often", "steady", 10)
    worker.program.kill()


def work_the_ten(environment: AlertEnvironment) -> None:
    worker = environment.worker("often")
    done = "SELECT 1 FROM river_job WHERE queue = 'often' HAVING bool_and(state = 'completed')"
    until(lambda: environment.river.rows(done), "ten jobs to be worked once more", 120, LOOK)
    worker.program.stop()


@alert_case(
    1,
    "the metadata of a running job was broken (river:rescue_count is 1.5)",
    "it was repaired",
    RiverRescuerPoisoned="",
)
def poisoned(environment: AlertEnvironment) -> Iterator[None]:
    environment.worker("poison")
    (job,) = environment.running("poison", "endless")
    write = "UPDATE river_job SET metadata = metadata || %(broken)s::jsonb WHERE id = %(job)s"
    environment.river.rows(write, broken='{"river:rescue_count": 1.5}', job=job)
    yield
    environment.river.rows(
        "UPDATE river_job SET metadata = metadata - 'river:rescue_count' WHERE id = %(job)s", job=job
    )
    environment.river.fleet("cancel", str(job))
