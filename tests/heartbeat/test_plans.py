"""A beat looks its jobs up; it never reads the table they are in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from fixtures.contract import Connection, claims_of, connected
from riverkeeper.heartbeat import ActiveClaim, Claim, HeartbeatTier
from riverkeeper.heartbeat.table import HeartbeatTable, WorkerProcess, claim_parameters
from riverkeeper.postgres.statements import statement

Plan = dict[str, Any]


def plan(connection: Connection, name: str, parameters: dict[str, object]) -> list[Plan]:
    """Every node, as the client's own way of sending gets it (values are in the text), with what really happened."""
    text = "EXPLAIN (ANALYZE, FORMAT JSON) " + statement(name, river="public", keeper="riverkeeper")
    [answer] = psycopg.ClientCursor(connection).execute(text, parameters).fetchall()
    return list(_nodes(answer["QUERY PLAN"][0]["Plan"]))


def _nodes(node: Plan) -> Iterator[Plan]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def claims(sql: Connection, *, analyzed: bool = True) -> list[Claim]:
    """A thousand of ten thousand running jobs."""
    found = [Claim(**job) for job in claims_of(sql, 10_000)[:1000]]
    if analyzed:
        sql.execute("ANALYZE river_job")
    return found


def given(name: str, url: str, held: list[Claim]) -> dict[str, object]:
    """Parameters of a statement."""
    if name == "checkpoint":
        return claim_parameters(held) | {"numbers": [1] * len(held), "vals": ["1"] * len(held)}
    plain = {"instance": UUID(int=1), "client_id": "worker", "beat_interval": "10 s"} | claim_parameters(held)
    if name != "beat":
        return plain
    beats = [(beat, beat.reported) for beat in (ActiveClaim(claim, HeartbeatTier(), 0.0) for claim in held)]
    return HeartbeatTable(url, "public", "riverkeeper", WorkerProcess("worker", 10.0)).parameters(beats)


@pytest.mark.parametrize("name", ["beat", "beat_plain", "beat_metadata", "checkpoint", "claim_status"])
def test_a_thousand_claims_are_looked_up_by_id(installed_url: str, name: str) -> None:
    """With a plain join the planner reads all of a table of ten thousand jobs, at every tick, twice."""
    with connected(installed_url) as sql:
        held = claims(sql)
        found = plan(sql, f"heartbeat/{name}", given(name, installed_url, held))

    scans = {(node["Node Type"], node.get("Index Name")) for node in found if node.get("Relation Name") == "river_job"}
    assert scans - {("ModifyTable", None)} == {("Index Scan", "river_job_pkey")}


@pytest.mark.parametrize("name", ["beat", "beat_plain"])
@pytest.mark.parametrize("analyzed", [False, True])
def test_a_beat_costs_what_its_claims_cost(installed_url: str, analyzed: bool, name: str) -> None:
    """Looked up by key or hashed, whatever the planner knows: a loop in a loop made a million of a thousand claims."""
    with connected(installed_url) as sql:
        for table in ("river_job", "riverkeeper.heartbeat"):
            sql.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
        values = given(name, installed_url, claims(sql, analyzed=analyzed))
        for _ in range(2):  # the first makes the rows
            found = plan(sql, f"heartbeat/{name}", values)
            if analyzed:
                sql.execute("ANALYZE riverkeeper.heartbeat")

    assert max(node["Actual Rows"] * node["Actual Loops"] for node in found) <= 1000
    assert max(node.get("Rows Removed by Join Filter", 0) for node in found) == 0
