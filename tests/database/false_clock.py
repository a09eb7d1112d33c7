"""A database whose clock can be set: `now()` and `clock_timestamp()` of its own, found before the server's.

It is what an attacker would do, so the pin has to let it through.
"""

from __future__ import annotations

from database.heartbeat_sql import Connection
from riverkeeper.postgres.session_settings import PIN, SEARCH_PATH

CLOCK = """
CREATE SCHEMA false_clock;
CREATE TABLE false_clock.shift (by interval NOT NULL);
INSERT INTO false_clock.shift VALUES ('0');
CREATE FUNCTION false_clock.now() RETURNS timestamptz LANGUAGE sql STABLE AS
    'SELECT pg_catalog.now() + by FROM false_clock.shift';
CREATE FUNCTION false_clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    'SELECT pg_catalog.clock_timestamp() + by FROM false_clock.shift';
"""


def false_pin() -> str:
    """In place of riverkeeper.postgres.connection.PIN, for a server in this process."""
    return PIN.replace(SEARCH_PATH, f"false_clock, {SEARCH_PATH}")


def install_clock(sql: Connection) -> None:
    """For connections that are opened from now on."""
    name = sql.info.dbname
    sql.execute(CLOCK)
    sql.execute(f'ALTER DATABASE "{name}" SET search_path = false_clock, pg_catalog, public')


def step(sql: Connection, by: str) -> None:
    """Set the clock forward, or back with a minus."""
    sql.execute("UPDATE false_clock.shift SET by = by + %s::interval", [by])
