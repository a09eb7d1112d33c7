"""The leader election and its probe: what verifies the heartbeat path, and which of two replicas leads."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest
import structlog.testing

from fixtures.contract import Connection, beat, claims_of, connected
from fixtures.replicas import configured
from fixtures.waiting import until
from riverkeeper.brakes.heartbeat_path import PreviousProbe
from riverkeeper.config.policy import Policy, RescueSettings
from riverkeeper.postgres.connection import Database
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.connection import RescueConnection
from riverkeeper.rescue.supervisor.election import ElectionResult, LeaderElection, Replica, run_election

SCHEMAS = {"river": "public", "keeper": "riverkeeper"}
SECONDS, TAKEOVER = 30.0, 60.0
ONE, OTHER = Replica(UUID(int=1), "one"), Replica(UUID(int=2), "other")
PATIENT = Policy({}, rescue=RescueSettings(interval=400.0))  # nothing but what the test does breaks the stretch
CLIENT = """INSERT INTO riverkeeper.client (instance, client_id, beat_at, beat_interval, fences, software, started_at)
    VALUES (gen_random_uuid(), 'worker', now() + %s::interval, '10 s', true, 'riverbeat-go/test', now())"""


@pytest.fixture
def url(installed_url: str) -> str:
    return installed_url


@pytest.fixture
def sql(url: str) -> Iterator[Connection]:
    with connected(url) as sql:
        yield sql


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


def taken(database: Database, replica: Replica = ONE, before: ElectionResult | None = None) -> ElectionResult:
    sighting = before.probe if before else None
    with database.writing(SECONDS, SCHEMAS) as tx:
        return _take(tx, replica, PreviousProbe(sighting) if sighting else None)


def _take(tx: Transaction, replica: Replica, before: PreviousProbe | None = None) -> ElectionResult:
    return run_election(tx, replica, before, PATIENT, TAKEOVER, dry_run=False)


def test_a_probe_needs_that_a_beat_could_be_written(database: Database, sql: Connection) -> None:
    """A lock that keeps beats out of their table, as a migration or a VACUUM FULL takes it, keeps the proof out too."""
    first = taken(database)
    assert first.path
    with sql.transaction():
        sql.execute("LOCK TABLE riverkeeper.heartbeat IN SHARE MODE")
        with pytest.raises(DatabaseError):
            taken(database, before=first)


def test_a_failed_probe_breaks_the_stretch(url: str, tmp_path: Path, sql: Connection) -> None:
    """Also where the next one comes in time: a beat would have been kept out as well."""
    config = configured(tmp_path, url, interval="1m")  # so that no pause of this machine breaks it
    watch = LeaderElection(ONE, lambda: config, lambda: RescueConnection(config))
    since = "SELECT path_ok_since AS at FROM riverkeeper.control"
    for _ in range(2):
        watch._tick()
    before = sql.execute(since).fetchone()
    with sql.transaction():
        sql.execute("LOCK TABLE riverkeeper.heartbeat IN SHARE MODE")
        watch._tick()
    watch._tick()
    assert watch._connection
    watch._connection.close()

    assert watch.failed_elections == 1
    assert before
    assert before["at"]
    assert sql.execute(since).fetchone() != before


def test_a_pause_and_its_end_are_logged_once(url: str, tmp_path: Path, sql: Connection) -> None:
    """By the active replica, with who paused and why: its log is where an operator searches for rescues."""
    config = configured(tmp_path, url, interval="1m")
    election = LeaderElection(ONE, lambda: config, lambda: RescueConnection(config))
    with structlog.testing.capture_logs() as logs:
        for change in (
            "SELECT 1",
            "UPDATE riverkeeper.control SET stopped_at = now(), stopped_by = 'ann', stopped_why = 'deploy'",
            "SELECT 1",
            "UPDATE riverkeeper.control SET stopped_at = NULL, stopped_by = NULL, stopped_why = NULL",
            "SELECT 1",
        ):
            sql.execute(change)
            election._tick()
    assert election._connection
    election._connection.close()

    assert [line for line in logs if "operator" in line["event"]] == [
        {"event": "rescues paused by an operator", "log_level": "warning", "by": "ann", "why": "deploy"},
        {"event": "rescues resumed by an operator", "log_level": "info", "paused_by": "ann"},
    ]


def test_who_waited_for_the_lock_reads_the_leader_again(url: str, database: Database, sql: Connection) -> None:
    """Nobody acts, and two replicas find that at the same moment: one leads, the other stands by."""
    second = Database(url)

    def wait_for_it() -> ElectionResult:
        with second.writing(SECONDS, SCHEMAS) as tx:
            tx.execute("SET LOCAL lock_timeout = '20s'")
            return _take(tx, OTHER)

    with ThreadPoolExecutor(1) as pool:
        with database.writing(SECONDS, SCHEMAS) as tx:
            assert _take(tx, ONE).is_active
            waiting = pool.submit(wait_for_it)
            until(lambda: _waits(sql), "the other replica to wait")
        late = waiting.result(SECONDS)
    second.close()

    assert (late.is_active, late.active_replica) == (False, "one")


def _waits(sql: Connection) -> bool:
    asked = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return sql.execute(asked).fetchone() is not None


@pytest.mark.parametrize(
    ("last_beats", "at_once"),
    [((31, 46, 62, 78, 94, 110), 1), ((31, 33, 36, 38, 40, 41), 6), ((31, 42, 100, 101, 102, 103), 2)],
    ids=["spread over 80 s", "at one moment", "two and four"],
)
def test_what_stops_at_once_stops_within_one_interval(
    database: Database, sql: Connection, last_beats: tuple[int, ...], at_once: int
) -> None:
    """Six deaths that are spread over minutes are six deaths; a network that breaks stops all within one interval."""
    for ago in (1, 2, 3, 4, 5, *last_beats):
        sql.execute(CLIENT, [f"-{ago} s"])
    sql.execute("UPDATE riverkeeper.control SET path_ok_since = now() - interval '1 hour'")
    turn = taken(database)

    assert turn.probe
    assert (turn.probe.fleet.instances, turn.probe.fleet.stale) == (11, 6)
    assert turn.probe.fleet.at_once == at_once


def test_a_leader_whose_probe_is_late_acts_no_more(database: Database, sql: Connection) -> None:
    """A replica that died keeps nobody from acting; one with a fresh probe does."""
    assert taken(database, OTHER).is_active
    assert not taken(database, ONE).is_active

    sql.execute("UPDATE riverkeeper.control SET actor_at = now() - make_interval(secs => %s)", [TAKEOVER + 1])
    assert taken(database, ONE).is_active


def test_beats_that_lie_ahead_count_as_of_now(database: Database, sql: Connection) -> None:
    """The clock went back by an hour: a worker that died before that must not be safe from every rescue until then."""
    beat(sql, claims_of(sql, 1))
    taken(database)
    for table, column in (("control", "path_probe_at"), ("heartbeat", "beat_at")):
        sql.execute(f"UPDATE riverkeeper.{table} SET {column} = now() + interval '1 hour'")  # noqa: S608
    taken(database)

    ahead = sql.execute("SELECT count(*) AS n FROM riverkeeper.heartbeat WHERE beat_at > clock_timestamp()").fetchone()
    assert ahead == {"n": 0}


def test_a_process_whose_beat_lies_ahead_is_no_part_of_the_fleet(database: Database, sql: Connection) -> None:
    """It beat before the clock went back, and until it beats again nobody knows whether it lives."""
    for ago in ("1 hour", "-40 s", "-40 s"):
        sql.execute(CLIENT, [ago])
    turn = taken(database)

    assert turn.probe
    assert (turn.probe.fleet.instances, turn.probe.fleet.on_time) == (2, 0)
    assert turn.path
    assert turn.path.ok_since is None
