"""A beat looks its jobs up; it never reads the table they are in."""

from __future__ import annotations

import psycopg
import pytest

from database.heartbeat_sql import Connection, claims_of, connected
from riverkeeper.heartbeat import Beat, Claim, Tier
from riverkeeper.heartbeat.table import Process, Table, columns_of
from riverkeeper.keeper.schema import install
from riverkeeper.statements import statement


def plan(connection: Connection, name: str, parameters: dict[str, object]) -> str:
    """As the client's own way of sending gets it: values are in the text."""
    text = statement(name, river="public", keeper="riverkeeper")
    cursor = psycopg.ClientCursor(connection)
    return str(cursor.execute(f"EXPLAIN (FORMAT JSON) {text}", parameters).fetchall())


@pytest.mark.parametrize("name", ["heartbeat/sql/beat", "heartbeat/sql/beat_metadata", "heartbeat/look"])
def test_a_thousand_claims_are_looked_up_by_id(river_url: str, name: str) -> None:
    """With a plain join the planner reads all of a table of ten thousand jobs, at every tick, twice."""
    install(river_url, None, None)
    with connected(river_url) as sql:
        claims = [Claim(**job) for job in claims_of(sql, 10_000)[:1000]]
        sql.execute("ANALYZE river_job")
        beats = [(beat, beat.told) for beat in (Beat(claim, Tier(), 0.0) for claim in claims)]
        table = Table(river_url, "public", "riverkeeper", Process("worker", 10.0, fences=True))
        found = plan(sql, name, table.parameters(beats) if name.endswith("/beat") else columns_of(claims))

    assert "Seq Scan" not in found
    assert "river_job_pkey" in found
