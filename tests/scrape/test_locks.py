"""Other people's locks and slow moments: we are never the queue that takes a database down."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from fixtures.scrape import SECONDS, SETTINGS, errors, page_of, read, reader
from fixtures.waiting import until
from riverkeeper.postgres.connection import Database, Session
from riverkeeper.scrape.collector import Collector
from riverkeeper.scrape.reader import Reader
from riverkeeper.scrape.schemas import SchemaLookup
from riverkeeper.scrape.scrape import Snapshot

OURS_WAIT = """SELECT count(DISTINCT l.pid) AS ours FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
    WHERE a.application_name = 'riverkeeper' AND a.datname = current_database() AND NOT l.granted"""
OURS = """SELECT count(*) AS ours FROM pg_stat_activity
    WHERE application_name = 'riverkeeper' AND datname = current_database()"""
ALTER_WAITS = (
    "SELECT 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND NOT granted AND relation = 'river_job'::regclass"
)


@pytest.fixture
def alter_waits(river_url: str, sql: Session) -> Iterator[Session]:
    """ALTER TABLE river_job waits behind somebody's open transaction: the next query waits behind it."""
    with Session(river_url, "holder") as holder, Session(river_url, "operator") as operator:
        holder.execute("BEGIN; SELECT count(*) FROM river_job")
        altering = threading.Thread(target=lambda: operator.execute("ALTER TABLE river_job ADD COLUMN more text"))
        altering.start()
        until(lambda: sql.execute(ALTER_WAITS), "ALTER TABLE to wait")
        yield holder
        holder.execute("ROLLBACK")
        altering.join()


def test_twenty_scrapes_behind_an_alter_table(river_url: str, sql: Session, alter_waits: Session) -> None:
    """None waits longer than lock_timeout and a little, one of ours waits at a time, and one connection is all."""
    collector = Collector(Reader(Database(river_url), SETTINGS, SchemaLookup(None, None)), 0.0)
    snapshots: list[Snapshot] = []
    most: list[tuple[int, int]] = []

    def scrape() -> None:
        snapshots.append(collector.collect(SECONDS))

    scrapes = [threading.Thread(target=scrape) for _ in range(20)]
    for thread in scrapes:
        thread.start()
    while any(thread.is_alive() for thread in scrapes):
        most.append((sql.execute(OURS_WAIT)[0].ours, sql.execute(OURS)[0].ours))
    collector.close()

    assert len(snapshots) == 20
    assert not any(snapshot.up for snapshot in snapshots)
    assert all("locked" in (snapshot.error or "") for snapshot in snapshots), "not lock_timeout ended them"
    assert max(waiting for waiting, _ in most) <= 1
    assert max(connections for _, connections in most) <= 1


def test_after_a_lock_the_rest_is_not_queried(river_url: str, alter_waits: Session) -> None:
    """A reading that waited once behind a lock would wait at every query: it ends, and each query gives the reason."""
    with reader(river_url) as exporter:
        snapshot = exporter.reader.read(SECONDS)
        first, *rest = errors(snapshot).values()
        assert "55P03" in first
        assert all("skipped" in error for error in rest)
        assert page_of(snapshot).value("riverkeeper_query_success", query="partitions") == 0

        alter_waits.execute("ROLLBACK; BEGIN")  # the ALTER TABLE goes through
        until(lambda: exporter.read(SECONDS).up, "the table to be readable again")


def test_a_lock_on_one_table_leaves_the_jobs(river_url: str, sql: Session) -> None:
    """What was answered before the lock was met is shown."""
    sql.execute("INSERT INTO river_job (kind) VALUES ('k')")
    sql.execute("BEGIN; LOCK TABLE river_queue")
    snapshot = read(river_url)
    sql.execute("ROLLBACK")
    page = page_of(snapshot)

    assert snapshot.up
    assert page.value("river_jobs", queue="default", state="available") == 1
    assert not page.of("river_queue_paused")
    assert page.value("riverkeeper_query_success", query="queues") == 0


SLOW = """
CREATE FUNCTION slow(text) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN PERFORM pg_sleep(30); RETURN $1; END $$;
ALTER TABLE river_queue RENAME TO hidden;
CREATE VIEW river_queue AS SELECT slow(name) AS name, created_at, metadata, paused_at, updated_at FROM hidden;
INSERT INTO hidden (name) VALUES ('q');
"""


def test_a_slow_question_leaves_the_others_their_time(river_url: str, sql: Session) -> None:
    """The server itself ends a statement after its share of the scrape's time; what comes after is still queried."""
    sql.execute(SLOW)
    snapshot = read(river_url, seconds=1.5)

    assert snapshot.up
    assert set(errors(snapshot)) == {"queues"}
    assert "timed_out" in errors(snapshot)["queues"]
    assert page_of(snapshot).of("river_table_bytes")


TELLS_TIMEOUTS = """
ALTER TABLE river_queue RENAME TO hidden;
CREATE VIEW river_queue AS SELECT
    current_setting('statement_timeout') || ' ' || current_setting('lock_timeout') AS name,
    NULL::timestamptz AS paused_at, now() AS updated_at;
"""


@pytest.mark.parametrize(("seconds", "limit"), [(10.0, "4s"), (5.0, "2s"), (300.0, "2min")])
def test_the_servers_own_limits_come_from_the_scrape(river_url: str, sql: Session, seconds: float, limit: str) -> None:
    """No question may take more than two fifths of the scrape's time, nor wait long for a lock: the server knows."""
    sql.execute(TELLS_TIMEOUTS)
    snapshot = read(river_url, seconds=seconds)

    assert snapshot.queues is not None
    waited, lock = snapshot.queues[0].name.split()
    assert _milliseconds(waited) == pytest.approx(_milliseconds(limit.split(maxsplit=1)[0]), rel=0.1)
    assert lock == "250ms"


def _milliseconds(setting: str) -> float:
    number = float(setting.rstrip("msin"))
    return number * {"ms": 1, "s": 1000, "min": 60_000}[setting.lstrip("0123456789.")]
