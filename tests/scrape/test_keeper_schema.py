"""A keeper schema that must not or cannot be used: gauges stay, the counters are absent, and both names are shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fixtures.scrape import SECONDS, SETTINGS, errors, page_of, read, reader
from riverkeeper.demo.postgres import create_river_table
from riverkeeper.postgres.connection import Session
from riverkeeper.schema.install import install
from riverkeeper.scrape.scrape import Snapshot

RUNNING = "INSERT INTO river_job (kind, state, attempted_at) VALUES ('k', 'running', now())"
FINISHED = """INSERT INTO river_job (kind, state, scheduled_at, attempted_at, finalized_at)
    VALUES ('k', 'completed', now(), now(), now())"""
COUNTER = {"queue": "default", "kind": "k", "outcome": "completed"}


def assert_only_the_ledger_is_missing(snapshot: Snapshot, question: str = "ledger") -> None:
    """Gauges with their names and zeros; no counter, no histogram of finished jobs, and the failure is a metric."""
    page = page_of(snapshot)
    assert snapshot.up
    assert set(errors(snapshot)) - {"keeper_schema"} == {question}
    assert page.value("riverkeeper_query_success", query=question) == 0
    assert page.value("river_jobs_by_kind", queue="default", kind="k", state="running") == 1
    assert page.value("river_jobs_by_kind", queue="default", kind="k", state="available") == 0
    for family in (
        "river_jobs_finished_total",
        "river_job_run_duration_seconds_count",
        "river_job_wait_duration_seconds_count",
        "riverkeeper_ledger_durable",
    ):
        assert not page.of(family), family


def test_a_keeper_schema_of_another_river(river_url: str, sql: Session) -> None:
    """Both Rivers are named; nothing is counted anywhere, for a counter from elsewhere would be wrong."""
    create_river_table(river_url, "eu")
    install(river_url, "eu", "riverkeeper")
    sql.execute(RUNNING)
    snapshot = read(river_url)

    assert_only_the_ledger_is_missing(snapshot)
    assert 'keeper schema "riverkeeper" belongs to River schema "eu", not to "public"' in (snapshot.error or "")
    assert sql.execute("SELECT progress FROM riverkeeper.ledger")[0].progress is None


def test_a_newer_keeper_schema(installed_url: str, sql: Session) -> None:
    """Both versions are named, and the way out."""
    sql.execute("UPDATE riverkeeper.meta SET version = 98, min_compatible = 97")
    sql.execute(RUNNING)
    snapshot = read(installed_url)

    assert_only_the_ledger_is_missing(snapshot)
    assert "version 98 and needs a Riverkeeper that knows version 97" in (snapshot.error or "")
    assert "upgrade this Riverkeeper" in (snapshot.error or "")


@pytest.mark.parametrize(("table", "question"), [("meta", "ledger"), ("ledger_total", "ledger_commit")])
def test_a_lock_on_the_keeper_schema_begins_nothing_anew(
    installed_url: str, sql: Session, table: str, question: str
) -> None:
    """While it cannot be read or written the counters are absent; then they go on where they were, in no memory."""
    sql.execute(RUNNING)
    with reader(installed_url) as exporter:
        exporter.read(SECONDS)
        sql.execute(FINISHED)
        assert page_of(exporter.read(SECONDS)).value("river_jobs_finished_total", **COUNTER) == 1
        sql.execute("ALTER TABLE river_queue RENAME TO hidden")  # a failure, so that the catalog is read anew …
        exporter.read(SECONDS)
        sql.execute("ALTER TABLE hidden RENAME TO river_queue")
        sql.execute(FINISHED)  # something to write
        sql.execute(f"BEGIN; LOCK TABLE riverkeeper.{table}")  # … when this is locked
        locked = exporter.read(SECONDS)
        sql.execute("ROLLBACK")
        after = exporter.read(SECONDS)

    assert_only_the_ledger_is_missing(locked, question)
    assert "locked" in (locked.error or "")
    assert after.error is None
    assert page_of(after).value("river_jobs_finished_total", **COUNTER) == 2
    assert page_of(after).value("riverkeeper_ledger_durable") == 1


def test_a_keeper_schema_that_may_not_be_written(installed_url: str, sql: Session) -> None:
    """Installed, but not ours to write: counted in memory, and a note shows how to change that."""
    sql.execute("DROP ROLE IF EXISTS only_reads; CREATE ROLE only_reads LOGIN; GRANT pg_read_all_data TO only_reads")
    url = installed_url.replace("postgres@", "only_reads@")
    snapshot = read(url)

    assert snapshot.error is None
    assert page_of(snapshot).value("riverkeeper_ledger_durable") == 0
    assert any("may not write keeper schema" in note and "schema grants" in note for note in snapshot.notices)


def test_both_default_names_are_looked_for(river_url: str) -> None:
    """A River that was named at the install and is found by the search_path now has one keeper schema all the same."""
    install(river_url, "public", None)

    assert page_of(read(river_url)).value("riverkeeper_ledger_durable") == 1
    named = read(river_url, replace(SETTINGS, river_schema="public"))
    assert page_of(named).value("riverkeeper_ledger_durable") == 1
    assert named.target is not None
    assert named.target.keeper_schema == "public_riverkeeper"
