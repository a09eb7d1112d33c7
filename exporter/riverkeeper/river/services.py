"""River's own services and tables: queues, leader, cleaner, migrations, table sizes."""

from __future__ import annotations

import math

from riverkeeper.postgres.transaction import Transaction
from riverkeeper.river.facts import Leader, Queue, TableSize
from riverkeeper.river.layout import FINAL_STATES, Layout

MAX_QUEUE_ROWS = 1_000  # five times as many as become labels
PRODUCER_SECONDS = 90.0  # three reports of a producer of River Pro


def read_queues(tx: Transaction) -> tuple[Queue, ...]:
    """Rows of river_queue. Raises DatabaseError."""
    rows = tx.query("river/read_queues", {"max_queues": MAX_QUEUE_ROWS})
    return tuple(Queue(row.name, row.paused, row.updated_at) for row in rows)


def read_slots(tx: Transaction) -> dict[str, int]:
    """Queue -> job slots of River Pro's producers that are there. Raises DatabaseError."""
    rows = tx.query("river/read_slots", {"fresh": PRODUCER_SECONDS, "max_queues": MAX_QUEUE_ROWS})
    return {row.queue: row.slots for row in rows}


def read_leader(tx: Transaction) -> Leader | None:
    """The row of the leader, whether expired or not; None where there is no row. Raises DatabaseError."""
    rows = tx.query("river/read_leader")
    return Leader(rows[0].leader_id, rows[0].elected_at, rows[0].expires_at) if rows else None


def read_oldest_finalized(tx: Transaction) -> dict[str, float]:
    """Final state -> finalized_at of its oldest row; a state without rows is left out. Raises DatabaseError."""
    rows = tx.query("river/read_oldest_finalized", {"states": list(FINAL_STATES)})
    return {row.state: row.finalized_at for row in rows if math.isfinite(row.finalized_at)}


def read_migrations(tx: Transaction, layout: Layout) -> dict[str, int]:
    """Line of migrations -> applied version; empty where River's migrator is not used. Raises DatabaseError."""
    if not layout.has("river_migration"):
        return {}
    lines = layout.has("river_migration", "line")
    rows = tx.query("river/read_migration_lines" if lines else "river/read_migration_version")
    return {row.line: row.version for row in rows if row.version is not None}


def read_tables(tx: Transaction, layout: Layout, heartbeat: int | None = None) -> tuple[TableSize, ...]:
    """Sizes of the job table and of the heartbeat table; `heartbeat` is its oid. Raises DatabaseError."""
    tables = [layout.oids["river_job"], *([heartbeat] if heartbeat else [])]
    rows = tx.query("river/read_table_size", {"tables": tables})
    return tuple(TableSize(row.table_name, row.bytes, row.dead_rows, row.live_rows, row.inserted_rows) for row in rows)
