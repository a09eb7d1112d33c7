"""The supervisor on a real server: it finds a lost worker by itself, once, and says what it leaves alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from database.heartbeat_sql import Connection, connected
from database.keepers import Fleet, Look, beating, configured, keeping, when
from riverkeeper.keeper.schema import install


@pytest.fixture
def looking(river_url: str) -> Iterator[Connection]:
    install(river_url, None, None)
    with connected(river_url) as sql:
        yield sql


@pytest.fixture
def look(looking: Connection) -> Look:
    return Look(looking)


@pytest.fixture
def fleet(river_url: str, looking: Connection) -> Iterator[Fleet]:
    with beating(river_url, looking) as fleet:
        yield fleet


def test_a_lost_worker_s_job_is_rescued_and_a_living_one_s_is_not(
    river_url: str, tmp_path: Path, fleet: Fleet, look: Look
) -> None:
    """Without Prometheus, without a person: the loop finds it, and the audit says who did it."""
    dead, alive = fleet.worker(1), fleet.worker(1)
    with keeping(configured(tmp_path, river_url)) as service:
        when(lambda: look.counts_for(1.0), "the path to be proven")
        dead.alive = False
        when(lambda: look.rescued() == 1, "a rescue")
        when(lambda: service._process.acts.rescues.total() == 1, "the rescue to be counted")

    row = look.one("SELECT * FROM riverkeeper.rescue")
    assert (row["job_id"], row["reason"], row["woken_by"]) == (dead.claims[0]["job_id"], "worker_lost", "supervisor")
    assert alive.lost == set()
