"""Logins that may not do everything: what they may read is shown, what not is absent and reported, with the fix."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from fixtures.random_tables import fill
from fixtures.scrape import SECONDS, SETTINGS, errors, page_of, read, reader
from riverkeeper.demo.postgres import Server
from riverkeeper.postgres.connection import Session
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.river.layout import COLUMNS

_numbers = itertools.count()
Login = Callable[..., str]
EVERYTHING = {table: list(columns) for table, columns in COLUMNS.items()}
QUESTIONS = {
    "river_job": {"partitions", "running", "waiting_kinds", "oldest_finalized", "ledger", "suspects"},
    "river_queue": {"queues"},
    "river_leader": {"leader"},
    "river_migration": {"migrations"},
}


@dataclass
class Owned:
    """A database with jobs in it, as its owner sees it."""

    url: str
    sql: Session


@pytest.fixture(scope="module")
def owned(postgres: Server) -> Iterator[Owned]:
    """Tests change nothing in it but the rights of logins of their own."""
    url = postgres.database("rights", template="river_template")
    with Session(url, "owner") as sql:
        fill(sql, seed=1)
        sql.execute("INSERT INTO river_queue (name) VALUES ('default')")
        sql.execute("INSERT INTO river_leader VALUES ('default', 'a', now(), now())")
        sql.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        yield Owned(url, sql)


@pytest.fixture
def login(owned: Owned) -> Login:
    """Makes logins that may read the given columns of River's tables and nothing else; returns their URLs."""

    def make(columns: dict[str, list[str]], usage: bool = True) -> str:
        role = f"some_reader_{next(_numbers)}"
        owned.sql.execute(f"CREATE ROLE {role} LOGIN")
        if usage:
            owned.sql.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
        for table, names in columns.items():
            if names:
                owned.sql.execute(f"GRANT SELECT ({', '.join(names)}) ON {table} TO {role}")
        return owned.url.replace("postgres@", f"{role}@")

    return make


def test_the_named_columns_are_enough(owned: Owned, login: Login) -> None:
    """A login that may read the columns in COLUMNS and nothing else sees all that the owner sees, except args."""
    url = login(EVERYTHING)
    snapshot = read(url)

    assert snapshot.error is None
    assert errors(snapshot) == {}
    assert set(page_of(snapshot).samples) == set(page_of(read(owned.url)).samples)
    with Session(url) as session, pytest.raises(DatabaseError) as refused:
        session.execute("SELECT args FROM river_job")
    assert refused.value.kind is ErrorKind.FORBIDDEN


@pytest.mark.parametrize(("table", "column"), [(table, name) for table, names in COLUMNS.items() for name in names])
def test_without_one_column_the_rest_is_there(login: Login, table: str, column: str) -> None:
    """Each named column is needed: without it some queries fail, with the fix; what does not need it is shown."""
    snapshot = read(login({**EVERYTHING, table: [name for name in EVERYTHING[table] if name != column]}))
    failed, page = errors(snapshot), page_of(snapshot)

    assert failed
    assert set(failed) <= QUESTIONS[table]
    assert all("42501" in error or "skipped" in error for error in failed.values())
    assert "permission denied for table " + table in (snapshot.error or "")
    assert "riverkeeper schema grants" in (snapshot.error or "")
    assert any(f"{column} of {table}" in note for note in snapshot.notices)
    assert {dict(labels)["query"] for labels, good in page.of("riverkeeper_query_success").items() if not good} == set(
        failed
    )
    assert page.of("river_table_bytes")


@pytest.mark.parametrize("table", COLUMNS)
def test_without_a_table_the_rest_is_there(login: Login, table: str) -> None:
    """Only river_job is needed to be up."""
    snapshot = read(login({other: names for other, names in EVERYTHING.items() if other != table}))

    assert snapshot.up is (table != "river_job")
    assert set(errors(snapshot)) <= QUESTIONS[table]
    assert any(table in note and "schema grants" in note for note in snapshot.notices)


def test_without_usage_of_the_schema(login: Login) -> None:
    """A schema that may not be used is not on the search_path either; named, its tables are found and refused."""
    url = login(EVERYTHING, usage=False)
    searched, named = read(url), read(url, replace(SETTINGS, river_schema="public"))

    assert 'as far as this login may use it; schema "public" holds one (no_river' in (searched.error or "")
    assert "permission denied for schema public" in (named.error or "")
    assert not searched.up
    assert not named.up


def test_a_grant_is_seen_at_the_next_scrape(owned: Owned, login: Login) -> None:
    """What was refused is queried again each time: a grant is seen at once."""
    url = login({"river_job": EVERYTHING["river_job"]})
    role = url.partition("//")[2].partition("@")[0]
    with reader(url) as exporter:
        assert set(errors(exporter.read(SECONDS))) == {"queues", "leader", "migrations"}
        owned.sql.execute(f"GRANT SELECT ON river_queue, river_leader, river_migration TO {role}")
        assert errors(exporter.read(SECONDS)) == {}
