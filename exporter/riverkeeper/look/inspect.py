"""Inspects one River for `riverkeeper look`: a scrape for the present, traces in its table for the past."""

from __future__ import annotations

import time
from dataclasses import replace

from riverkeeper.config.load import Config
from riverkeeper.look.now import DueKind, Present, WorkedKind
from riverkeeper.look.report import LookReport, report
from riverkeeper.look.traces import Coverage, JobTrace, OpenClaim, Traces
from riverkeeper.postgres.connection import Database
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.river.bounds import METADATA_LARGE
from riverkeeper.river.detect import find_river
from riverkeeper.river.failures import failures_of, parse_count, parse_moment
from riverkeeper.river.layout import FINAL_STATES, Layout
from riverkeeper.river.running import RFC3339
from riverkeeper.scrape.reader import Reader, reader_settings
from riverkeeper.scrape.schemas import SchemaLookup
from riverkeeper.scrape.scrape import Snapshot

SECONDS = 20.0  # an operator waits; ten million rows take less than five
MOST_POISON = 100  # ids of running rows that stop River's rescuer
SCAN_BOUND = 50_000  # rows of each state: half a second on a cold disk
MOST_ROWS = 10_000  # rows of each state with a trace of a problem
MOST_ERRORS = 20  # the newest errors of a job
MOST_BYTES = 65_536  # of a job's errors, as stored: thousands of errors in one job would cost a second
MOST_METADATA = 8_192  # bytes as stored; larger metadata is not read
BOUNDS = {
    "scan_bound": SCAN_BOUND,
    "most_rows": MOST_ROWS,
    "most_errors": MOST_ERRORS,
    "most_bytes": MOST_BYTES,
    "most_metadata": MOST_METADATA,
}


def inspect(config: Config) -> LookReport:
    """The report on River's own tables. Raises DatabaseError where they cannot be read."""
    database = Database(config.conninfo.reveal())
    began = time.monotonic()
    try:
        settings = replace(reader_settings(config), with_rescuer=False)
        lookup = SchemaLookup(settings.river_schema, settings.keeper_schema)
        snapshot = Reader(database, settings, lookup).read(SECONDS)
        if not snapshot.up or snapshot.now is None:
            raise DatabaseError(ErrorKind.OTHER, snapshot.error or "River's job table cannot be read")
        with database.reading(SECONDS - (time.monotonic() - began)) as tx:
            layout = find_river(tx, config.database.river_schema)
            present = _read_present(tx, layout, snapshot, snapshot.now)
    finally:
        database.close()
    return report(present, config, [f"{query.name}: {query.error}" for query in snapshot.queries if query.error])


def _read_present(tx: Transaction, layout: Layout, snapshot: Snapshot, now: float) -> Present:
    traces = read_traces(tx, layout)
    due = tx.query("look/read_due_kinds", BOUNDS)
    worked = tx.query("look/read_worked_kinds", {"states": _final_states(layout), "scan_bound": SCAN_BOUND})
    return Present(
        snapshot=snapshot,
        traces=traces,
        due=tuple(DueKind(row.queue, row.kind, row.jobs, row.first_at, tuple(row.ids)) for row in due),
        worked=tuple(WorkedKind(row.queue, row.kind, row.last_claim, row.longest) for row in worked),
        now=now,
        poison=_read_poison(tx, snapshot, traces),
    )


def _read_poison(tx: Transaction, snapshot: Snapshot, traces: Traces) -> tuple[int, ...]:
    if snapshot.running is None or not snapshot.running.poison or not traces.running:
        return ()
    limits = {"rfc3339": RFC3339, "most_bytes": METADATA_LARGE, "most_rows": MOST_POISON}
    return tuple(row.id for row in tx.query("river/read_poison", limits))


def read_traces(tx: Transaction, layout: Layout) -> Traces:
    """The traces of problems that River's table still has. Raises DatabaseError."""
    finals = _final_states(layout)
    states = {state: state in finals for state in (*finals, *layout.live_states)}
    jobs = tx.query("look/read_traces", {"states": list(states), "final": list(states.values()), **BOUNDS})
    running = tx.query("look/read_claims", BOUNDS)
    measured = tx.query("look/measure_ended", {"states": finals, "scan_bound": SCAN_BOUND})
    return Traces(
        jobs=tuple(map(_trace_of, jobs)),
        running=tuple(_claim_of(row) for row in running if row.attempted_at is not None),
        coverage=tuple(
            Coverage(row.state, row.jobs, row.first_at, row.last_at, complete=row.jobs < SCAN_BOUND) for row in measured
        ),
    )


def _final_states(layout: Layout) -> list[str]:
    return [state for state in FINAL_STATES if state in layout.states]


def _trace_of(row: Row) -> JobTrace:
    return JobTrace(
        row.id, row.queue, row.kind, row.state, row.attempt, row.max_attempts, row.attempted_at, row.ended_at,
        clients=tuple(row.clients or ()),
        failures=failures_of(row.errors),
        failure_count=row.failures,
        rescues=parse_count(row.rescues),
        snoozes=parse_count(row.snoozes),
        conflict=row.conflict is not None,
    )  # fmt: skip


def _claim_of(row: Row) -> OpenClaim:
    return OpenClaim(
        row.id, row.queue, row.kind, row.attempt, row.max_attempts, row.attempted_at, row.client_id,
        parse_moment(row.cancel_at),
    )  # fmt: skip
