"""Seen: the alerts of rescuer.yml."""

from __future__ import annotations

from collections.abc import Iterator

from e2e.alert_cases.case import alert_case, manual_options
from e2e.alert_environment import LOOK, AlertEnvironment
from e2e.riverkeeper_process import riverkeeper
from fixtures.waiting import until


@alert_case(
    1,
    "somebody's transaction holds the row of a job; kill -9 of its worker",
    "the transaction ended; the rescuer",
    RiverStuckNotRescued='queue="held"',
    RiverWakesNotWorkedOff="",
)
def held(environment: AlertEnvironment) -> Iterator[None]:
    worker = environment.worker("held")
    (job,) = environment.running("held", "steady")
    with environment.locked("SELECT 1 FROM river_job WHERE id = %(job)s FOR UPDATE", job=job):
        worker.program.kill()
        yield
    environment.worker("held")


@alert_case(
    1,
    "kill -9 of a worker with ten jobs, and of one more after 4 min",
    "the rescuer; two hours",
    RiverWorkersLostOften='tier="urgent"',
)
def often(environment: AlertEnvironment) -> Iterator[None]:
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
    "kill -9 of the workers of one job, three times (max_rescues 2)",
    "riverkeeper rescue run --action discard --apply",
    RiverRescueLoop='queue="loop"',
)
def loop(environment: AlertEnvironment) -> Iterator[None]:
    worker = environment.worker("loop")
    (job,) = environment.running("loop", "endless")
    for attempt in (2, 3):
        worker.program.kill()
        worker = environment.worker("loop")
        beats = "EXISTS (SELECT 1 FROM riverkeeper.heartbeat AS h WHERE job_id = id AND h.attempt = river_job.attempt)"
        environment.wait_for("loop", f"state = 'running' AND attempt = {attempt} AND {beats}", seconds=120)
    worker.program.kill()
    yield
    environment.wait_for(  # the cooldown holds a person too
        "loop",
        "NOT EXISTS (SELECT 1 FROM riverkeeper.rescue WHERE job_id = river_job.id AND at > now() - interval '20 s')",
    )
    riverkeeper(environment.river, *manual_options(environment), "--action", "discard", "--apply", str(job))


@alert_case(
    4,
    "a worker was frozen (SIGSTOP) until its job was rescued, and went on",
    "an hour",
    RiverLateFinishers='queue="late"',
)
def late(environment: AlertEnvironment) -> Iterator[None]:
    worker = environment.worker("late")
    environment.running("late", "steady")
    environment.worker("late")
    with worker.program.frozen():
        environment.wait_for("late", "kind = 'steady' AND attempt = 2 AND state = 'completed'")
    yield


@alert_case(
    5,
    "riverkeeper rescue pause",
    "riverkeeper rescue resume",
    RiverBrakeHeld='brake="kill_switch"',
)
def brake(environment: AlertEnvironment) -> Iterator[None]:
    riverkeeper(environment.river, "rescue", "pause", "--why", "to see the alert")
    yield
    riverkeeper(environment.river, "rescue", "resume")


@alert_case(5, "the way from Alertmanager to the keeper was cut", "it opened", RiverWebhookNotHeard="")
def webhook(environment: AlertEnvironment) -> Iterator[None]:
    environment.webhook.refuse()
    yield
    environment.webhook.restore()


@alert_case(
    1,
    "kill -9 of a worker in a tier in dry run",
    "riverkeeper rescue run --apply",
    RiverDryRunWhileStuck='queue="dry"',
)
def dry(environment: AlertEnvironment) -> Iterator[None]:
    worker = environment.worker("dry")
    (job,) = environment.running("dry", "steady")
    worker.program.kill()
    yield
    riverkeeper(environment.river, *manual_options(environment), "--apply", str(job))
    environment.worker("dry")
