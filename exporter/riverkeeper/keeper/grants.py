"""Who may do what: the least rights that work, as SQL to be reviewed and run by the database's owner."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from riverkeeper.keeper.found import HEARTBEAT_COLUMNS
from riverkeeper.river.layout import COLUMNS
from riverkeeper.statements import quoted

READER = "riverkeeper_reader"
KEEPER = "riverkeeper_keeper"

# What a keeper does with each of its own tables. Their owner, who runs `schema install`, may do all.
KEEPER_TABLES: Mapping[str, str] = {
    "meta": "SELECT",
    "ledger": "SELECT, UPDATE",
    "ledger_slot": "SELECT, INSERT, UPDATE, DELETE",
    "ledger_total": "SELECT, INSERT, UPDATE, DELETE",
    "ledger_name": "SELECT, INSERT, UPDATE, DELETE",
    "heartbeat": "SELECT, INSERT, UPDATE, DELETE",
    "client": "SELECT, DELETE",
    "control": "SELECT, UPDATE",
    "brake": "SELECT, INSERT, UPDATE",
    "rescue": "SELECT, INSERT, UPDATE, DELETE",
    "wake": "SELECT, INSERT, UPDATE, DELETE",
}
# Users who migrate River by other means have no river_migration, and before migration 5 it had no column `line`.
_MAY_BE_MISSING = ("river_migration",)


def grants(river_schema: str, keeper_schema: str) -> str:
    """SQL that makes the two roles and grants them their rights; running it again changes nothing."""
    return "\n".join([_HEAD, *_roles(), "", *_reader(river_schema, keeper_schema), "", *_keeper(keeper_schema)]) + "\n"


_HEAD = f"""\
-- Two roles without a login of their own. Give a keeper's login one of them:
--   GRANT {READER} TO <login>;   only looks, at heartbeats too; finished jobs are counted in the keeper's memory
--   GRANT {KEEPER} TO <login>;   counts finished jobs in the keeper schema
-- Run it as the owner of River's tables and of the keeper schema, after `riverkeeper schema install`.
-- The jobs' arguments (args) can be read by neither, and what jobs note of their progress not by the first.
"""


def _roles() -> Iterator[str]:
    for role in (READER, KEEPER):
        yield f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
    yield f"GRANT {READER} TO {KEEPER};"


def _reader(schema: str, keeper_schema: str) -> Iterator[str]:
    yield f"GRANT USAGE ON SCHEMA {name_in_script(schema)}, {name_in_script(keeper_schema)} TO {READER};"
    for table, columns in COLUMNS.items():
        grant = select(schema, table, columns)
        yield _tolerant(grant) if table in _MAY_BE_MISSING else grant
    yield f"GRANT SELECT ON {name_in_script(keeper_schema)}.meta TO {READER};"
    for table, columns in HEARTBEAT_COLUMNS.items():
        yield select(keeper_schema, table, columns)


def _keeper(schema: str) -> Iterator[str]:
    yield f"GRANT USAGE ON SCHEMA {name_in_script(schema)} TO {KEEPER};"
    for table, rights in KEEPER_TABLES.items():
        yield f"GRANT {rights} ON {name_in_script(schema)}.{table} TO {KEEPER};"


def select(schema: str, table: str, columns: Iterable[str], role: str = READER) -> str:
    """The statement that lets a role read columns of a table."""
    return f"GRANT SELECT ({', '.join(columns)}) ON {name_in_script(schema)}.{table} TO {role};"


def _tolerant(grant: str) -> str:
    unknown = "undefined_table OR undefined_column"
    return f"DO $grant$ BEGIN {grant} EXCEPTION WHEN {unknown} THEN RAISE NOTICE '%', SQLERRM; END $grant$;"


def name_in_script(name: str) -> str:
    """A schema's or a role's name, quoted for SQL that a person runs."""
    return quoted(name).replace("%%", "%")  # no driver puts parameters in and undoubles it
