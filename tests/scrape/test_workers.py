"""The workers as a page reads them, held against plain SQL over whole tables."""

from __future__ import annotations

import random
import time
from operator import attrgetter

import pytest

from fixtures.grants import grant
from fixtures.offenders import for_each
from fixtures.workers import GO, JAVA, RUBY, RUST, add_beat, add_job, add_process, add_rescue, instance
from riverkeeper.evidence.pod_evidence import PodEvidence
from riverkeeper.formats import rfc3339
from riverkeeper.postgres.connection import Session
from riverkeeper.scrape.workers import WorkerFilter, Workers, read_workers
from riverkeeper.verdict.client_ids import Runtime
from riverkeeper.verdict.workers import LeftClaims, Presence, Worker, WorkerEnding, WorkerFence

NAIVE_JOBS = """SELECT j.attempted_by[1] AS client, count(*) AS jobs FROM river_job AS j
    WHERE j.state = 'running' GROUP BY 1"""
NAIVE_KINDS = "SELECT DISTINCT attempted_by[1] AS client, kind FROM river_job WHERE state = 'running'"
NAIVE_PROCESSES = """SELECT c.instance::text, c.beat_at > now() - 3 * c.beat_interval AS beats,
    (
        SELECT count(*) FROM river_job AS j
        JOIN riverkeeper.heartbeat AS h ON h.job_id = j.id AND h.attempted_at = j.attempted_at
        WHERE j.state = 'running' AND h.instance = c.instance AND h.lost_at IS NULL
    ) AS jobs
    FROM riverkeeper.client AS c"""

EARLIER = """UPDATE riverkeeper.heartbeat
    SET beat_at = beat_at - interval '30 s', ended_at = beat_at - interval '20 s' WHERE job_id = %(job)s"""
CLAIMED_AGAIN = """UPDATE river_job
    SET attempt = 2, attempted_at = now(), attempted_by = '{other}' WHERE id = %(job)s"""


def find(url: str, wanted: WorkerFilter = WorkerFilter(), limit: int = 500, *, many: bool = False) -> Workers:  # noqa: B008 - frozen
    return read_workers(url, None, None, wanted, limit, 20.0, many=many)


def by_instance(found: Workers) -> dict[str | None, Worker]:
    return {worker.instance: worker for worker in found.shown}


@pytest.mark.parametrize("seed", range(3))
def test_workers_are_those_of_plain_sql(installed_url: str, sql: Session, seed: int) -> None:
    """Every process once, with its jobs; every other client that holds a job once."""
    chance = random.Random(seed)
    clients = [GO, RUST, RUBY, JAVA, "mine", "other"]
    processes = [
        (add_process(sql, number, client := chance.choice(clients[:5]), chance.choice([1, 20, 50, 900])), client)
        for number in range(1, 12)
    ]
    for _ in range(60):
        process, client = chance.choice([*processes, ("", "other"), ("", JAVA)])
        state = chance.choice(["running", "running", "completed", "available"])
        job = add_job(sql, client, state, kind=chance.choice(["send", "report"]))
        if process and chance.random() < 0.8:
            add_beat(sql, job, process, lost=chance.random() < 0.05)
    found, by_pages = find(installed_url), find(installed_url, many=True)

    jobs = {row.client: row.jobs for row in sql.execute(NAIVE_JOBS)}
    assert {client: sum(worker.jobs for worker in found.shown if worker.client_id == client) for client in jobs} == jobs
    named = {(worker.client_id, kind) for worker in found.shown for kind in worker.kinds}
    assert named == {(row.client, row.kind) for row in sql.execute(NAIVE_KINDS)}
    assert {(worker.client_id, queue) for worker in found.shown for queue in worker.queues} == {
        (client, "default") for client in jobs
    }
    facts = attrgetter("client_id", "instance", "jobs", "unbeaten", "kinds", "queues")
    assert {facts(worker) for worker in by_pages.shown} == {facts(worker) for worker in found.shown}
    for row in sql.execute(NAIVE_PROCESSES):
        worker = by_instance(found)[row.instance]
        assert (worker.presence is Presence.BEATING, worker.jobs - worker.unbeaten) == (row.beats, row.jobs)
    assert len([worker for worker in found.shown if worker.instance]) == len(processes)
    assert found.found == len(found.shown)
    assert sum(found.known.values()) == found.found


def test_a_stale_process_and_the_outcome_of_its_jobs(installed_url: str, sql: Session) -> None:
    """Rescued, still running, completed, ended, and not known; not what had ended before its last beat."""
    dead = add_process(sql, 1, GO, 120)
    add_beat(sql, add_job(sql), dead)
    rescued = add_job(sql, state="available")
    add_beat(sql, rescued, dead, lost=True)
    add_rescue(sql, rescued)
    add_beat(sql, add_job(sql, state="completed"), dead)
    add_beat(sql, add_job(sql, state="retryable"), dead, outcome="failed")
    again = add_job(sql)
    add_beat(sql, again, dead)
    earlier = add_job(sql, state="completed")
    add_beat(sql, earlier, dead, outcome="completed")
    sql.execute(EARLIER, {"job": earlier})
    sql.execute(CLAIMED_AGAIN, {"job": again})

    worker = by_instance(find(installed_url))[dead]

    assert worker.ending is WorkerEnding.HELD_JOBS
    assert (worker.jobs, worker.left) == (1, LeftClaims(True, rescued=1, completed=1, ended=1, unknown=1))


def test_a_process_that_gave_its_work_up_ended_in_order(installed_url: str, sql: Session) -> None:
    """Its client reported that; a rescue came later."""
    dead = add_process(sql, 1, GO, 120)
    add_beat(sql, add_job(sql, state="available"), dead, lost=True, outcome="abandoned")

    assert by_instance(find(installed_url))[dead].ending is WorkerEnding.GAVE_UP


def test_rescues_outlive_the_heartbeats(installed_url: str, sql: Session) -> None:
    """Heartbeats are swept after ten minutes, and the audit stays. A later process has its own."""
    dead = add_process(sql, 1, "mine", 1800)
    lost, recorded = add_job(sql, "mine", "available", ago=1850), add_job(sql, "mine", ago=1850)
    add_rescue(sql, lost)
    add_rescue(sql, recorded, dry=True)
    add_rescue(sql, add_job(sql, "mine", "available", ago=60))

    worker = by_instance(find(installed_url))[dead]

    assert (worker.ending, worker.left) == (WorkerEnding.HELD_JOBS, LeftClaims(traced=False, rescued=1, recorded=1))


FILTERS: list[tuple[dict[str, str], set[str]]] = [
    ({}, {"a", "b", "c"}),
    ({"status": "stale"}, {"b"}),
    ({"status": "no_heartbeats"}, {"c"}),
    ({"runtime": "unknown"}, {"a", "c"}),
    ({"runtime": "go"}, {"b"}),
    ({"client": "lone"}, {"c"}),
    ({"kind": "report"}, {"b", "c"}),
    ({"kind": "report", "queue": "mail"}, {"b"}),
    ({"kind": "declared"}, {"a"}),
    ({"queue": "mail"}, {"b"}),
    ({"kind": "send", "queue": "mail"}, set()),
]


@for_each("case", FILTERS, str)
def test_filters(installed_url: str, sql: Session, case: tuple[dict[str, str], set[str]]) -> None:
    """Kind and queue are those of one job that it holds; an idle worker is found by a kind that it beats for."""
    sql.execute("TRUNCATE riverkeeper.client, riverkeeper.heartbeat, river_job")
    names = {add_process(sql, 1, "alive", software="mine", kinds=["declared"]): "a", add_process(sql, 2, GO, 99): "b"}
    add_beat(sql, add_job(sql, GO, kind="report", queue="mail"), instance(2))
    add_job(sql, "lone", kind="report")
    add_job(sql, "lone", kind="send")
    wanted, expected = case
    found = find(installed_url, WorkerFilter(**wanted))

    assert {names.get(worker.instance or "", "c") for worker in found.shown} == expected
    assert found.found == len(expected)
    assert sum(found.known.values()) == 3


def test_a_list_that_is_cut_shows_how_much_there_is(installed_url: str, sql: Session) -> None:
    """The dead come first, whatever the limit."""
    for number in range(1, 6):
        add_process(sql, number, f"c{number}", 500 if number == 3 else 1)
    found = find(installed_url, limit=2)

    assert (len(found.shown), found.found) == (2, 5)
    assert found.shown[0].instance == instance(3)


def test_without_a_keeper_schema_clients_are_known_by_their_jobs(river_url: str, sql: Session) -> None:
    """Nobody is shown as stale: heartbeats cannot be seen."""
    add_job(sql, JAVA)
    found = find(river_url)

    assert (found.heartbeats, found.fenced) == (False, None)
    assert [(worker.presence, worker.fence) for worker in found.shown] == [(Presence.NO_HEARTBEATS, WorkerFence.NATIVE)]


def test_a_reader_sees_the_same(installed_url: str, sql: Session, reader_url: str) -> None:
    """The least role of the printed grants is enough."""
    add_beat(sql, add_job(sql), add_process(sql, 1, GO, 120))

    assert find(reader_url).shown == find(installed_url).shown


def test_the_end_that_kubernetes_proves_is_how_it_ended(installed_url: str, sql: Session) -> None:
    """A fact, where there was a guess; and the others show that nobody could prove their end."""
    client = f"{POD_NAME}_2026_08_07T14_32_57_123456"
    dead = add_process(sql, 1, client, 120)
    add_process(sql, 2, "mine")
    add_beat(sql, add_job(sql, client, ago=300), dead)
    evidence = PodEvidence(["jobs"])
    evidence.update(ended_pod())
    evidence.compare_api_clock(0.0, 0.1)
    evidence.compare_database_clock(0.0)
    found = read_workers(installed_url, None, None, WorkerFilter(), 10, 20.0, evidence)
    worker = by_instance(found)[dead]

    assert (worker.ending, worker.is_watched) == (WorkerEnding.TERMINATED, True)
    assert f"pod jobs/{POD_NAME} was killed because it used more memory than its limit" in worker.proof
    assert [(row.runtime, row.watched) for row in found.runtimes] == [(Runtime.GO, 0)]
    assert [(row.watched) for row in find(installed_url).runtimes] == [None]


POD_NAME = "web-6d9f7c4b5d-x2k4q"


def ended_pod() -> dict[str, object]:
    """Its container started just before the client of the id, and was killed soon after the last heartbeat."""
    ended = {
        "startedAt": "2026-08-07T14:32:50Z", "finishedAt": rfc3339(time.time() - 100), "exitCode": 137,
        "reason": "OOMKilled", "containerID": "containerd://1",
    }  # fmt: skip
    return {
        "metadata": {"uid": "u", "name": POD_NAME, "namespace": "jobs", "generateName": POD_NAME[:-5]},
        "spec": {"containers": [{"name": "worker"}]},
        "status": {"phase": "Running", "containerStatuses": [{
            "name": "worker", "state": {"terminated": ended}, "lastState": {}, "restartCount": 0,
            "containerID": "containerd://1",
        }]},
    }  # fmt: skip


@pytest.fixture
def reader_url(installed_url: str, sql: Session) -> str:
    """A login with the role of readers."""
    grant(installed_url)
    sql.execute("DROP ROLE IF EXISTS some_page_reader")
    sql.execute("CREATE ROLE some_page_reader LOGIN IN ROLE riverkeeper_reader")
    return installed_url.replace("postgres@", "some_page_reader@")
