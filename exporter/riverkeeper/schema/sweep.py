"""The heartbeat tables as Riverkeeper uses them: who beats now, and the sweep of rows that nobody needs any more."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from riverkeeper.postgres.transaction import Transaction
from riverkeeper.schema.layout import KeeperSchema

SWEEP_SECONDS = 60.0  # rows are kept for ten minutes: a minute more or less is nothing
SWEEP_ROWS = 10_000  # in one transaction, some 50 ms; where there are more, the next step goes on


@dataclass(frozen=True, slots=True)
class HeartbeatSummary:
    """What the heartbeat tables show before any job is read."""

    beating_clients: int  # processes whose last heartbeat is younger than three of their own intervals
    any_heartbeat: bool
    last_beat_at: float | None = None  # of any process; None: none has beaten within the last hour


def read_heartbeats(tx: Transaction) -> HeartbeatSummary:
    """Who beats, by both tables, which then stay readable in this transaction. Raises DatabaseError."""
    row = tx.query("schema/read_clients")[0]
    return HeartbeatSummary(row.beating_clients, row.any_heartbeat, row.last_beat_at)


@dataclass(slots=True)
class Sweeper:
    """Deletes rows that nobody needs once a minute, in a transaction of its own."""

    _due_at: float = 0.0  # our monotonic clock

    def is_due(self, keeper: KeeperSchema) -> bool:
        return keeper.sweepable and time.monotonic() >= self._due_at

    def sweep(self, keeper: KeeperSchema, writing: Callable[[], AbstractContextManager[Transaction]]) -> int:
        """Delete at most SWEEP_ROWS of each table; how many heartbeats are gone. Raises DatabaseError."""
        began = time.monotonic()
        self._due_at = began + SWEEP_SECONDS  # also where it fails
        with writing() as tx:
            swept = _sweep(tx, keeper)
        if swept == SWEEP_ROWS:
            self._due_at = began
        return swept


def _sweep(tx: Transaction, keeper: KeeperSchema) -> int:
    """How many heartbeats are gone; 0 where another replica sweeps."""
    if not tx.query("schema/lock_sweep", {"heartbeat": keeper.heartbeat})[0].held:
        return 0
    tx.query("river/open_transaction")  # its planner switches: no statement reads all of River's table
    swept: int = tx.query("schema/sweep_heartbeats", {"most": SWEEP_ROWS})[0].rows
    tx.query("schema/sweep_clients", {"most": SWEEP_ROWS})
    if keeper.checkpoints_sweepable:
        tx.query("schema/sweep_checkpoints", {"most": SWEEP_ROWS})  # after the heartbeats that keep some of them
    return swept
