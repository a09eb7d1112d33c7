"""The contract's statements on connections of a test's own, where two may be held open against each other."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row

from conformance.floor import Event
from conformance.worker import until
from conformance.world import CLAIM
from riverkeeper.postgres.statements import statement

Connection = psycopg.Connection[Any]
INSTANCE = uuid.UUID(int=1)


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


def claims_of(connection: Connection, count: int) -> list[Event]:
    """Jobs that a client has just claimed."""
    return list(connection.execute(CLAIM, ("worker", count)).fetchall())


def ask(connection: Connection, name: str, values: Event) -> list[Event]:
    text = statement(f"heartbeat/{name}", river="public", keeper="riverkeeper")
    cursor = connection.execute(text, values)
    return list(cursor.fetchall()) if cursor.description else []


def beat(connection: Connection, claims: Sequence[Event], instance: uuid.UUID = INSTANCE) -> dict[int, str]:
    """Standings by job id; the claims are named in the order given."""
    many = len(claims)
    values = {
        "instance": instance, "client_id": "worker", "software": "test", "started_at": "2026-01-01T00:00:00Z",
        "fences": True, "client_interval": "10 s", "kinds": None,
        "job_ids": [claim["job_id"] for claim in claims],
        "attempted_ats": [claim["attempted_at"] for claim in claims],
        "attempts": [claim["attempt"] for claim in claims],
        "intervals": ["10 s"] * many, "leases": [None] * many, "progress_told": [False] * many,
        "progress": [None] * many, "notes": [None] * many,
    }  # fmt: skip
    return {row["job_id"]: row["standing"] for row in ask(connection, "beat", values)}


def end(connection: Connection, claims: Sequence[Event]) -> None:
    values = {
        "job_ids": [claim["job_id"] for claim in claims],
        "attempted_ats": [claim["attempted_at"] for claim in claims],
        "outcomes": ["completed"] * len(claims),
    }
    ask(connection, "end", values)


def age(connection: Connection) -> None:
    """Make every beat an hour old."""
    connection.execute("UPDATE riverkeeper.heartbeat SET beat_at = beat_at - interval '1 hour'")


def wait_for_a_lock(watching: Connection, waiting: Connection) -> None:
    """Wait until a session waits for another's lock."""
    sql = "SELECT FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
    until(lambda: watching.execute(sql, [waiting.info.backend_pid]).fetchall(), "the other session to wait")
