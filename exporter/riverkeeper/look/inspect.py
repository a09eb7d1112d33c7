"""Inspects one River with statements that only read: the present by a reading, the past by the traces in its table."""

from __future__ import annotations

import time
from dataclasses import replace

from riverkeeper.config.load import Config
from riverkeeper.look.job_trace import Traces
from riverkeeper.look.now import DueKind, Present, WorkedKind
from riverkeeper.look.reader import BOUNDS, SCAN_BOUND, read_traces
from riverkeeper.look.report import Report, report
from riverkeeper.postgres.connection import Database
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.river.bounds import METADATA_LARGE
from riverkeeper.river.detect import find_river
from riverkeeper.river.layout import FINAL_STATES, Layout
from riverkeeper.river.running import RFC3339
from riverkeeper.scrape.reader import Reader
from riverkeeper.scrape.schemas import SchemaLookup
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.service import reader_settings

SECONDS = 20.0  # a person waits; ten million rows take less than five
MOST_POISON = 100


def inspect(config: Config) -> Report:
    """Everything that River's own tables tell. Writes nothing. Raises DatabaseError where they cannot be read."""
    database = Database(config.conninfo.reveal())
    began = time.monotonic()
    try:
        settings = replace(reader_settings(config), rules=None)
        lookup = SchemaLookup(settings.river_schema, settings.keeper_schema)
        snapshot = Reader(database, settings, lookup).read(SECONDS)
        if not snapshot.up or snapshot.now is None:
            raise DatabaseError(ErrorKind.OTHER, snapshot.error or "River's table cannot be read")
        with database.reading(SECONDS - (time.monotonic() - began)) as tx:
            layout = find_river(tx, config.database.river_schema)
            present = _present(tx, layout, snapshot, snapshot.now)
    finally:
        database.close()
    return report(present, config, [f"{one.name}: {one.error}" for one in snapshot.queries if one.error])


def _present(tx: Transaction, layout: Layout, snapshot: Snapshot, now: float) -> Present:
    traces = read_traces(tx, layout)
    return Present(
        snapshot=snapshot,
        traces=traces,
        due=tuple(
            DueKind(row.queue, row.kind, row.jobs, row.first_at, tuple(row.ids))
            for row in tx.query("look/read_due_kinds", BOUNDS)
        ),
        worked=_worked(tx, layout),
        now=now,
        poison=_poison(tx, snapshot, traces),
    )


def _worked(tx: Transaction, layout: Layout) -> tuple[WorkedKind, ...]:
    finals = [state for state in FINAL_STATES if state in layout.states]
    rows = tx.query("look/read_worked_kinds", {"states": finals, "scan_bound": SCAN_BOUND})
    return tuple(WorkedKind(row.queue, row.kind, row.last_claim, row.longest) for row in rows)


def _poison(tx: Transaction, snapshot: Snapshot, traces: Traces) -> tuple[int, ...]:
    if snapshot.running is None or not snapshot.running.poison or not traces.running:
        return ()
    limits = {"rfc3339": RFC3339, "most_bytes": METADATA_LARGE, "most_rows": MOST_POISON}
    return tuple(row.id for row in tx.query("river/read_poison", limits))
