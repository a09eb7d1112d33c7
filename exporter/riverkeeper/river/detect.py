"""Finds River in a database: in the catalog, never by trusting a version number."""

from __future__ import annotations

from collections.abc import Mapping

from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.statements import quote_identifier
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.river.layout import COLUMNS, FINAL_STATES, LIVE_STATES, PRO, TABLES, Layout


def find_river(tx: Transaction, schema: str | None) -> Layout:
    """Find River by its schema name, or by the search_path; later statements of the transaction then use it.

    Raises DatabaseError: NO_RIVER where there is none or it is too old, ROW_SECURITY where rows may be hidden.
    """
    rows = tx.query("river/read_job_table", {"schema": schema, "searched": list(tx.search_path)})
    if schema and not rows:
        raise DatabaseError(ErrorKind.NO_RIVER, f'there is no schema "{schema}" in this database')
    if not rows or rows[0].job_table is None:
        raise DatabaseError(ErrorKind.NO_RIVER, _not_there(tx, schema))
    found = rows[0]
    columns, oids, filtered = _columns(tx, found.schema_oid)
    if "river_job" in filtered:
        raise DatabaseError(ErrorKind.ROW_SECURITY, _hidden(f"{found.name}.river_job", found.login))
    labels = tx.query("river/read_states", {"job_table": found.job_table})
    states = tuple(row.state for row in labels)
    _refuse_old(states, columns)
    state_type = (labels[0].type_schema, labels[0].type_name)
    tx.name_schemas(river=found.name, state_type=".".join(quote_identifier(part) for part in state_type))
    return Layout(found.name, states, columns, oids, filtered, state_type)


def _not_there(tx: Transaction, schema: str | None) -> str:
    there = ", ".join(f'schema "{row.name}" holds one' for row in tx.query("river/read_river_schemas"))
    if schema:
        what = f'schema "{schema}" holds no table river_job'
    else:
        what = "no table river_job in the search_path, as far as this login may use it"
    return f"{what}; {there}" if there else what


def _hidden(table: str, login: str) -> str:
    """A policy that hides every row raises no error, and a River without jobs looks well."""
    return f"row level security is active on {table} for login {login}: it may hide rows without a sign"


def _columns(tx: Transaction, schema_oid: int) -> tuple[dict[str, dict[str, bool]], dict[str, int], frozenset[str]]:
    columns: dict[str, dict[str, bool]] = {}
    oids: dict[str, int] = {}
    filtered: set[str] = set()
    for row in tx.query("river/read_columns", {"schema_oid": schema_oid, "tables": [*TABLES, *PRO]}):
        columns.setdefault(row.table_name, {})[row.column_name] = row.readable
        oids[row.table_name] = row.table_oid
        if row.filtered:
            filtered.add(row.table_name)
    return columns, oids, frozenset(filtered)


def _refuse_old(states: tuple[str, ...], columns: Mapping[str, Mapping[str, bool]]) -> None:
    """Migration 4 brought the state `pending` and river_queue; River has needed it since 0.5 (2024)."""
    missing = {*LIVE_STATES, *FINAL_STATES} - set(states)
    absent = set(COLUMNS["river_job"]) - columns["river_job"].keys()
    if missing or absent:
        lacks = ", ".join(sorted([f"state {state}" for state in missing] + [f"column {name}" for name in absent]))
        raise DatabaseError(
            ErrorKind.NO_RIVER,
            f"this river_job is older than River's migration 4 (it lacks {lacks}); migrate River first",
        )
