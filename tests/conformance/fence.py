"""The fence on River's table, and results written as River writes them: by job id and `running` alone."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from conformance.floor import Event
from riverkeeper.heartbeat import TOKEN_KEY

REMOVE = """
DROP TRIGGER IF EXISTS riverkeeper_fence ON public.river_job;
DROP TRIGGER IF EXISTS riverkeeper_fence_strip ON public.river_job;
"""
# The two triggers without their record of what they drop, which is no client's business.
INSTALL = """
CREATE OR REPLACE FUNCTION riverkeeper.conform_fence() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS 'BEGIN RETURN NULL; END';
CREATE OR REPLACE FUNCTION riverkeeper.conform_strip() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS 'BEGIN new.metadata := new.metadata - ''riverkeeper:claim''; RETURN new; END';
CREATE TRIGGER riverkeeper_fence BEFORE UPDATE ON public.river_job FOR EACH ROW
WHEN ((new.metadata ->> 'riverkeeper:claim') IS NOT NULL
    AND (old.metadata -> 'riverkeeper:claim') IS DISTINCT FROM (new.metadata -> 'riverkeeper:claim')
    AND (new.metadata ->> 'riverkeeper:claim')
        IS DISTINCT FROM to_char(old.attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
EXECUTE FUNCTION riverkeeper.conform_fence();
CREATE TRIGGER riverkeeper_fence_strip BEFORE UPDATE ON public.river_job FOR EACH ROW
WHEN ((new.metadata -> 'riverkeeper:claim') IS NOT NULL) EXECUTE FUNCTION riverkeeper.conform_strip();
"""
RESULT = """
UPDATE public.river_job SET state = 'completed', finalized_at = now(), metadata = metadata || %(metadata)s
WHERE id = %(job_id)s AND state = 'running'
"""


def fence_sql() -> str:
    return REMOVE + INSTALL


def write_result(sql: psycopg.Connection[Any], result: Event) -> None:
    """As River writes what a worker has returned, whoever holds the job by now."""
    token = result["token"]
    sql.execute(RESULT, {"job_id": result["job_id"], "metadata": Jsonb({} if token is None else {TOKEN_KEY: token})})
