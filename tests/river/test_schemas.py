"""Where River is: schemas of any name, on the search_path or named, several in one database, too old, or not at all."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

import pytest

from fixtures.scrape import SECONDS, SETTINGS, Page, page_of, read, reader
from riverkeeper.demo.postgres import Server, create_river_table
from riverkeeper.postgres.connection import Session
from riverkeeper.postgres.statements import quote_identifier
from riverkeeper.schema.install import install
from riverkeeper.scrape.scrape import Snapshot

NAMES = (
    "Jobs",
    "UPPER",
    "select",
    "100%",
    "%s %(x)s %%",
    'two "quotes"',
    "it's",
    "river.river_job",
    "keeper.meta",
    "日本 ünï",
    "$$ $1 {x} \\n",
    "a; DROP TABLE told; --",
    "x" * 46,  # the longest that River takes
    "y" * 60,  # longer, so that the name of its keeper schema is cut
)


def found(url: str, schema: str | None) -> tuple[Snapshot, Page]:
    snapshot = read(url, replace(SETTINGS, river_schema=schema))
    return snapshot, page_of(snapshot)


FINISHED = """INSERT INTO river_job (kind, state, scheduled_at, attempted_at, finalized_at)
    SELECT 'k', 'completed', now(), now(), now() FROM generate_series(1, %(jobs)s)"""
COUNTER = {"queue": "default", "kind": "k", "outcome": "completed"}


def use(sql: Session, schema: str) -> None:
    """From here on the session's statements are about this schema's River."""
    sql.execute(f"SET search_path = {quote_identifier(schema)}", {})


@pytest.fixture(scope="module")
def shared_url(postgres: Server) -> str:
    """One database for many schemas."""
    return postgres.database("schemas")


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_of_any_name(shared_url: str, name: str) -> None:
    """River and its keeper schema are found, read and written under any name that Postgres takes."""
    create_river_table(shared_url, name)
    keeper = install(shared_url, name, None)
    with reader(shared_url, replace(SETTINGS, river_schema=name)) as exporter, Session(shared_url) as sql:
        use(sql, name)
        exporter.read(SECONDS)
        sql.execute(FINISHED, {"jobs": 1})
        snapshot = exporter.read(SECONDS)
    page = page_of(snapshot)

    assert snapshot.error is None
    assert page.value("river_jobs", queue="default", state="running") == 0
    assert page.value("river_jobs_finished_total", **COUNTER) == 1
    assert page.value("riverkeeper_ledger_durable") == 1
    assert snapshot.target is not None
    assert (snapshot.target.river_schema, snapshot.target.keeper_schema) == (name, keeper)


def test_the_search_path_finds_river(river_url: str, sql: Session) -> None:
    """The first schema on the path that holds a river_job, as River's own clients would find it."""
    sql.execute("CREATE SCHEMA empty")
    for schema, jobs in (("first", 1), ("second", 2)):
        create_river_table(river_url, schema)
        use(sql, schema)
        sql.execute("INSERT INTO river_job (kind) SELECT 'k' FROM generate_series(1, %(jobs)s)", {"jobs": jobs})
    options = quote("-c search_path=nowhere,empty,second,first")
    snapshot, page = found(f"{river_url}?options={options}", None)

    assert snapshot.target is not None
    assert snapshot.target.river_schema == "second"
    assert page.value("river_jobs", queue="default", state="available") == 2


def test_two_rivers_in_one_database_do_not_meet(river_url: str, sql: Session) -> None:
    """Each replica reads its own schema, and counts in a keeper schema of its own."""
    counts = {"eu": 3, "us": 5}
    for schema in counts:
        create_river_table(river_url, schema)
        install(river_url, schema, None)
    with (
        reader(river_url, replace(SETTINGS, river_schema="eu")) as eu,
        reader(river_url, replace(SETTINGS, river_schema="us")) as us,
    ):
        readers = {"eu": eu, "us": us}
        for schema, exporter in readers.items():
            exporter.read(SECONDS)
            use(sql, schema)
            sql.execute(FINISHED, {"jobs": counts[schema]})
        pages = {schema: page_of(exporter.read(SECONDS)) for schema, exporter in readers.items()}

    assert {schema: page.value("river_jobs_finished_total", **COUNTER) for schema, page in pages.items()} == counts


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ("nowhere", 'there is no schema "nowhere" in this database'),
        ("empty", 'schema "empty" holds no table river_job'),
        (None, "no table river_job in the search_path"),
    ],
)
def test_no_river(river_url: str, sql: Session, schema: str | None, says: str) -> None:
    """The schema does not exist, or has no river_job: distinguished, each with what to do."""
    sql.execute("CREATE SCHEMA empty; DROP TABLE river_job")
    snapshot, page = found(river_url, schema)

    assert not snapshot.up
    assert says in (snapshot.error or "")
    assert "--river-schema" in (snapshot.error or "")
    assert page.value("river_up") == 0


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        ("ALTER TYPE river_job_state RENAME VALUE 'pending' TO 'old'", "state pending"),
        ("ALTER TABLE river_job DROP COLUMN metadata", "column metadata"),
        ("ALTER TABLE river_job ALTER state DROP DEFAULT, ALTER state TYPE text USING state::text", "state available"),
    ],
    ids=["before migration 4", "no River of ours", "no enum"],
)
def test_a_river_too_old_is_refused(river_url: str, sql: Session, change: str, lacks: str) -> None:
    """What is missing is named, rather than every statement failing on its own."""
    sql.execute("ALTER TABLE river_job DROP CONSTRAINT IF EXISTS river_job_check; " + change)
    snapshot, _ = found(river_url, None)

    assert not snapshot.up
    assert "older than River's migration 4" in (snapshot.error or "")
    assert lacks in (snapshot.error or "")


def test_river_may_come_and_go(river_url: str, sql: Session) -> None:
    """A schema that is dropped and made again under a running process is found at the next scrape."""
    with reader(river_url) as exporter:
        assert exporter.read(SECONDS).up
        sql.execute("ALTER TABLE river_job RENAME TO river_job_hidden")
        assert not exporter.read(SECONDS).up
        assert "no table river_job" in (exporter.read(SECONDS).error or "")
        sql.execute("ALTER TABLE river_job_hidden RENAME TO river_job")
        assert exporter.read(SECONDS).error is None
