"""The printed grants are enough, and no more than that: proven by logging in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from fixtures.grants import grant
from fixtures.offenders import for_each
from fixtures.random_tables import fill
from fixtures.scrape import SECONDS, SETTINGS, page_of, read, reader
from riverkeeper.config.layers import Options as ConfigOptions
from riverkeeper.config.load import load
from riverkeeper.demo.postgres import Server, create_river_table
from riverkeeper.postgres.connection import Session, run_script
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.statements import quote_identifier
from riverkeeper.schema.grants import KEEPER, READER
from riverkeeper.schema.install import install
from riverkeeper.schema.layout import KEEPER_TABLES
from riverkeeper.scrape.reader import reader_settings

FINISHED = """INSERT INTO river_job (kind, state, scheduled_at, attempted_at, finalized_at)
    VALUES ('k', 'completed', now(), now(), now())"""
COUNTER = {"queue": "default", "kind": "k", "outcome": "completed"}
SILENT = """
    WITH job AS (
        INSERT INTO river_job (kind, state, attempt, attempted_at)
        VALUES ('silent', 'running', 1, now() - interval '100 s') RETURNING id, attempt, attempted_at
    ), way AS (
        UPDATE "it's $$ kept".control SET path_ok_since = now() - interval '1 hour', path_probe_at = now()
    )
    INSERT INTO "it's $$ kept".heartbeat (job_id, attempted_at, attempt, instance, beat_interval, beat_at)
    SELECT id, attempted_at, attempt, gen_random_uuid(), '10 s', now() - interval '60 s' FROM job"""
RIVER, KEEPER_SCHEMA = 'Jobs "100%"', "it's $$ kept"


@dataclass
class Granted:
    """A database in which the printed script has run, twice."""

    owner: str
    sql: Session

    @property
    def reader(self) -> str:
        return self.owner.replace("postgres@", "granted_reader@")

    @property
    def keeper_role(self) -> str:
        return self.owner.replace("postgres@", "granted_keeper@")


SETTINGS_HERE = replace(SETTINGS, river_schema=RIVER, keeper_schema=KEEPER_SCHEMA)


@pytest.fixture(scope="module")
def granted(postgres: Server) -> Iterator[Granted]:
    url = postgres.database("granted")
    with Session(url, "owner") as sql:
        sql.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        create_river_table(url, RIVER)
        install(url, RIVER, KEEPER_SCHEMA)
        for _ in range(2):
            grant(url, RIVER, KEEPER_SCHEMA)
        run_script(
            url, "DROP ROLE IF EXISTS granted_reader, granted_keeper"
        )  # of the server, so they outlive a database
        run_script(
            url, f"CREATE ROLE granted_reader LOGIN IN ROLE {READER}; CREATE ROLE granted_keeper LOGIN IN ROLE {KEEPER}"
        )
        sql.execute(f"SET search_path = {quote_identifier(RIVER)}", {})
        fill(sql, seed=2, jobs=100)
        sql.execute("INSERT INTO river_queue (name) VALUES ('default')")
        yield Granted(url, sql)


def test_the_reader_reads_all_but_writes_nothing(granted: Granted) -> None:
    """Every question is answered, the ledger is in memory, and the page has all families of the owner's that it can."""
    snapshot = read(granted.reader, SETTINGS_HERE)
    owners = read(granted.owner, SETTINGS_HERE)

    assert snapshot.error is None
    assert set(page_of(snapshot).samples) == set(page_of(owners).samples) - {
        "river_job_resumed_total", "river_job_lost_work_seconds_total", "river_job_lost_work_attempts_total",
    }  # fmt: skip
    assert page_of(snapshot).value("riverkeeper_ledger_durable") == 0
    assert page_of(owners).value("riverkeeper_ledger_durable") == 1
    assert page_of(snapshot).value("river_beating_clients") == 0


def test_the_reader_sees_verdicts_and_what_the_rescuer_does(granted: Granted) -> None:
    """Missed beats count for it too, by the path that a replica has verified; brakes and wakes are shown."""
    granted.sql.execute(SILENT, {})
    config = load(None, {}, ConfigOptions())
    settings = replace(reader_settings(config), river_schema=RIVER, keeper_schema=KEEPER_SCHEMA)
    snapshot = read(granted.reader, settings)

    assert snapshot.error is None
    assert snapshot.rescuing is not None
    assert snapshot.verdicts is not None
    assert snapshot.verdicts.counts["default", "silent", "standard", "worker_lost"] == 1


def test_the_keeper_role_counts_in_its_schema(granted: Granted) -> None:
    """Everything the reader can, and the ledger is durable: a second process goes on where the first was."""
    with reader(granted.keeper_role, SETTINGS_HERE) as exporter:
        exporter.read(SECONDS)
        granted.sql.execute(FINISHED)
        first = exporter.read(SECONDS)
    second = read(granted.keeper_role, SETTINGS_HERE)

    assert (first.error, second.error) == (None, None)
    for snapshot in (first, second):
        assert page_of(snapshot).value("river_jobs_finished_total", **COUNTER) == 1
        assert page_of(snapshot).value("riverkeeper_ledger_durable") == 1


@for_each(
    "statement",
    [
        "SELECT args FROM river_job",
        "SELECT * FROM river_job",
        "INSERT INTO kept.stack SELECT 1, now(), now(), ''",
        "SELECT tags, unique_key FROM river_job",
        "SELECT metadata FROM river_queue",
        "UPDATE river_job SET state = 'available'",
        "DELETE FROM river_job",
        "INSERT INTO river_job (kind) VALUES ('k')",
        "TRUNCATE river_job",
        "SELECT id FROM river_job FOR UPDATE",
        "UPDATE river_queue SET paused_at = now()",
        "DELETE FROM river_leader",
        "CREATE TABLE mine ()",
        "UPDATE kept.meta SET version = 99",
        "DELETE FROM kept.meta",
        "DELETE FROM kept.ledger",
        "DROP TABLE kept.ledger",
        "ALTER TABLE kept.ledger ADD COLUMN more text",
        "CREATE TABLE kept.mine ()",
    ],
)
def test_what_neither_may_do(granted: Granted, statement: str) -> None:
    """No arguments of jobs, no change to River's tables, none to what the keeper schema is."""
    text = statement.replace("kept.", f"{quote_identifier(KEEPER_SCHEMA)}.").replace("%%", "%")
    for url in (granted.reader, granted.keeper_role):
        with Session(url) as session:
            session.execute(f"SET search_path = {quote_identifier(RIVER)}", {})
            with pytest.raises(DatabaseError) as refused:
                session.execute(text)
        assert refused.value.kind is ErrorKind.FORBIDDEN


@pytest.mark.parametrize("what", ["kind FROM kept.ledger_name", "note FROM kept.heartbeat"])
def test_the_reader_sees_only_beats_of_the_keeper_schema(granted: Granted, what: str) -> None:
    """Notes of jobs may be private; who only watches River does not need them."""
    with Session(granted.reader) as session, pytest.raises(DatabaseError) as refused:
        session.execute(f"SELECT {what}".replace("kept.", f"{quote_identifier(KEEPER_SCHEMA)}."))
    assert refused.value.kind is ErrorKind.FORBIDDEN


def test_every_table_of_the_keeper_schema_has_its_rights(granted: Granted) -> None:
    """A migration that makes a table must say here who may do what with it."""
    made = granted.sql.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = %(schema)s::regnamespace",
        {"schema": quote_identifier(KEEPER_SCHEMA)},
    )

    assert {row.relname for row in made} == set(KEEPER_TABLES)


@pytest.mark.parametrize(
    "change", ["DROP TABLE river_migration", "ALTER TABLE river_migration DROP COLUMN line CASCADE"]
)
def test_a_river_without_migrations_of_its_own(river_url: str, sql: Session, change: str) -> None:
    """Where river_migration is missing or old, the script still runs to its end."""
    sql.execute(change)
    install(river_url, None, None)
    grant(river_url)
    run_script(river_url, f"DROP ROLE IF EXISTS late; CREATE ROLE late LOGIN IN ROLE {KEEPER}")
    snapshot = read(river_url.replace("postgres@", "late@"))

    assert snapshot.up
    assert page_of(snapshot).value("riverkeeper_ledger_durable") == 1
