"""Claims, and results of them that come when they come: written as a River client writes one, by job id alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from click.testing import CliRunner, Result
from psycopg.types.json import Jsonb

from conformance.floor import Event
from conformance.world import CLAIM
from database.heartbeat_sql import Connection, ask
from riverkeeper.cli import main

TOKEN = "riverkeeper:claim"
ERROR = {"at": "2026-01-01T00:00:00Z", "attempt": 1, "error": "boom", "trace": ""}
# What a result changes in a row that runs. River merges its metadata in any case.
RESULTS: Mapping[str, str] = {
    "completed": "state = 'completed', finalized_at = now()",
    "failed": "state = 'retryable', scheduled_at = now(), errors = array_append(errors, %(error)s)",
    "failed at once": "state = 'available', scheduled_at = now(), errors = array_append(errors, %(error)s)",
    "snoozed": "state = 'scheduled', scheduled_at = now() + interval '1 h', attempt = attempt - 1",
    "cancelled": "state = 'cancelled', finalized_at = now(), errors = array_append(errors, %(error)s)",
    "discarded": "state = 'discarded', finalized_at = now(), errors = array_append(errors, %(error)s)",
}
RECLAIM = """
UPDATE {schema}.river_job
SET state = 'running', attempt = attempt + 1, attempted_at = clock_timestamp(), attempted_by = ARRAY['second']
WHERE id = %(job)s
"""


def claim(sql: Connection) -> Event:
    """A job that a client has just claimed."""
    [made] = sql.execute(CLAIM, ("first", 1)).fetchall()
    return dict(made)


def rescue(sql: Connection, job: int) -> None:
    """As any rescuer does: the row runs no more, and stays under its claim."""
    sql.execute("UPDATE public.river_job SET state = 'available' WHERE id = %(job)s", {"job": job})


def reclaim(sql: Connection, job: int) -> str:
    """The next attempt begins; its token."""
    sql.execute(RECLAIM.format(schema="public"), {"job": job})
    return token_of(sql, job)


def token_of(sql: Connection, job: int) -> str:
    text = """SELECT to_char(attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS token
        FROM public.river_job WHERE id = %(job)s"""
    return str(sql.execute(text, {"job": job}).fetchone()["token"])  # type: ignore[index]


def result(sql: Connection, job: int, outcome: str, **metadata: Any) -> int:
    """A result of this job with the metadata that its client merges; how many rows it changed."""
    text = f"UPDATE public.river_job SET {RESULTS[outcome]}, metadata = metadata || %(m)s WHERE id = %(job)s AND state = 'running'"  # noqa: E501, S608
    values = {"job": job, "m": Jsonb(metadata), "error": Jsonb(ERROR)}
    changed = sql.execute(text, values).rowcount
    if not changed and metadata:
        text = "UPDATE public.river_job SET metadata = metadata || %(m)s WHERE id = %(job)s AND state <> 'running'"
        sql.execute(text, values)
    return changed


def row(sql: Connection, job: int) -> Event:
    found = sql.execute("SELECT * FROM public.river_job WHERE id = %(job)s", {"job": job}).fetchone()
    assert found is not None
    return dict(found)


def late(sql: Connection) -> list[Event]:
    """What was recorded, oldest first."""
    return [dict(found) for found in sql.execute("SELECT * FROM riverkeeper.late_result ORDER BY id").fetchall()]


def drops(sql: Connection) -> bool:
    """Whether a late result is dropped, seen by sending one."""
    job = claim(sql)["job_id"]
    first = token_of(sql, job)
    rescue(sql, job)
    reclaim(sql, job)
    return result(sql, job, "completed", **{TOKEN: first}) == 0


def told_to_clients(sql: Connection) -> bool:
    return bool(ask(sql, "meta", {})[0]["fence"])


def fence_command(url: str, *words: str) -> Result:
    """`riverkeeper schema …`."""
    return CliRunner().invoke(main, ["schema", *words, "--database-url", url])


def gets_out(sql: Connection, claim: Event) -> bool:
    """Whether a result of this claim would be written now; it is taken back."""
    sql.execute("BEGIN")
    try:
        return result(sql, claim["job_id"], "completed", **{TOKEN: claim["attempted_at"]}) == 1
    finally:
        sql.execute("ROLLBACK")
