"""The database that tests of the keeper schema share is, for each of them, as `install` leaves one."""

from __future__ import annotations

import pytest

from fixtures.empty_database import KeeperDatabase, renew
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


def oids(url: str) -> list[int]:
    with Session(url) as sql:
        return [row.oid for row in sql.execute("SELECT oid::bigint FROM pg_class WHERE oid >= 16384 ORDER BY 1")]


@pytest.fixture(scope="module")
def shared(postgres: Server) -> KeeperDatabase:
    return KeeperDatabase(postgres.database("shared"))


def test_rows_are_emptied_without_building_again(shared: KeeperDatabase, postgres: Server) -> None:
    """Every table and sequence is then as in a database just installed."""
    fresh = renew(postgres.database("fresh"))
    install(fresh, None, None)
    before = oids(shared.renew())
    with Session(shared.url) as sql:
        sql.execute(RUBBISH)

    assert contents(shared.renew()) == contents(fresh)
    assert oids(shared.url) == before


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
    ],
)
def test_whatever_else_changed_has_it_built_again(shared: KeeperDatabase, change: str) -> None:
    """Rights, triggers, indexes, columns, types, functions, schemas, options, statistics and settings."""
    before = oids(shared.renew())
    with Session(shared.url) as sql:
        sql.execute(change)

    assert not set(oids(shared.renew())) & set(before)


def test_a_keeper_schema_that_is_gone_comes_back(shared: KeeperDatabase) -> None:
    """A session of the last test that is still there is ended."""
    with Session(shared.renew()) as left:
        left.execute("BEGIN; LOCK TABLE river_job")
        shared.renew()
    uninstall(shared.url, None, None)

    assert "riverkeeper.meta" in contents(shared.renew())
