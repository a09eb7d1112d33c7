"""Who may do what: the least rights that work, as SQL to be reviewed and run by the database's owner."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from riverkeeper.keeper.found import HEARTBEAT_COLUMNS
from riverkeeper.river.layout import COLUMNS, PRO
from riverkeeper.statements import quoted

READER = "riverkeeper_reader"
KEEPER = "riverkeeper_keeper"
WORKER = "riverkeeper_worker"
RESCUER = "riverkeeper_rescuer"

# What a keeper does with each of its own tables. Their owner, who runs `schema install`, may do all.
KEEPER_TABLES: Mapping[str, str] = {
    "meta": "SELECT",
    "ledger": "SELECT, UPDATE",
    "ledger_slot": "SELECT, INSERT, UPDATE, DELETE",
    "ledger_total": "SELECT, INSERT, UPDATE, DELETE",
    "ledger_name": "SELECT, INSERT, UPDATE, DELETE",
    "run_day": "SELECT, INSERT, UPDATE, DELETE",
    "heartbeat": "SELECT, INSERT, UPDATE, DELETE",
    "client": "SELECT, DELETE",
    "control": "SELECT, UPDATE",
    "brake": "SELECT, INSERT, UPDATE",
    "rescue": "SELECT, INSERT, UPDATE, DELETE",
    "wake": "SELECT, INSERT, UPDATE, DELETE",
}
# What a client of the heartbeat contract writes, and only that: `lost_at` and `stop_requested_at` are the keeper's.
_BEATS = "instance, beat_interval, lease, beat_at, progress_at, progress, note, settled_at"
WORKER_TABLES: Mapping[str, str] = {
    "meta": "SELECT",
    "heartbeat": f"SELECT, INSERT (job_id, attempted_at, attempt, {_BEATS}), UPDATE ({_BEATS}, ended_at, outcome)",
    "client": "SELECT, INSERT, UPDATE",
}
# What the contract's statements and the clients' own ask of a job: whose claim it is, and whether it is over.
WORKER_COLUMNS = ("id", "state", "attempt", "attempted_at", "attempted_by", "kind", "scheduled_at", "finalized_at")
# All that a rescue writes into River's table.
RESCUED_COLUMNS = ("state", "errors", "finalized_at", "scheduled_at", "metadata")
# Without these a reader could not tell since when silence counts, nor what the rescuer does.
_READ_BY_ALL = ("control", "brake", "rescue", "wake")
# Users who migrate River by other means have no river_migration, and before migration 5 it had no column `line`.
_MAY_BE_MISSING = ("river_migration",)


def grants(river_schema: str, keeper_schema: str) -> str:
    """SQL that makes the roles and grants them their rights; running it again changes nothing."""
    parts = (
        _roles(),
        _reader(river_schema, keeper_schema),
        _keeper(river_schema, keeper_schema),
        _rescuer(river_schema),
        _worker(river_schema, keeper_schema),
    )
    return "\n\n".join([_HEAD.strip(), *("\n".join(part) for part in parts)]) + "\n"


_HEAD = f"""\
-- Roles without a login of their own. Give a keeper's login one of the first three:
--   GRANT {READER} TO <login>;   only looks, at heartbeats too; finished jobs are counted in the keeper's memory
--   GRANT {KEEPER} TO <login>;   counts finished jobs in the keeper schema, and makes dry runs
--   GRANT {RESCUER} TO <login>;  rescues too: changes {", ".join(RESCUED_COLUMNS)} of jobs
-- and the login by which workers beat, where it is not the one by which they work:
--   GRANT {WORKER} TO <login>;   beats for claims; it can neither take one away nor change a job
-- Run it as the owner of River's tables and of the keeper schema, after `riverkeeper schema install`.
-- The jobs' arguments (args) can be read by none of them, and what jobs note of their progress not by the first.
"""


def _roles() -> Iterator[str]:
    for role in (READER, KEEPER, RESCUER, WORKER):
        yield f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
    yield f"GRANT {READER} TO {KEEPER};"
    yield f"GRANT {KEEPER} TO {RESCUER};"


def _reader(schema: str, keeper_schema: str) -> Iterator[str]:
    yield f"GRANT USAGE ON SCHEMA {name_in_script(schema)}, {name_in_script(keeper_schema)} TO {READER};"
    for table, columns in COLUMNS.items():
        grant = select(schema, table, columns)
        yield _tolerant(grant) if table in _MAY_BE_MISSING else grant
    for table, columns in PRO.items():
        yield _tolerant(select(schema, table, columns))
    yield _grant("SELECT", keeper_schema, "meta", READER)
    for table, columns in HEARTBEAT_COLUMNS.items():
        yield select(keeper_schema, table, columns)
    for table in _READ_BY_ALL:
        yield _grant("SELECT", keeper_schema, table, READER)


def _keeper(river_schema: str, schema: str) -> Iterator[str]:
    yield f"GRANT USAGE ON SCHEMA {name_in_script(schema)} TO {KEEPER};"
    for table, rights in KEEPER_TABLES.items():
        yield _grant(rights, schema, table, KEEPER)
    yield _tolerant(select(river_schema, "river_job", ["unique_states"], KEEPER))


def _worker(river_schema: str, keeper_schema: str) -> Iterator[str]:
    yield f"GRANT USAGE ON SCHEMA {name_in_script(river_schema)}, {name_in_script(keeper_schema)} TO {WORKER};"
    yield select(river_schema, "river_job", WORKER_COLUMNS, WORKER)
    for table, rights in WORKER_TABLES.items():
        yield _grant(rights, keeper_schema, table, WORKER)


def _rescuer(schema: str) -> Iterator[str]:
    """A unique job's index looks at its state through a function of River's (migration 6), by its user's right."""
    name = name_in_script(schema)
    yield f"GRANT UPDATE ({', '.join(RESCUED_COLUMNS)}) ON {name}.river_job TO {RESCUER};"
    yield f"GRANT USAGE ON TYPE {name}.river_job_state TO {RESCUER};"
    yield _tolerant(f"GRANT EXECUTE ON FUNCTION {name}.river_job_state_in_bitmask TO {RESCUER};")


def select(schema: str, table: str, columns: Iterable[str], role: str = READER) -> str:
    """The statement that lets a role read columns of a table."""
    return _grant(f"SELECT ({', '.join(columns)})", schema, table, role)


def _grant(rights: str, schema: str, table: str, role: str) -> str:
    return f"GRANT {rights} ON {name_in_script(schema)}.{table} TO {role};"


def _tolerant(grant: str) -> str:
    unknown = "undefined_table OR undefined_column OR undefined_function"
    return f"DO $grant$ BEGIN {grant} EXCEPTION WHEN {unknown} THEN RAISE NOTICE '%', SQLERRM; END $grant$;"


def name_in_script(name: str) -> str:
    """A schema's or a role's name, quoted for SQL that a person runs."""
    return quoted(name).replace("%%", "%")  # no driver puts parameters in and undoubles it
