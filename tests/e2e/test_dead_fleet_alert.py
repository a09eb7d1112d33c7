"""Every worker process dies and none comes back: one page reaches the operator, and /stuck shows the reason.

The whole chain as shipped: the Go client, `serve`, Prometheus with the rules, Alertmanager with the routing, and a
server in the place of the receivers. Everything is ten times as quick here: worker intervals, tiers, the durations of
rules and routing. With RIVERKEEPER_REAL_TIME=1 nothing is scaled, and the defaults are in force.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from e2e.conftest import MakeRiver
from e2e.programs import tool
from e2e.receivers import Received, http_receiver
from e2e.river import Fleet, River, fleet_at_work
from e2e.riverkeeper_process import RiverkeeperProcess, replica_at_work, riverkeeper
from e2e.scraper import Scraper, prometheus_at_work
from e2e.shipped_alerts import alertmanager_as_shipped, find_alert, shipped_rules
from fixtures.waiting import until

FACTOR = 1 if os.environ.get("RIVERKEEPER_REAL_TIME") else 10
PATIENCE = 900.0  # seconds; in real time a stuck job alerts after ten minutes
CONFIG = "rescue: {mode: live}\nlearned_limits: {enabled: false}\nassign: [{tier: standard}]\n"
QUICK = """
rescue: {mode: live, interval: 1s, grace: 0s}
learned_limits: {enabled: false}
assign: [{tier: standard}]
tiers: {standard: {heartbeat_timeout: 4s, drain: 1s, fence: 1s, plain_fence: 6s}}
"""
BEATEN = "river:river_last_beating_timestamp_seconds:max"
INTERVAL = "10s" if FACTOR == 1 else "1s"
BEATING = """
SELECT j.id FROM river_job AS j JOIN riverkeeper.heartbeat AS h ON h.job_id = j.id AND h.attempted_at = j.attempted_at
WHERE j.kind = 'steady' AND j.state = 'running'
"""


@pytest.fixture
def river(river_database: MakeRiver) -> River:
    river = river_database()
    riverkeeper(river, "schema", "install")
    return river


def test_a_dead_fleet_is_one_page(river: River, tmp_path: Path) -> None:
    """RiverNoWorkers pages, the stuck jobs do not page again; nothing was rescued, and /stuck names what is missing."""
    received = Received()
    with http_receiver(received) as address, watched(river, tmp_path, address) as (replica, scraper, alertmanager):
        with workers(river, tmp_path) as fleet:
            until(lambda: scraper.query(BEATEN), "Prometheus to see workers that beat", PATIENCE)
            for worker in fleet:
                worker.program.kill()
            died = time.monotonic()
            until(lambda: received.sent_to("/pages"), "a page", PATIENCE)
            took = time.monotonic() - died
            stuck = until(lambda: find_alert(alertmanager, "RiverJobsStuck"), "RiverJobsStuck to fire", PATIENCE)
        page = httpx.get(f"http://{replica.address}/stuck", timeout=20).text
        rescues = river.rows("SELECT count(*) FROM riverkeeper.rescue")

    print(f"the page came {took:.0f} s after the fleet died (factor {FACTOR})")  # noqa: T201 - to be seen with -s
    messages = [message for path in ("/pages", "/tickets", "/info") for message in received.sent_to(path)]
    assert {alert["labels"]["alertname"] for message in messages for alert in message["alerts"]} == {"RiverNoWorkers"}
    assert stuck["status"]["inhibitedBy"]
    assert "none of 3 worker processes has beaten" in page
    assert "9 running jobs may be stuck" in page
    assert rescues == [(0,)]


@contextlib.contextmanager
def workers(river: River, folder: Path) -> Iterator[list[Fleet]]:
    """Three worker processes with nine jobs at work."""
    flags = ("-queues", "default", "-beat", "table", "-interval", INTERVAL, "-workers", "3")
    with contextlib.ExitStack() as programs:
        fleet = [programs.enter_context(fleet_at_work(river, folder, f"worker{number}", *flags)) for number in range(3)]
        river.insert(9, "-kinds", "steady", "-queues", "default")
        until(lambda: len(river.rows(BEATING)) == 9, "nine jobs to run and to beat", PATIENCE)
        yield fleet


@contextlib.contextmanager
def watched(river: River, folder: Path, receivers: str) -> Iterator[tuple[RiverkeeperProcess, Scraper, str]]:
    """`serve`, a Prometheus that scrapes it, and the address of an Alertmanager that sends to our receivers."""
    file = folder / "riverkeeper.yml"
    file.write_text(CONFIG if FACTOR == 1 else QUICK)
    with contextlib.ExitStack() as programs:
        replica = programs.enter_context(replica_at_work(river.url, folder, "", "--config.file", str(file)))
        alertmanager = programs.enter_context(alertmanager_as_shipped(folder, receivers, FACTOR))
        scraper = programs.enter_context(
            prometheus_at_work(
                tool("prometheus"), [replica.address], folder, {"groups": shipped_rules(FACTOR)}, alertmanager
            )
        )
        path = "SELECT path_ok_since IS NOT NULL FROM riverkeeper.control"
        until(lambda: river.rows(path) == [(True,)], "the heartbeat path to be verified", PATIENCE)
        yield replica, scraper, alertmanager
