"""What a database's River looks like: its tables, columns and states. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LIVE_STATES = ("available", "pending", "retryable", "running", "scheduled")
FINAL_STATES = ("cancelled", "completed", "discarded")
TABLES = ("river_job", "river_queue", "river_leader", "river_migration")

# What the statements read. `args` is never among them: it is the users' data.
COLUMNS: dict[str, tuple[str, ...]] = {
    "river_job": (
        "id", "state", "attempt", "max_attempts", "attempted_at", "finalized_at", "scheduled_at",
        "priority", "attempted_by", "errors", "kind", "metadata", "queue",
    ),
    "river_queue": ("name", "paused_at", "updated_at"),
    "river_leader": ("leader_id", "elected_at", "expires_at"),
    "river_migration": ("line", "version"),
}  # fmt: skip

# River Pro's, of use where it is: nobody misses it.
PRO: dict[str, tuple[str, ...]] = {"river_producer": ("client_id", "updated_at", "queue_name", "max_workers")}


@dataclass(frozen=True, slots=True)
class Layout:
    """River as it is here. `columns` maps each existing table to its columns, and whether the login may read each."""

    schema: str
    states: tuple[str, ...]
    columns: Mapping[str, Mapping[str, bool]]
    oids: Mapping[str, int]
    filtered: frozenset[str]  # tables of which row level security may hide rows from this login
    state_type: tuple[str, str]  # schema and name: the type stays behind where the tables are moved without it

    @property
    def live_states(self) -> tuple[str, ...]:
        return tuple(state for state in LIVE_STATES if state in self.states)

    def has(self, table: str, column: str | None = None) -> bool:
        return table in self.columns and (column is None or column in self.columns[table])

    @property
    def has_producers(self) -> bool:
        """Whether River Pro's producers are there and may be read."""
        return self._reads_producers("client_id", "updated_at")

    @property
    def has_slots(self) -> bool:
        """Whether the login may read how many jobs each River Pro producer works at once."""
        return self._reads_producers(*PRO["river_producer"])

    def _reads_producers(self, *wanted: str) -> bool:
        columns = self.columns.get("river_producer", {})
        return all(columns.get(name, False) for name in wanted)

    def unreadable(self) -> dict[str, list[str]]:
        """Table -> columns that we query, that exist, and that this login may not read."""
        wanted = {t: [c for c in COLUMNS[t] if self.columns[t].get(c) is False] for t in TABLES if t in self.columns}
        return {table: columns for table, columns in wanted.items() if columns}
