"""Seen: the alerts of jobs.yml."""

from __future__ import annotations

from collections.abc import Iterator

from e2e.alert_cases.case import alert_case, manual_options
from e2e.alert_environment import AlertEnvironment
from e2e.riverkeeper_process import riverkeeper


@alert_case(1, "kill -9 of the worker of a running job", "the rescuer", RiverWorkerLost='queue="lost"')
def worker_lost(environment: AlertEnvironment) -> Iterator[None]:
    worker = environment.worker("lost")
    environment.running("lost", "steady")
    worker.program.kill()
    yield
    environment.worker("lost")


@alert_case(1, "a job that tells of progress once, and hangs", "the rescuer", RiverJobHung='queue="hung"')
def job_hung(environment: AlertEnvironment) -> Iterator[None]:
    environment.worker("hung")
    environment.running("hung", "stalled")
    yield


@alert_case(
    1, "an endless job in a tier with max_run 20s", "the job was cancelled", RiverJobOverBudget='queue="budget"'
)
def over_budget(environment: AlertEnvironment) -> Iterator[None]:
    environment.worker("budget")
    (job,) = environment.running("budget", "endless")
    yield
    environment.river.fleet("cancel", str(job))


@alert_case(
    1,
    "kill -9 of a worker without beats, with River's own name; a younger one on the host works on",
    "riverkeeper rescue run --action discard --apply",
    RiverJobsSuspected='queue="suspect"',
)
def suspect(environment: AlertEnvironment) -> Iterator[None]:
    worker = environment.worker("suspect", "-client-id", "", beat="none")
    (job,) = environment.running("suspect", "hanging", beating=False)
    worker.program.kill()
    environment.worker("suspect", "-client-id", "", beat="none")
    environment.insert("suspect", "short")
    yield
    riverkeeper(environment.river, *manual_options(environment), "--action", "discard", "--apply", str(job))


@alert_case(1, "five jobs failed once, and wait an hour", "fleet retry", RiverKindFailing='queue="failing"')
def kind_failing(environment: AlertEnvironment) -> Iterator[None]:
    environment.worker("failing")
    environment.insert("failing", "backing_off", 5)
    environment.wait_for("failing", "state = 'retryable'")
    yield
    jobs = environment.river.rows("SELECT id::text FROM river_job WHERE queue = 'failing' AND state = 'retryable'")
    environment.river.fleet("retry", *(job for (job,) in jobs))


@alert_case(
    1,
    "a job with two attempts panicked; its worker was killed before the second",
    "a worker was started; the job was discarded",
    RiverDiscardsComing='queue="coming"',
)
def discards_coming(environment: AlertEnvironment) -> Iterator[None]:
    worker = environment.worker("coming")
    environment.insert("coming", "panicking")
    environment.wait_for("coming", "cardinality(errors) = 1 AND state <> 'running'", every=0.1)
    worker.program.kill()
    yield
    environment.worker("coming")


@alert_case(3, "a job of a new kind failed in each of its attempts", "an hour", RiverJobsDiscarded='queue="discarded"')
def discarded(environment: AlertEnvironment) -> Iterator[None]:
    environment.worker("discarded")
    environment.insert("discarded", "short")
    environment.insert("discarded", "failing")
    environment.wait_for("discarded", "state = 'discarded'")
    yield


@alert_case(
    1, "no job of a kind finished, in a tier with max_silence 20s", "one did", RiverPeriodicKindSilent='queue="silent"'
)
def kind_without_jobs(environment: AlertEnvironment) -> Iterator[None]:
    environment.worker("silent")
    environment.insert("silent", "short")
    environment.wait_for("silent", "state = 'completed'")
    yield
    environment.insert("silent", "short")
