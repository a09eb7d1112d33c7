"""The database that tests of the keeper schema share is, for each of them, as `install` leaves one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from fixtures.empty_database import KEEPER_ROWS, ReusableDatabase, reusable
from riverkeeper.demo.postgres import Server
from riverkeeper.postgres.connection import Session
from riverkeeper.schema.install import install, uninstall

TABLES = """
SELECT c.oid::regclass::text AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname IN ('public', 'riverkeeper')
"""
ROWS = "SELECT to_jsonb(t) - 'created_at' AS row FROM {} AS t"
RUBBISH = """
INSERT INTO river_job (kind) SELECT 'report' FROM generate_series(1, 3);
INSERT INTO riverkeeper.wake (fingerprint, starts_at, alert) VALUES ('ff', now(), 'A');
UPDATE riverkeeper.control SET stopped_at = now(), stopped_by = 'test';
UPDATE riverkeeper.ledger SET epoch = 9, stamp = 9;
UPDATE riverkeeper.meta SET version = 99;
DELETE FROM river_migration;
"""


def contents(url: str) -> dict[str, str]:
    """All rows of all tables, but for the moment at which they were made; the values of all sequences."""
    with Session(url) as sql:
        rows = {table.name: str(sql.execute(ROWS.format(table.name))) for table in sql.execute(TABLES)}
        return rows | {"sequences": str(sql.execute("SELECT * FROM pg_sequences ORDER BY sequencename"))}


def database_oid(url: str) -> int:
    with Session(url) as sql:
        return int(sql.execute("SELECT oid::bigint FROM pg_database WHERE datname = current_database()")[0].oid)


@pytest.fixture(scope="module")
def shared(postgres: Server, installed_template: str) -> Iterator[ReusableDatabase]:
    with reusable(postgres, "shared", installed_template, KEEPER_ROWS) as database:
        yield database


def test_rows_are_emptied_without_a_new_copy(shared: ReusableDatabase, new_database: Callable[[], str]) -> None:
    """Every table and sequence is then as in a database just installed."""
    fresh = new_database()
    install(fresh, None, None)
    before = database_oid(shared.renew())
    with Session(shared.url) as sql:
        sql.execute(RUBBISH)

    assert contents(shared.renew()) == contents(fresh)
    assert database_oid(shared.url) == before


@pytest.mark.parametrize(
    "change",
    [
        "GRANT SELECT ON riverkeeper.meta TO PUBLIC",
        "ALTER TABLE river_job DISABLE TRIGGER ALL",
        "DROP INDEX river_job_kind",
        "ALTER TABLE river_job ADD COLUMN more text",
        "ALTER TYPE river_job_state ADD VALUE 'lost'",
        "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA other CREATE TABLE river_job (id bigint)",
        "ALTER TABLE river_job SET (autovacuum_enabled = off)",
        "ANALYZE river_migration",
        "ALTER DATABASE shared SET search_path = nothing",
        "CREATE TABLE more (id bigint REFERENCES river_job (id))",
        "DROP TABLE riverkeeper.brake",
        "GRANT CREATE ON SCHEMA public TO PUBLIC",
        "GRANT CREATE ON DATABASE shared TO PUBLIC",
    ],
)
def test_whatever_else_changed_has_it_copied_again(shared: ReusableDatabase, change: str) -> None:
    """Rights, triggers, indexes, columns, types, functions, schemas, options, statistics and settings."""
    before = database_oid(shared.renew())
    with Session(shared.url) as sql:
        sql.execute(change)

    assert database_oid(shared.renew()) != before


def test_a_keeper_schema_that_is_gone_comes_back(shared: ReusableDatabase) -> None:
    """A session of the last test that is still there is ended."""
    with Session(shared.renew()) as left:
        left.execute("BEGIN; LOCK TABLE river_job")
        shared.renew()
    uninstall(shared.url, None, None)

    assert "riverkeeper.meta" in contents(shared.renew())
