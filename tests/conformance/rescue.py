"""Riverkeeper's rescue of one claim, in the order that the contract fixes: what a client must be able to live with."""

from __future__ import annotations

from typing import Any

import psycopg

from conformance.floor import Event

STALE = """
SELECT beat_at FROM riverkeeper.heartbeat
WHERE job_id = %(job_id)s AND attempted_at = %(attempted_at)s::timestamptz
  AND lost_at IS NULL AND beat_at < clock_timestamp() - make_interval(secs => %(timeout)s)
FOR UPDATE SKIP LOCKED
"""
TOMBSTONE = """
INSERT INTO riverkeeper.heartbeat (job_id, attempted_at, attempt, instance, beat_interval, beat_at, lost_at)
VALUES (%(job_id)s, %(attempted_at)s, %(attempt)s, gen_random_uuid(), '0', now(), now())
ON CONFLICT DO NOTHING
RETURNING job_id
"""
JOB = """
SELECT id FROM river_job
WHERE id = %(job_id)s AND state = 'running' AND attempt = %(attempt)s AND attempted_at = %(attempted_at)s::timestamptz
FOR NO KEY UPDATE SKIP LOCKED
"""
MARK = """
UPDATE riverkeeper.heartbeat SET lost_at = now()
WHERE job_id = %(job_id)s AND attempted_at = %(attempted_at)s::timestamptz
"""
WRITE = "UPDATE river_job SET state = 'available', scheduled_at = now() + interval '10 s' WHERE id = %(job_id)s"


def rescue(
    connection: psycopg.Connection[Any], claim: Event, timeout_seconds: float, *, tombstone: bool = False
) -> bool:
    """Whether the claim was taken away; with `tombstone` a claim that has never beaten. One transaction."""
    values = {**claim, "timeout": timeout_seconds}
    with connection.transaction():
        if not connection.execute(TOMBSTONE if tombstone else STALE, values).fetchone():
            return False
        if not connection.execute(JOB, values).fetchone():
            raise psycopg.Rollback
        connection.execute(MARK, values)
        connection.execute(WRITE, values)
        return True
    return False
