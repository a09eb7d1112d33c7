"""Where the ledger is kept, and that a scrape shows it: maintenance and scrapes, as the exporter runs them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from fixtures.ledger_replica import SCHEMAS, SECONDS, Replica
from fixtures.scrape import Exporter, reader
from riverkeeper.demo.postgres import Server
from riverkeeper.ledger.totals import Finished
from riverkeeper.postgres.connection import Database, Session
from riverkeeper.schema.install import install, uninstall
from riverkeeper.scrape import schemas
from riverkeeper.scrape.reader import ReaderSettings

SETTINGS = ReaderSettings(river_schema=None, keeper_schema=None, late_window=600, max_pairs=1000)
IN_MEMORY, DURABLE = {"kept": "in memory"}, {"kept": "in the keeper schema"}


@pytest.fixture(autouse=True)
def _look_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the catalog, not once a minute."""
    monkeypatch.setattr(schemas, "LOOKUP_SECONDS", 0.0)


@pytest.fixture
def login(postgres: Server, river_url: str, sql: Session) -> Iterator[str]:
    """URL of a login that may only read River's tables."""
    sql.execute("CREATE ROLE ledger_reader LOGIN")
    sql.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO ledger_reader")
    yield postgres.database_url(river_url.rpartition("/")[2], user="ledger_reader")
    sql.execute("DROP OWNED BY ledger_reader")
    sql.execute("DROP ROLE ledger_reader")


def finish(sql: Session, jobs: int) -> None:
    sql.execute(
        "INSERT INTO river_job (state, attempt, kind, attempted_at, finalized_at)"
        " SELECT 'completed', 1, 'k', now(), now() FROM generate_series(1, %(jobs)s)",
        {"jobs": jobs},
    )


def finished(reader: Exporter) -> Finished:
    found = reader.read(SECONDS)
    assert found.error is None
    assert found.finished is not None
    return found.finished


def jobs(found: Finished) -> int:
    return sum(pair.outcomes["completed"] for pair in found.pairs)


def grant(sql: Session) -> None:
    sql.execute("GRANT USAGE ON SCHEMA riverkeeper TO ledger_reader")
    sql.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA riverkeeper TO ledger_reader")


def where(logs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"kept": log["kept"]} for log in logs if "kept" in log]


def test_a_login_that_may_only_read_counts_in_memory(login: str, sql: Session) -> None:
    """It reports that, and counts all the same, from its own start."""
    finish(sql, 3)
    with reader(login, SETTINGS) as exporter, capture_logs() as logs:
        first = finished(exporter)
        finish(sql, 2)
        second = finished(exporter)

    assert where(logs) == [IN_MEMORY]
    assert any("from now on" in str(log["event"]) for log in logs)
    assert [first.durable, jobs(first), jobs(second)] == [False, 0, 2]


def test_a_keeper_schema_installed_later_is_used_from_then_on(login: str, river_url: str, sql: Session) -> None:
    """Without a restart; the counters begin at 0 there, and a note names it."""
    with reader(login, SETTINGS) as exporter, capture_logs() as logs:
        finished(exporter)
        finish(sql, 2)
        assert jobs(finished(exporter)) == 2
        install(river_url, None, None)
        assert finished(exporter).durable is False, "not without the right to write it"
        grant(sql)
        switched = finished(exporter)
        finish(sql, 1)

        assert [switched.durable, jobs(switched), jobs(finished(exporter))] == [True, 0, 1]
    assert where(logs) == [IN_MEMORY, DURABLE]


def test_a_count_in_memory_never_goes_on_as_the_kept_one(login: str, river_url: str, sql: Session) -> None:
    """From 1 in memory to 5 in the keeper schema looks like 4 jobs at once: it begins at 0, in a new epoch."""
    install(river_url, None, None)
    with reader(river_url, SETTINGS) as other:
        finished(other)
        finish(sql, 5)
        assert jobs(finished(other)) == 5
    with reader(login, SETTINGS) as exporter, capture_logs() as logs:
        finished(exporter)
        finish(sql, 1)
        assert jobs(finished(exporter)) == 1
        grant(sql)
        switched = finished(exporter)

    assert [switched.durable, switched.epoch] == [True, 2]
    assert jobs(switched) <= 1
    assert any("in memory until now" in str(log.get("reason")) for log in logs)


def test_a_keeper_schema_that_goes_away_is_missed_but_not_waited_for(installed_url: str, sql: Session) -> None:
    """Finished jobs are counted in memory from then on, beginning at 0."""
    with reader(installed_url, SETTINGS) as exporter, capture_logs() as logs:
        finished(exporter)
        finish(sql, 5)
        assert jobs(finished(exporter)) == 5
        uninstall(installed_url, None, None)
        gone = finished(exporter)

    assert [gone.durable, jobs(gone)] == [False, 0]
    assert where(logs) == [DURABLE, IN_MEMORY]


def test_a_keeper_schema_that_is_locked_for_a_moment_changes_nothing(installed_url: str, sql: Session) -> None:
    """Its families are absent this once; the count goes on."""
    with reader(installed_url, SETTINGS) as exporter, capture_logs() as logs:
        finished(exporter)
        finish(sql, 2)
        assert jobs(finished(exporter)) == 2
        locker = Database(installed_url)
        with locker.writing(SECONDS, SCHEMAS) as tx:
            tx.execute("LOCK TABLE riverkeeper.meta, riverkeeper.ledger_total IN ACCESS EXCLUSIVE MODE")
            assert exporter.read(SECONDS).finished is None
        locker.close()
        after = finished(exporter)

    assert [after.durable, after.epoch, jobs(after)] == [True, 1, 2]
    assert where(logs) == [DURABLE]


def test_two_readers_show_the_values_of_one(installed_url: str, sql: Session) -> None:
    """Replicas agree, also with one that has just started."""
    with reader(installed_url, SETTINGS) as exporter, reader(installed_url, SETTINGS) as other:
        finished(exporter)
        finish(sql, 5)
        first, second = finished(exporter), finished(other)

    assert first == second
    assert jobs(first) == 5
    with Replica(installed_url, durable=True) as replica:
        assert replica.committed().epoch == first.epoch
