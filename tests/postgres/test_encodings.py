"""Databases of other encodings: River works there, and so do we; a name that cannot exist there finds nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from click.testing import CliRunner, Result

from fixtures.check import check_url
from fixtures.contract import claims_of, connected
from fixtures.scrape import SETTINGS, Page, errors, page_of, reader
from fixtures.waiting import until
from riverkeeper.cli import main
from riverkeeper.config.layers import Options
from riverkeeper.config.load import Config, load
from riverkeeper.demo.postgres import Server, create_river_table
from riverkeeper.doctor.report import Level
from riverkeeper.heartbeat import Beater, HeartbeatTier
from riverkeeper.postgres.connection import Database, Session
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.rescue.wakes.wake import Call, Scope
from riverkeeper.schema.install import install
from riverkeeper.scrape.workers import WorkerFilter
from riverkeeper.service import failing_jobs, list_workers, read_audit, read_names, receive_calls

Run = Callable[..., Result]
# A letter that each can hold, and one that it cannot; SQL_ASCII holds any bytes.
ENCODINGS = {"SQL_ASCII": ("日", None), "LATIN1": ("é", "日"), "EUC_JP": ("日", "한"), "WIN1251": ("ж", "日")}


@dataclass
class Place:
    url: str
    sql: Session
    kind: str
    impossible: str | None

    @property
    def config(self) -> Config:
        return load(None, {}, Options(database_url=self.url))


@pytest.fixture(scope="module", params=ENCODINGS)
def place(request: pytest.FixtureRequest, postgres: Server) -> Iterator[Place]:
    """A River in a database of this encoding, with a failing and a finished job of a kind in its own letters."""
    kind, impossible = ENCODINGS[request.param]
    name = f"in_{request.param.lower()}"
    postgres.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    postgres.execute(f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING '{request.param}' LOCALE 'C'")
    url = postgres.database_url(name)
    create_river_table(url, "public")
    install(url, None, None)
    with Session(url) as sql:
        sql.execute(
            "INSERT INTO river_job (kind, state, attempt, attempted_at, scheduled_at, errors) VALUES"
            " (%(kind)s, 'retryable', 1, now(), now(), ARRAY[jsonb_build_object('error', %(kind)s::text)])",
            {"kind": kind},
        )
        yield Place(url, sql, kind, impossible)


def test_everything_is_read(place: Place) -> None:
    """No question fails; the kind is shown in its own letters, and a finished job is counted under it."""
    with reader(place.url, SETTINGS) as exporter:
        exporter.read(10.0)
        place.sql.execute(
            "INSERT INTO river_job (kind, state, attempted_at, finalized_at)"
            " VALUES (%(kind)s, 'completed', now(), now())",
            {"kind": place.kind},
        )
        snapshot = exporter.read(10.0)
    page: Page = page_of(snapshot)

    assert (snapshot.error, errors(snapshot)) == (None, {})
    assert page.value("river_jobs_finished_total", queue="default", kind=place.kind, outcome="completed") == 1
    assert [job.last_error for job in failing_jobs(place.config, None, place.kind, 5).jobs] == [place.kind]
    assert [finding for finding in check_url(place.url).findings if finding.level is Level.PROBLEM] == []


def test_a_kind_that_cannot_exist_there_finds_nothing(place: Place) -> None:
    """The page, the audit and the webhook take the name; the webhook still wakes for the calls beside it."""
    if place.impossible is None:  # this encoding holds every byte: a name is only not there
        assert failing_jobs(place.config, None, "日本", 5).jobs == ()
        return
    assert read_names(place.config, None, place.impossible).kinds == {place.kind}
    scope = Scope(kind=place.impossible)
    calls = [Call("no", time.time(), "RiverJobsStuck", scope), Call("yes", time.time(), "RiverJobsStuck", Scope())]

    assert failing_jobs(place.config, None, place.impossible, 5).jobs == ()
    assert read_audit(place.config, scope, 5, None).rows == ()
    assert list_workers(place.config, WorkerFilter(kind=place.impossible), 5, 10.0).shown == ()
    assert receive_calls(place.config, calls) == 1


def test_the_kill_switch_does_not_fail_for_a_letter(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason of a stop is written as escapes where the encoding lacks its letters."""
    monkeypatch.setenv("RIVERKEEPER_DATABASE_URL", place.url)
    run = CliRunner()
    stopped = run.invoke(main, ["rescue", "pause", "--why", "日é"])
    resumed = run.invoke(main, ["rescue", "resume"])

    assert (stopped.exit_code, resumed.exit_code) == (0, 0)


def test_bytes_that_are_no_text_are_a_sentence(postgres: Server) -> None:
    """SQL_ASCII takes any bytes: what cannot be read is reported by query, and nothing is shown as empty."""
    postgres.execute("DROP DATABASE IF EXISTS bytes WITH (FORCE)")
    postgres.execute("CREATE DATABASE bytes TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
    url = postgres.database_url("bytes")
    create_river_table(url, "public")
    with Session(url) as sql:
        sql.execute("INSERT INTO river_job (kind, state, attempted_at) VALUES (E'caf\\xe9', 'running', now())")
    with reader(url, SETTINGS) as exporter:
        snapshot = exporter.read(10.0)

    assert "not_text" in errors(snapshot)["running"]
    assert "write its text as UTF-8" in errors(snapshot)["running"]
    assert page_of(snapshot).value("river_jobs", queue="default", state="running") is None


def test_a_text_that_is_read_as_it_is_and_is_none(postgres: Server) -> None:
    """Also where no function of the server looks at it, and only the driver stumbles."""
    database = Database(postgres.url)
    try:
        with pytest.raises(DatabaseError) as raised, database.reading(5.0, {}) as tx:
            tx.query("schema/read_roles", {"login": "postgres", "roles": ["\ud800"]})
        with database.reading(5.0, {}) as tx:
            assert tx.find("schema/read_roles", {"login": "postgres", "roles": ["NUL \0"]}) == []
    finally:
        database.close()

    assert raised.value.kind is ErrorKind.NO_SUCH_TEXT


def test_a_note_in_letters_that_the_database_lacks_silences_nobody(place: Place) -> None:
    """It is written as escapes, and every claim of the process goes on beating."""
    with connected(f"{place.url}?client_encoding=UTF8") as sql:
        claim = claims_of(sql, 1)[0]
        beater = Beater(place.url, client_id="worker", tier=HeartbeatTier(interval=1.0))
        with beater, beater.beating(claim["job_id"], claim["attempt"], claim["attempted_at"]) as beat:
            beat.progress(0.5, "ж日é")
            row = "SELECT progress FROM riverkeeper.heartbeat WHERE job_id = %s AND progress IS NOT NULL"
            until(lambda: sql.execute(row, [claim["job_id"]]).fetchone(), "a beat with progress")
