"""The fault behind each alert, in the database of a River with three queues, and what fills its page's placeholders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from conformance.floor import Event
from fixtures.contract import beat
from fixtures.rescue import Scene
from riverkeeper.brakes import control

CONFIG = "rescue: {mode: live, interval: 1m}\n"  # an interval longer than the test: the heartbeat path stays verified
_FLEET = """
UPDATE river_leader SET leader_id = 'web-1_2026_11_28T02_10_09', elected_at = now() - interval '3 h';
INSERT INTO river_queue (name) VALUES ('default'), ('mail'), ('payments');
INSERT INTO river_job (state, queue, kind, attempt, attempted_at, attempted_by, scheduled_at, finalized_at)
SELECT 'completed', q.queue, q.kind, 1, now() - g * interval '1 min', ARRAY['worker'], now() - g * interval '1 min',
    now() - g * interval '1 min' + interval '2 s'
FROM generate_series(1, 20) AS g, (VALUES ('mail', 'send_email'), ('payments', 'charge_card')) AS q (queue, kind);
UPDATE riverkeeper.control SET path_ok_since = now() - interval '1 day', path_probe_at = now(),
    actor = '6f1c2b1e-0000-4000-8000-000000000001', actor_name = 'riverkeeper-7d9f4c-x2x7b', actor_at = now();
"""


@dataclass(slots=True)
class Staged:
    """What a page's commands get."""

    url: str
    values: dict[str, str] = field(default_factory=dict)
    config: str = CONFIG


Fault = Callable[[Scene, Staged], None]
FAULTS: dict[str, Fault] = {}


def fault(alert: str) -> Callable[[Fault], Fault]:
    def put_down(stage: Fault) -> Fault:
        FAULTS[alert] = stage
        return stage

    return put_down


def stage(alert: str, scene: Scene) -> Staged:
    """The fleet with the fault of this alert."""
    scene.lead()
    scene.sql.execute(_FLEET)
    beat(scene.sql, [])
    staged = Staged(scene.url, {"KIND": "charge_card", "QUEUE": "payments", "TIER": "standard"})
    FAULTS[alert](scene, staged)
    return staged


def name_job(staged: Staged, scene: Scene, claim: Event) -> None:
    """JOB_ID and ATTEMPTED_AT of a claim."""
    at: datetime = scene.job(claim)["attempted_at"]
    staged.values |= {"JOB_ID": str(claim["job_id"]), "ATTEMPTED_AT": at.astimezone(UTC).isoformat(" ")}


def add_jobs(scene: Scene, count: int, **columns: object) -> list[int]:
    """Jobs with these columns; `ago` is the time since they were due."""
    given = {"queue": "payments", "kind": "charge_card", "state": "available", **columns}
    ago = given.pop("ago", "20 min")
    names = ", ".join(given)
    marks = ", ".join(["%s"] * len(given))
    sql = (
        f"INSERT INTO river_job ({names}, scheduled_at) SELECT {marks}, now() - %s::interval "  # noqa: S608
        "FROM generate_series(1, %s) RETURNING id"
    )
    return [row["id"] for row in scene.sql.execute(sql, [*given.values(), ago, count]).fetchall()]


def stop_claims(scene: Scene) -> None:
    """Nothing was claimed for 45 minutes."""
    scene.sql.execute("UPDATE river_job SET attempted_at = attempted_at - interval '45 min'")


def curtail(scene: Scene, staged: Staged, grant: str) -> None:
    """Riverkeeper's login has only this right."""
    if not scene.sql.execute("SELECT FROM pg_roles WHERE rolname = 'curtailed'").fetchall():
        scene.sql.execute("CREATE ROLE curtailed LOGIN")
    scene.sql.execute(grant.encode())
    staged.url = staged.url.replace("postgres@", "curtailed@")


@fault("RiverNotWatched")
def database_unreadable(scene: Scene, staged: Staged) -> None:
    staged.url = "postgresql://riverkeeper@127.0.0.1:1/orders"  # no server listens there


@fault("RiverNoWorkers")
def no_workers(scene: Scene, staged: Staged) -> None:
    stop_claims(scene)
    name_job(staged, scene, scene.stale(queue="payments", kind="charge_card"))
    scene.sql.execute("UPDATE river_leader SET expires_at = now() - interval '5 min'")
    scene.sql.execute("UPDATE riverkeeper.control SET path_ok_since = NULL")
    add_jobs(scene, 12)


@fault("RiverQueueNotMoving")
def queue_not_moving(scene: Scene, staged: Staged) -> None:
    stop_claims(scene)
    add_jobs(scene, 40, ago="25 min")
    scene.sql.execute("UPDATE river_queue SET updated_at = now() - interval '40 min' WHERE name = 'payments'")


@fault("RiverWaitBudgetBurning")
def wait_budget(scene: Scene, staged: Staged) -> None:
    add_jobs(scene, 400, ago="9 min")


@fault("RiverLossBudgetBurning")
def loss_budget(scene: Scene, staged: Staged) -> None:
    ids = add_jobs(
        scene, 7, state="discarded", attempt=25, finalized_at=datetime.now(UTC), attempted_at=datetime.now(UTC),
        errors=[ERROR],
    )  # fmt: skip
    add_jobs(scene, 1, state="retryable", attempt=24, ago="-40 min", errors=[ERROR])
    staged.values["JOB_ID"] = str(ids[0])


ERROR = '{"at": "2026-11-28T02:58:11Z", "attempt": 25, "error": "card service: 503 Service Unavailable", "trace": ""}'


@fault("RiverSchedulingStopped")
def scheduling_stopped(scene: Scene, staged: Staged) -> None:
    add_jobs(scene, 5, state="scheduled", ago="6 min")
    scene.sql.execute("UPDATE river_leader SET expires_at = now() - interval '6 min'")


@fault("RiverJobsStuck")
def jobs_stuck(scene: Scene, staged: Staged) -> None:
    staged.config = "rescue: {mode: dry_run, interval: 1m}\n"
    for _ in range(3):
        name_job(staged, scene, scene.stale(queue="payments", kind="charge_card"))
    beat(scene.sql, [])


@fault("RiverJobsMayHaveRunTwice")
def ran_twice(scene: Scene, staged: Staged) -> None:
    add_rescues(scene, 1, worker="finished", was_false=True)


_AUDIT = """
INSERT INTO riverkeeper.rescue (dry_run, job_id, attempted_at, attempt, queue, kind, priority, tier, reason,
    action, state_after, evidence, woken_by, keeper, old_worker, was_false, at, closed_at)
SELECT false, 16 + g, now() - g * interval '7 min', 1, 'payments', 'charge_card', 1, 'standard', 'worker_lost',
    'retry', 'retryable', '{"value": 47.0, "limit_seconds": 35.0, "limit_origin": "tier standard"}', 'supervisor',
    gen_random_uuid(), %(worker)s, %(was_false)s, now() - g * interval '6 min', now()
FROM generate_series(1, %(count)s) AS g
"""


def add_rescues(scene: Scene, count: int, worker: str, was_false: bool) -> None:
    """Rescues of the last hours, each of another job, with the outcome of the previous worker."""
    scene.sql.execute(_AUDIT, {"count": count, "worker": worker, "was_false": was_false})


@fault("RiverRescuesPaused")
def rescues_paused(scene: Scene, staged: Staged) -> None:
    with scene.keeping() as tx:
        control.pause(tx, "ann@web-1", "maintenance of the card service")
    scene.sql.execute(
        "INSERT INTO riverkeeper.brake (name, engaged_at, sentence) VALUES ('mass_silence', now(),"
        " '12 of 14 worker processes stopped beating within 10 s')"
    )


@fault("RiverKindFailing")
def kind_failing(scene: Scene, staged: Staged) -> None:
    ids = add_jobs(scene, 3, state="retryable", attempt=24, ago="-40 min", errors=[ERROR])
    staged.values["JOB_ID"] = str(ids[0])


@fault("RiverUnknownKindDiscarded")
def unknown_kind_discarded(scene: Scene, staged: Staged) -> None:
    rescue = '{"at": "2026-11-28T02:58:11Z", "attempt": 1, "error": "Stuck job rescued by JobRescuer", "trace": ""}'
    ids = add_jobs(
        scene, 2, state="discarded", attempt=1, finalized_at=datetime.now(UTC), attempted_at=datetime.now(UTC),
        errors=[rescue], metadata='{"river:rescue_count": 1}',
    )  # fmt: skip
    staged.values["JOB_ID"] = str(ids[0])


@fault("RiverQueuePaused")
def queue_paused(scene: Scene, staged: Staged) -> None:
    stop_claims(scene)
    add_jobs(scene, 40, ago="35 min")
    scene.sql.execute("UPDATE river_queue SET paused_at = now() - interval '35 min' WHERE name = 'payments'")


@fault("RiverCleanerBehind")
def cleaner_behind(scene: Scene, staged: Staged) -> None:
    old = datetime.fromtimestamp(datetime.now(UTC).timestamp() - 4 * 86400, UTC)
    add_jobs(scene, 50, state="completed", finalized_at=old, attempted_at=old, ago="4 days")


@fault("RiverKindOverdue")
def kind_overdue(scene: Scene, staged: Staged) -> None:
    staged.config = CONFIG + ("tiers: {nightly: {max_silence: 15m}}\nassign: [{kind: nightly_report, tier: nightly}]\n")
    old = datetime.fromtimestamp(datetime.now(UTC).timestamp() - 7200, UTC)
    add_jobs(scene, 1, kind="nightly_report", queue="default", state="completed", finalized_at=old, attempted_at=old)
    staged.values |= {"KIND": "nightly_report", "QUEUE": "default"}


@fault("RiverJobsNeedDecision")
def need_decision(scene: Scene, staged: Staged) -> None:
    """One job has been rescued three times today, and its attempts are used up."""
    claim = scene.stale(queue="payments", kind="charge_card", attempt=25)
    name_job(staged, scene, claim)
    beat(scene.sql, [])
    add_rescues(scene, 3, worker="silent", was_false=False)
    scene.sql.execute("UPDATE riverkeeper.rescue SET job_id = %s", [claim["job_id"]])


@fault("RiverWorkersOutOfMemory")
def workers_out_of_memory(scene: Scene, staged: Staged) -> None:
    """One job has been killed three times today, and another one once; the first is held."""
    claim = scene.stale(queue="payments", kind="charge_card", attempt=4)
    name_job(staged, scene, claim)
    beat(scene.sql, [])
    add_rescues(scene, 4, worker="silent", was_false=False)
    scene.sql.execute(_KILLED, {"job": claim["job_id"], "evidence": KILLED})


KILLED = """{"cause": "OOMKilled", "exit_code": 137, "pod": "jobs/api-6d9f7c4b5d-x2x7b", "value": 4,
    "limit_seconds": 0, "limit_origin": "container worker of pod jobs/api-6d9f7c4b5d-x2x7b was killed"}"""
_KILLED = """UPDATE riverkeeper.rescue SET reason = 'worker_dead', evidence = %(evidence)s::jsonb,
    job_id = CASE job_id WHEN 20 THEN 20 ELSE %(job)s END, attempt = CASE job_id WHEN 20 THEN 1 ELSE 20 - job_id END"""


@fault("RiverWorkersLostOften")
def workers_lost_often(scene: Scene, staged: Staged) -> None:
    add_rescues(scene, 14, worker="silent", was_false=False)


@fault("RiverRescuerPoisoned")
def rescuer_poisoned(scene: Scene, staged: Staged) -> None:
    claim = scene.claim(queue="payments", kind="charge_card", metadata={"cancel_attempted_at": "yesterday"})
    name_job(staged, scene, claim)


@fault("RiverkeeperReloadFailed")
def reload_failed(scene: Scene, staged: Staged) -> None:
    staged.config = "rescue: {mode: alive}\ntier: {}\n"


@fault("RiverkeeperNoActiveReplica")
def no_active_replica(scene: Scene, staged: Staged) -> None:
    scene.sql.execute("UPDATE riverkeeper.control SET actor_at = now() - interval '20 min'")


@fault("RiverkeeperClockSkewed")
def clock_skewed(scene: Scene, staged: Staged) -> None:
    """The clock of a test machine cannot be moved: the page shows what a right clock prints."""


@fault("RiverkeeperCountsNotDurable")
def counts_not_durable(scene: Scene, staged: Staged) -> None:
    curtail(scene, staged, "GRANT SELECT ON ALL TABLES IN SCHEMA public, riverkeeper TO curtailed")
    scene.sql.execute("GRANT USAGE ON SCHEMA riverkeeper TO curtailed")


@fault("RiverkeeperScrapesIncomplete")
def scrapes_incomplete(scene: Scene, staged: Staged) -> None:
    curtail(scene, staged, "GRANT SELECT ON river_job, river_queue TO curtailed")


@fault("RiverkeeperTargetsMixed")
def targets_mixed(scene: Scene, staged: Staged) -> None:
    """The fault is in Prometheus' scrape configuration."""


@fault("RiverkeeperWebhookNotReached")
def webhook_not_reached(scene: Scene, staged: Staged) -> None:
    """The fault is between Alertmanager and Riverkeeper."""


@fault("RiverWatchdog")
def watchdog(scene: Scene, staged: Staged) -> None:
    """Nothing is wrong."""


@fault("RiverRescueWake")
def rescue_wake(scene: Scene, staged: Staged) -> None:
    name_job(staged, scene, scene.stale(queue="payments", kind="charge_card"))
    beat(scene.sql, [])
