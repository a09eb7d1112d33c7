"""Results written as River writes them: by job id and `running` alone."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from conformance.floor import Event
from riverkeeper.heartbeat import TOKEN_KEY

RESULT = """
UPDATE public.river_job SET state = 'completed', finalized_at = now(), metadata = metadata || %(metadata)s
WHERE id = %(job_id)s AND state = 'running'
"""


def write_result(sql: psycopg.Connection[Any], result: Event) -> None:
    """As River writes what a worker has returned, also if another worker holds the job by now."""
    token = result["token"]
    sql.execute(RESULT, {"job_id": result["job_id"], "metadata": Jsonb({} if token is None else {TOKEN_KEY: token})})
