"""Seen: the alerts of rescuer.yml."""

from __future__ import annotations

from collections.abc import Iterator

from e2e.keeper import riverkeeper
from e2e.sights.sight import by_hand, sight
from e2e.theatre import LOOK, Theatre
from fixtures.waiting import until


@sight(
    1,
    "somebody's transaction holds the row of a job; kill -9 of its worker",
    "the transaction ended; the rescuer",
    RiverStuckNotRescued='queue="held"',
    RiverWakesNotWorkedOff="",
)
def held(theatre: Theatre) -> Iterator[None]:
    worker = theatre.worker("held")
    (job,) = theatre.running("held", "steady")
    with theatre.locked("SELECT 1 FROM river_job WHERE id = %(job)s FOR UPDATE", job=job):
        worker.program.kill()
        yield
    theatre.worker("held")


@sight(
    1,
    "kill -9 of a worker with ten jobs, and of one more after 4 min",
    "the rescuer; two hours",
    RiverWorkersLostOften='tier="urgent"',
)
def often(theatre: Theatre) -> Iterator[None]:
    kill_with_ten(theatre)
    work_the_ten(theatre)
    began = theatre.river.rows("SELECT now() + interval '225 seconds'")[0][0]
    until(lambda: theatre.river.rows("SELECT 1 WHERE now() > %(began)s", began=began), "an hour, scaled", 260, LOOK)
    kill_with_ten(theatre)
    yield
    work_the_ten(theatre)


def kill_with_ten(theatre: Theatre) -> None:
    worker = theatre.worker("often")
    theatre.running("often", "steady", 10)
    worker.program.kill()


def work_the_ten(theatre: Theatre) -> None:
    worker = theatre.worker("often")
    done = "SELECT 1 FROM river_job WHERE queue = 'often' HAVING bool_and(state = 'completed')"
    until(lambda: theatre.river.rows(done), "ten jobs to be worked once more", 120, LOOK)
    worker.program.stop()


@sight(
    1,
    "kill -9 of the workers of one job, three times (max_rescues 2)",
    "riverkeeper rescue run --action discard --apply",
    RiverRescueLoop='queue="loop"',
)
def loop(theatre: Theatre) -> Iterator[None]:
    worker = theatre.worker("loop")
    (job,) = theatre.running("loop", "endless")
    for attempt in (2, 3):
        worker.program.kill()
        worker = theatre.worker("loop")
        beats = "EXISTS (SELECT 1 FROM riverkeeper.heartbeat AS h WHERE job_id = id AND h.attempt = river_job.attempt)"
        theatre.wait_for("loop", f"state = 'running' AND attempt = {attempt} AND {beats}", seconds=120)
    worker.program.kill()
    yield
    theatre.wait_for(  # the cooldown holds a person too
        "loop",
        "NOT EXISTS (SELECT 1 FROM riverkeeper.rescue WHERE job_id = river_job.id AND at > now() - interval '20 s')",
    )
    riverkeeper(theatre.river, *by_hand(theatre), "--action", "discard", "--apply", str(job))


@sight(
    4,
    "a worker was frozen (SIGSTOP) until its job was rescued, and went on",
    "an hour",
    RiverLateFinishers='queue="late"',
)
def late(theatre: Theatre) -> Iterator[None]:
    worker = theatre.worker("late")
    theatre.running("late", "steady")
    theatre.worker("late")
    with worker.program.frozen():
        theatre.wait_for("late", "kind = 'steady' AND attempt = 2 AND state = 'completed'")
    yield


@sight(
    5,
    "riverkeeper rescue pause",
    "riverkeeper rescue resume",
    RiverBrakeHeld='brake="kill_switch"',
)
def brake(theatre: Theatre) -> Iterator[None]:
    riverkeeper(theatre.river, "rescue", "pause", "--why", "to see the alert")
    yield
    riverkeeper(theatre.river, "rescue", "resume")


@sight(5, "the way from Alertmanager to the keeper was cut", "it opened", RiverWebhookNotHeard="")
def webhook(theatre: Theatre) -> Iterator[None]:
    theatre.webhook.refuse()
    yield
    theatre.webhook.restore()


@sight(
    1,
    "kill -9 of a worker in a tier in dry run",
    "riverkeeper rescue run --apply",
    RiverDryRunWhileStuck='queue="dry"',
)
def dry(theatre: Theatre) -> Iterator[None]:
    worker = theatre.worker("dry")
    (job,) = theatre.running("dry", "steady")
    worker.program.kill()
    yield
    riverkeeper(theatre.river, *by_hand(theatre), "--apply", str(job))
    theatre.worker("dry")
