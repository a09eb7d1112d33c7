"""Finds River in a database: in the catalog, never by trusting a version number."""

from __future__ import annotations

from collections.abc import Mapping

from riverkeeper.database import Transaction
from riverkeeper.errors import DatabaseError, Trouble
from riverkeeper.river.layout import COLUMNS, PRO, TABLES, Layout
from riverkeeper.snapshot import FINAL_STATES, LIVE_STATES


def detect(tx: Transaction, schema: str | None) -> Layout:
    """Find River by schema name, or by the search_path. Raises DatabaseError: NO_RIVER where it is not, or too old."""
    rows = tx.query("river/detect_schema", {"schema": schema})
    if schema and not rows:
        raise DatabaseError(Trouble.NO_RIVER, f'there is no schema "{schema}" in this database')
    if not rows or rows[0].job_table is None:
        named, searched = f'schema "{schema}" holds no table river_job', "no table river_job in the search_path"
        raise DatabaseError(Trouble.NO_RIVER, named if schema else f"{searched}, as far as this login may use it")
    found = rows[0]
    columns, oids = _columns(tx, found.schema_oid)
    states = tuple(row.state for row in tx.query("river/detect_states", {"job_table": found.job_table}))
    _refuse_old(states, columns)
    return Layout(found.name, states, columns, oids)


def _columns(tx: Transaction, schema_oid: int) -> tuple[dict[str, dict[str, bool]], dict[str, int]]:
    columns: dict[str, dict[str, bool]] = {}
    oids: dict[str, int] = {}
    for row in tx.query("river/detect_tables", {"schema_oid": schema_oid, "tables": [*TABLES, *PRO]}):
        columns.setdefault(row.table_name, {})[row.column_name] = row.readable
        oids[row.table_name] = row.table_oid
    return columns, oids


def _refuse_old(states: tuple[str, ...], columns: Mapping[str, Mapping[str, bool]]) -> None:
    """Migration 4 brought the state `pending` and river_queue; River has needed it since 0.5 (2024)."""
    missing = {*LIVE_STATES, *FINAL_STATES} - set(states)
    absent = set(COLUMNS["river_job"]) - columns["river_job"].keys()
    if missing or absent:
        lacks = ", ".join(sorted([f"state {state}" for state in missing] + [f"column {name}" for name in absent]))
        raise DatabaseError(
            Trouble.NO_RIVER,
            f"this river_job is older than River's migration 4 (it lacks {lacks}); migrate River first",
        )
