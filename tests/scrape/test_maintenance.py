"""A scrape only reads; maintenance writes, and a scrape shows what it committed, or shows that it is old."""

from __future__ import annotations

import pytest

from fixtures.scrape import SECONDS, SETTINGS, Exporter, errors, page_of, reader
from riverkeeper.maintenance import Maintenance
from riverkeeper.postgres.connection import Database, Session
from riverkeeper.scrape import reader as scrape_reader
from riverkeeper.scrape.schemas import SchemaLookup

FINISH = "INSERT INTO river_job (kind, state, attempted_at, finalized_at) VALUES ('k', 'completed', now(), now())"
COUNTER = {"queue": "default", "kind": "k", "outcome": "completed"}


@pytest.fixture
def river_url(installed_url: str) -> str:
    """A River with a keeper schema."""
    return installed_url


def finished(exporter: Exporter) -> float | None:
    """Completed jobs of kind k, by a scrape alone."""
    return page_of(exporter.reader.read(SECONDS)).value("river_jobs_finished_total", **COUNTER)


def begun(sql: Session) -> bool:
    """Whether anybody has written the ledger."""
    return sql.execute("SELECT progress FROM riverkeeper.ledger")[0].progress is not None


def test_a_scrape_writes_nothing(river_url: str, sql: Session) -> None:
    """Neither the ledger nor the sweep: those belong to maintenance."""
    sql.execute(FINISH)
    with reader(river_url) as exporter:
        for _ in range(3):
            assert exporter.reader.read(SECONDS).error is None
        assert not begun(sql)
        exporter.maintenance.step()
        assert begun(sql)


def test_a_scrape_shows_what_the_last_step_committed(river_url: str, sql: Session) -> None:
    """A job that finished since is counted by the next step, and shown by the scrape after it."""
    with reader(river_url) as exporter:
        exporter.read()
        sql.execute(FINISH)
        assert finished(exporter) is None
        exporter.maintenance.step()
        assert finished(exporter) == 1


def test_a_kind_that_lives_has_its_zeros_at_once(river_url: str, sql: Session) -> None:
    """Before the next step gives it a name: an increase is seen from 0 on, and no job is `other` for a moment."""
    with reader(river_url) as exporter:
        exporter.read()
        sql.execute("INSERT INTO river_job (kind, state, attempted_at) VALUES ('k', 'running', now())")
        page = page_of(exporter.reader.read(SECONDS))

    assert page.value("river_jobs_finished_total", **COUNTER) == 0
    assert page.value("river_jobs_by_kind", queue="default", kind="k", state="running") == 1
    assert page.value("riverkeeper_folded_pairs") == 0


def test_a_standstill_is_reported(river_url: str, sql: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counters that nobody counts on are left out, not shown as if nothing finished; and a metric shows it."""
    sql.execute(FINISH)
    with reader(river_url) as exporter:
        young = page_of(exporter.read())
        monkeypatch.setattr(scrape_reader, "STALE_SECONDS", -1.0)
        snapshot = exporter.reader.read(SECONDS)
        old = page_of(snapshot)

    assert young.of("riverkeeper_ledger_timestamp_seconds")
    assert young.of("river_jobs_finished_total")
    for name in ("riverkeeper_ledger_timestamp_seconds", "riverkeeper_ledger_durable", "river_jobs_finished_total"):
        assert not old.of(name), name
    assert old.value("riverkeeper_query_success", query="maintenance") == 0
    assert "the last step of maintenance ended" in errors(snapshot)["maintenance"]


def test_a_step_that_fails_leaves_the_counters_out(river_url: str, sql: Session) -> None:
    """As every query that fails: absent, never the last value again; then the count goes on."""
    with reader(river_url) as exporter:
        exporter.read()
        sql.execute(FINISH)
        assert page_of(exporter.read()).value("river_jobs_finished_total", **COUNTER) == 1
        sql.execute("BEGIN; LOCK TABLE riverkeeper.ledger")
        exporter.maintenance.step()
        sql.execute("ROLLBACK")
        assert finished(exporter) is None
        exporter.maintenance.step()
        assert finished(exporter) == 1


def test_the_first_scrape_waits_for_the_first_step(river_url: str, sql: Session) -> None:
    """The page of a process that has just started is whole."""
    sql.execute(FINISH)
    maintenance = Maintenance(Database(river_url), SETTINGS, SchemaLookup(None, None))
    maintenance.start()
    try:
        assert maintenance.wait_for_maintained(SECONDS).totals is not None
    finally:
        maintenance.stop()


def test_a_command_reads_what_is_committed_and_writes_nothing(river_url: str, sql: Session) -> None:
    """`stuck` and `rescue status` make one scrape, of what `serve` has counted."""
    with reader(river_url) as exporter:
        exporter.read()
        sql.execute(FINISH)
        exporter.read()
    before = sql.execute("SELECT * FROM riverkeeper.ledger")
    sql.execute(FINISH)
    maintenance = Maintenance(Database(river_url), SETTINGS, SchemaLookup(None, None))
    committed = maintenance.read_committed(SECONDS)
    maintenance.stop()

    assert committed.totals is not None
    assert sum(tally.jobs for tally in committed.totals.series.values()) >= 1
    assert [outcome.error for outcome in committed.outcomes] == [None] * len(committed.outcomes)
    assert sql.execute("SELECT * FROM riverkeeper.ledger") == before
