"""The whole fleet dies: suspected jobs are shown, and one idle worker is enough for every job to run again."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from e2e.conftest import MakeRiver
from e2e.river import Fleet, River, fleet_at_work
from e2e.riverkeeper_process import Page, RiverkeeperProcess, replica_at_work, riverkeeper
from fixtures.waiting import until

CONFIG = """
rescue: {mode: live, interval: 1s, grace: 0s}
learned_limits: {enabled: false}
assign: [{tier: urgent}]
tiers: {urgent: {heartbeat_timeout: 5s, drain: 1s, fence: 2s}}
"""
INTERVAL, PATIENCE = "1s", 60.0
BEATING = """
SELECT j.id FROM river_job AS j JOIN riverkeeper.heartbeat AS h ON h.job_id = j.id AND h.attempted_at = j.attempted_at
WHERE j.kind = 'steady' AND j.state = 'running'
"""
AGAIN = "SELECT id FROM river_job WHERE kind = 'steady' AND attempt = 2 AND state IN ('running', 'completed')"
AUDIT = "SELECT reason, action, count(*) FROM riverkeeper.rescue GROUP BY reason, action"
PATH = "SELECT path_ok_since IS NOT NULL FROM riverkeeper.control"


@pytest.fixture
def river(river_database: MakeRiver) -> River:
    river = river_database()
    riverkeeper(river, "schema", "install")
    return river


@contextlib.contextmanager
def serving(river: River, folder: Path, config: str = CONFIG) -> Iterator[RiverkeeperProcess]:
    file = folder / "riverkeeper.yml"
    file.write_text(config)
    with replica_at_work(river.url, folder, "", "--config.file", str(file)) as replica:
        until(lambda: river.rows(PATH) == [(True,)], "the heartbeat path to be verified")
        yield replica


@contextlib.contextmanager
def workers(river: River, folder: Path, count: int, interval: str = INTERVAL) -> Iterator[list[Fleet]]:
    """So many worker processes of three slots each, with nine jobs at work that River itself would never rescue."""
    with contextlib.ExitStack() as programs:
        flags = ("-queues", "default", "-beat", "table", "-interval", interval, "-workers", "3")
        fleet = [
            programs.enter_context(fleet_at_work(river, folder, f"worker{number}", *flags)) for number in range(count)
        ]
        river.insert(9, "-kinds", "steady", "-queues", "default")
        until(lambda: len(river.rows(BEATING)) == 9, "nine jobs to run and to beat", PATIENCE)
        yield fleet


def jobs(page: Page, metric: str) -> dict[str, float]:
    """Jobs by reason, where there are any."""
    found: dict[str, float] = {}
    for (reason,), value in (
        ((labels[3],), value) for labels, value in page.values(metric, "queue", "kind", "tier", "reason").items()
    ):
        found[reason] = found.get(reason, 0) + value
    return {reason: value for reason, value in found.items() if value}


def test_one_idle_worker_is_enough_for_a_fleet_that_died(river: River, tmp_path: Path) -> None:
    """Until it comes nothing is rescued, and page, command line and metrics say what may be stuck and what is missing.

    It gets no job: its process beats from its start, and so shows that heartbeats get through.
    """
    with serving(river, tmp_path) as replica, workers(river, tmp_path, 3) as fleet:
        for worker in fleet:
            worker.program.kill()
        until(
            lambda: jobs(replica.scrape(), "river_jobs_suspected") == {"path_unverified": 9.0},
            "nine suspects",
            PATIENCE,
        )
        assert jobs(replica.scrape(), "river_jobs_stuck") == {}
        assert river.rows(AUDIT) == []
        assert_suspected(river, replica, ("--config.file", str(tmp_path / "riverkeeper.yml")))

        began = time.monotonic()
        flags = ("-queues", "default", "-beat", "table", "-interval", INTERVAL, "-workers", "9")
        with fleet_at_work(river, tmp_path, "idle", *flags):
            until(lambda: len(river.rows(AGAIN)) == 9, "all nine to run again", PATIENCE)
        took = time.monotonic() - began
        page = replica.scrape()

    print(f"all nine run again {took:.1f} s after the start of one idle worker")  # noqa: T201 - to be seen with -s
    assert river.rows(AUDIT) == [("worker_lost", "retry", 9)]
    assert not sum(page.values("riverkeeper_late_finishes_total", "queue", "kind").values())


def assert_suspected(river: River, replica: RiverkeeperProcess, config: tuple[str, str]) -> None:
    """Nowhere an all-clear."""
    shown = httpx.get(f"http://{replica.address}/", timeout=20).text
    stuck = httpx.get(f"http://{replica.address}/stuck", timeout=20).text
    listed = json.loads(riverkeeper(river, "stuck", "--json", *config))
    printed = " ".join(riverkeeper(river, "stuck", *config).split())

    for text in (shown, stuck):
        assert "none of 3 worker processes has beaten" in text
        assert "9 running jobs may be stuck" in text
    assert "status good" not in shown
    assert "No running job is stuck" not in stuck + printed
    assert "9 of 9 suspected jobs" in printed
    assert (listed["found"], listed["found_suspected"], listed["path_ok"]) == (0, 9, False)
    assert all("none of 3 worker processes has beaten" in job["missing"] for job in listed["suspected"])
    assert "heartbeat_path: not verified" in riverkeeper(river, "rescue", "status", *config)
