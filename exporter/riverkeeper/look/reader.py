"""Reads the traces of trouble that River's table still has, in bounded statements that only read."""

from __future__ import annotations

from riverkeeper.look.job_trace import Coverage, JobTrace, OpenClaim, Traces, count, failures, moment
from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.river.layout import FINAL_STATES, Layout

SCAN_BOUND = 50_000  # rows of each state that are looked at: half a second on a cold disk
MOST_ROWS = 10_000  # with a trace, of each state
MOST_ERRORS = 20  # of one job, the newest
MOST_BYTES = 65_536  # of a job's errors as stored; a job with thousands of them would cost a second by itself
MOST_METADATA = 8_192  # bytes as stored; larger metadata is not looked into
BOUNDS = {
    "scan_bound": SCAN_BOUND,
    "most_rows": MOST_ROWS,
    "most_errors": MOST_ERRORS,
    "most_bytes": MOST_BYTES,
    "most_metadata": MOST_METADATA,
}


def read_traces(tx: Transaction, layout: Layout) -> Traces:
    """What River's table remembers. Raises DatabaseError."""
    finals = [state for state in FINAL_STATES if state in layout.states]
    ended = tx.query("look/read_ended", {"states": finals, **BOUNDS})
    unended = tx.query("look/read_unended", {"states": list(layout.live_states), **BOUNDS})
    running = tx.query("look/read_claims", BOUNDS)
    measured = tx.query("look/measure_ended", {"states": finals, "scan_bound": SCAN_BOUND})
    return Traces(
        ended=tuple(map(_trace, ended)),
        unended=tuple(map(_trace, unended)),
        running=tuple(_claim(row) for row in running if row.attempted_at is not None),
        coverage=tuple(
            Coverage(row.state, row.jobs, row.first_at, row.last_at, complete=row.jobs < SCAN_BOUND) for row in measured
        ),
    )


def _trace(row: Row) -> JobTrace:
    return JobTrace(
        row.id, row.queue, row.kind, row.state, row.attempt, row.max_attempts, row.attempted_at, row.ended_at,
        clients=tuple(row.clients or ()),
        failures=failures(row.errors),
        failure_count=row.failures,
        rescues=count(row.rescues),
        snoozes=count(row.snoozes),
        conflict=row.conflict is not None,
    )  # fmt: skip


def _claim(row: Row) -> OpenClaim:
    return OpenClaim(
        row.id, row.queue, row.kind, row.attempt, row.max_attempts, row.attempted_at, row.client_id,
        moment(row.cancel_at),
    )  # fmt: skip
