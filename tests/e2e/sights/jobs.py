"""Seen: the alerts of jobs.yml."""

from __future__ import annotations

from collections.abc import Iterator

from e2e.keeper import riverkeeper
from e2e.sights.sight import by_hand, sight
from e2e.theatre import Theatre


@sight(1, "kill -9 of the worker of a running job", "the rescuer", RiverWorkerLost='queue="lost"')
def worker_lost(theatre: Theatre) -> Iterator[None]:
    worker = theatre.worker("lost")
    theatre.running("lost", "steady")
    worker.program.kill()
    yield
    theatre.worker("lost")


@sight(1, "a job that tells of progress once, and hangs", "the rescuer", RiverJobHung='queue="hung"')
def job_hung(theatre: Theatre) -> Iterator[None]:
    theatre.worker("hung")
    theatre.running("hung", "stalled")
    yield


@sight(1, "an endless job in a tier with max_run 20s", "the job was cancelled", RiverJobOverBudget='queue="budget"')
def over_budget(theatre: Theatre) -> Iterator[None]:
    theatre.worker("budget")
    (job,) = theatre.running("budget", "endless")
    yield
    theatre.river.fleet("cancel", str(job))


@sight(
    1,
    "kill -9 of a worker without beats, with River's own name; a younger one on the host works on",
    "riverkeeper rescue run --action discard --apply",
    RiverJobsSuspected='queue="suspect"',
)
def suspect(theatre: Theatre) -> Iterator[None]:
    worker = theatre.worker("suspect", "-client-id", "", beat="none")
    (job,) = theatre.running("suspect", "hanging", beating=False)
    worker.program.kill()
    theatre.worker("suspect", "-client-id", "", beat="none")
    theatre.insert("suspect", "short")
    yield
    riverkeeper(theatre.river, *by_hand(theatre), "--action", "discard", "--apply", str(job))


@sight(1, "five jobs failed once, and wait an hour", "fleet retry", RiverKindFailing='queue="failing"')
def kind_failing(theatre: Theatre) -> Iterator[None]:
    theatre.worker("failing")
    theatre.insert("failing", "backing_off", 5)
    theatre.wait_for("failing", "state = 'retryable'")
    yield
    jobs = theatre.river.rows("SELECT id::text FROM river_job WHERE queue = 'failing' AND state = 'retryable'")
    theatre.river.fleet("retry", *(job for (job,) in jobs))


@sight(
    1,
    "a job with two attempts panicked; its worker was killed before the second",
    "a worker was started; the job was discarded",
    RiverDiscardsComing='queue="coming"',
)
def discards_coming(theatre: Theatre) -> Iterator[None]:
    worker = theatre.worker("coming")
    theatre.insert("coming", "panicking")
    theatre.wait_for("coming", "cardinality(errors) = 1 AND state <> 'running'", every=0.1)
    worker.program.kill()
    yield
    theatre.worker("coming")


@sight(3, "a job of a new kind failed in each of its attempts", "an hour", RiverJobsDiscarded='queue="discarded"')
def discarded(theatre: Theatre) -> Iterator[None]:
    theatre.worker("discarded")
    theatre.insert("discarded", "short")
    theatre.insert("discarded", "failing")
    theatre.wait_for("discarded", "state = 'discarded'")
    yield


@sight(
    1, "no job of a kind finished, in a tier with max_silence 20s", "one did", RiverPeriodicKindSilent='queue="silent"'
)
def silent(theatre: Theatre) -> Iterator[None]:
    theatre.worker("silent")
    theatre.insert("silent", "short")
    theatre.wait_for("silent", "state = 'completed'")
    yield
    theatre.insert("silent", "short")
