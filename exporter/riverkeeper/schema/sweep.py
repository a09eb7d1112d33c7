"""The heartbeat tables as a keeper sees them: who beats now, and which rows nobody needs any more."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.schema.layout import KeeperSchema
from riverkeeper.scrape.scrape import QueryOutcome

SWEEP_SECONDS = 60.0  # rows are kept for ten minutes: a minute more or less is nothing
SWEEP_ROWS = 10_000  # in one transaction, some 50 ms; where there are more, the next reading goes on


@dataclass(frozen=True, slots=True)
class Heard:
    """What the heartbeat tables say before any job is looked at."""

    beating_clients: int  # processes heard within three of their own intervals
    any_heartbeat: bool


def read_clients(tx: Transaction) -> Heard:
    """Who beats, by both tables, which then stay readable in this transaction. Raises DatabaseError."""
    row = tx.query("schema/read_clients")[0]
    return Heard(row.beating_clients, row.any_heartbeat)


@dataclass(slots=True)
class Sweeper:
    """Deletes forgotten rows now and then, in a transaction of its own. Remembers how it went the last time."""

    outcome: QueryOutcome | None = None  # None until the first time
    _due_at: float = field(default=0.0)  # our monotonic clock

    def is_due(self, keeper: KeeperSchema) -> bool:
        return keeper.sweepable and time.monotonic() >= self._due_at

    def sweep(self, keeper: KeeperSchema, writing: Callable[[], AbstractContextManager[Transaction]]) -> None:
        """Delete what is forgotten, at most SWEEP_ROWS of each table. Never raises DatabaseError."""
        began, error, swept = time.monotonic(), None, 0
        try:
            with writing() as tx:
                swept = _sweep(tx, keeper)
        except DatabaseError as failed:
            error = str(failed)
        self.outcome = QueryOutcome("sweep", time.monotonic() - began, error)
        self._due_at = began if swept == SWEEP_ROWS else began + SWEEP_SECONDS


def _sweep(tx: Transaction, keeper: KeeperSchema) -> int:
    """Heartbeats that are gone; 0 where another keeper is at it."""
    if not tx.query("schema/lock_sweep", {"heartbeat": keeper.heartbeat})[0].held:
        return 0
    tx.query("river/open_transaction")  # its planner switches: no question reads all of River's table
    swept: int = tx.query("schema/sweep_heartbeats", {"most": SWEEP_ROWS})[0].rows
    tx.query("schema/sweep_clients", {"most": SWEEP_ROWS})
    return swept
