"""The exporter on a streaming standby, where a database may be watched without cost to the primary."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.conftest import MakeFleet, MakeReplica
from e2e.river import River
from fixtures.standby import replayed, standby_of
from fixtures.waiting import until
from riverkeeper.demo.postgres import Server, start_postgres
from riverkeeper.schema.install import install


@pytest.fixture
def primary() -> Iterator[Server]:
    with start_postgres() as server:
        yield server


@pytest.fixture
def standby(primary: Server) -> Iterator[Server]:
    with standby_of(primary) as server:
        yield server


def test_standby_is_watched_but_for_its_leader(
    primary: Server, standby: Server, fleet: MakeFleet, replica: MakeReplica
) -> None:
    """On a standby everything is read but the leader: its table is unlogged, so its families are absent, not zero."""
    river = River(primary.database("river"))
    river.migrate()
    river.insert(200, "-kinds", "short,tomorrow,pending")
    fleet(river, "worker")
    until(river.rests, "the jobs to end")
    until(lambda: replayed(primary, standby), "the standby to catch up")

    page = replica(standby.database_url("river")).scrape()
    live = river.rows("SELECT queue, state::text, count(*) FROM river_job WHERE finalized_at IS NULL GROUP BY 1, 2")

    assert page.value("river_up") == 1
    assert {labels: value for labels, value in page.values("river_jobs", "queue", "state").items() if value} == {
        (queue, state): count for queue, state, count in live
    }
    assert river.rows("SELECT 1 FROM river_leader") == [(1,)]
    assert page.values("river_leader_elected_timestamp_seconds") == {}
    assert page.values("river_leader_expires_timestamp_seconds") == {}


def test_beats_are_read_on_a_standby_too(
    primary: Server, standby: Server, fleet: MakeFleet, replica: MakeReplica
) -> None:
    """The heartbeat table is logged, and so is there; nothing is swept where nothing can be written."""
    river = River(primary.database("river"))
    river.migrate()
    install(river.url, None, None)
    river.insert(1, "-kinds", "steady", "-queues", "default")
    fleet(river, "worker", "-beat", "table", "-interval", "1s")
    until(
        lambda: river.rows("SELECT 1 FROM riverkeeper.heartbeat WHERE progress_at IS NOT NULL"),
        "progress to be reported",
    )
    until(lambda: replayed(primary, standby), "the standby to catch up")

    page = replica(standby.database_url("river")).scrape()

    assert page.values("river_jobs_beating", "queue", "kind") == {("default", "steady"): 1}
    assert page.values("river_job_oldest_progress_timestamp_seconds", "queue", "kind").keys() == {("default", "steady")}
    assert page.value("river_beating_clients") == 1
    assert page.value("riverkeeper_query_success", query="heartbeats") == 1
    assert page.value("riverkeeper_query_success", query="sweep") is None
