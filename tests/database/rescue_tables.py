"""The model's tables: time passes in them by moving their moments, and a standby has a copy of them."""

# ruff: noqa: S608  (statements put together of our own constants)

from __future__ import annotations

from database.heartbeat_sql import Connection

TABLES = ("river_job", "riverkeeper.heartbeat", "riverkeeper.client", "riverkeeper.rescue", "riverkeeper.control")
STANDBY = ";".join(
    ["DROP SCHEMA IF EXISTS standby CASCADE", "CREATE SCHEMA standby"]
    + [f"CREATE UNLOGGED TABLE standby.{name.rpartition('.')[2]} (LIKE {name})" for name in TABLES]
)
COPY = ";".join(
    f"DELETE FROM standby.{bare}; INSERT INTO standby.{bare} SELECT * FROM {name}"
    for name, bare in ((name, name.rpartition(".")[2]) for name in TABLES)
)
RESTORE = ";".join(
    f"DELETE FROM {name}; INSERT INTO {name} OVERRIDING SYSTEM VALUE SELECT * FROM standby.{name.rpartition('.')[2]}"
    for name in TABLES
)
MOVE = """
UPDATE river_job SET attempted_at = attempted_at - {by}, scheduled_at = scheduled_at - {by};
UPDATE riverkeeper.heartbeat SET attempted_at = attempted_at - {by}, beat_at = beat_at - {by},
    progress_at = progress_at - {by}, ended_at = ended_at - {by},
    stop_requested_at = stop_requested_at - {by}, lost_at = lost_at - {by};
UPDATE riverkeeper.client SET beat_at = beat_at - {by}, started_at = started_at - {by};
UPDATE riverkeeper.rescue SET attempted_at = attempted_at - {by}, at = at - {by};
UPDATE riverkeeper.control SET path_ok_since = path_ok_since - {by}, path_state = path_state
    || jsonb_build_object('before_to', (path_state ->> 'before_to')::float8 - extract(epoch FROM {by}))
"""
UNPROVEN = "UPDATE riverkeeper.control SET path_probe_at = path_probe_at - {by}, actor_at = actor_at - {by}"
EMPTY = ";".join(
    [f"DELETE FROM {name}" for name in (*TABLES[:-1], "riverkeeper.brake", "riverkeeper.late_result")]
    + ["UPDATE riverkeeper.control SET path_ok_since = NULL, path_probe_at = NULL, path_state = NULL"]
)


class Tables:
    """`sql` is a connection of the test's own, which waits for locks (autovacuum takes some)."""

    def __init__(self, sql: Connection) -> None:
        self._sql = sql
        self._moved = 0.0  # since the standby has what it has
        sql.execute(STANDBY)

    def empty(self) -> None:
        self._sql.execute(EMPTY)

    def move(self, seconds: float, *, proven: bool) -> None:
        """All moments go into the past, which is as if time had passed; `proven`: with a keeper's turn at its end."""
        self._moved += seconds
        self._sql.execute(_by(MOVE if proven else f"{MOVE}; {UNPROVEN}", seconds))

    def copy(self) -> None:
        """The standby has all that is committed now."""
        self._moved = 0.0
        self._sql.execute(COPY)

    def fail_over(self) -> None:
        """From now on the standby answers, which is another server."""
        self._sql.execute(RESTORE)
        self._sql.execute(_by(f"{MOVE}; {UNPROVEN}, path_server = 'the old one'", self._moved))


def _by(statements: str, seconds: float) -> str:
    return statements.format(by=f"interval '{seconds} s'")
