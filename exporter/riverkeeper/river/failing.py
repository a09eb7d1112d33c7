"""Failing jobs by id, for the page and the command; metrics never have ids."""

from __future__ import annotations

from dataclasses import dataclass

from riverkeeper.postgres.transaction import Transaction
from riverkeeper.river.layout import Layout

ERROR_BYTES = 200_000_000  # of all shown jobs, as stored: about a second
SCAN_BOUND = 20_000  # waiting rows that are read of each state: under 50 ms


@dataclass(frozen=True, slots=True)
class FailingJob:
    """A live job that has failed before; times are Unix seconds of the database."""

    id: int
    queue: str
    kind: str
    state: str
    attempt: int
    max_attempts: int
    scheduled_at: float
    attempted_at: float | None
    last_error: str | None  # first 500 characters of the last error's text

    @property
    def attempts_left(self) -> int:
        return self.max_attempts - self.attempt


@dataclass(frozen=True, slots=True)
class FailingJobs:
    """The failing jobs with the fewest attempts left."""

    jobs: tuple[FailingJob, ...]
    found: int  # how many failing jobs were found, with the shown ones
    bounded: bool  # True: some rows were not read, and may be failing jobs
    now: float  # the database's clock


def read_failing(tx: Transaction, layout: Layout, queue: str | None, kind: str | None, shown: int) -> FailingJobs:
    """Live jobs with at least one error, those with the fewest attempts left first. Raises DatabaseError."""
    opened = tx.query("river/open_transaction")[0]
    states = list(layout.live_states)
    values = {"states": states, "queue": queue, "kind": kind, "scan_bound": SCAN_BOUND, "shown": shown}
    rows = tx.find("river/read_failing", values | {"most_bytes": ERROR_BYTES}, seconds=tx.remaining())
    jobs = tuple(
        FailingJob(
            row.id, row.queue, row.kind, row.state, row.attempt, row.max_attempts,
            row.scheduled_at, row.attempted_at, row.last_error,
        )
        for row in rows
    )  # fmt: skip
    found = rows[0].found if rows else 0
    return FailingJobs(jobs, found, bounded=any(row.bounded for row in rows), now=opened.now)
