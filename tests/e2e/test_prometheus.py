"""Real Prometheus servers, the oldest and the newest we promise, scraping the exporter."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import MakeFleet, MakeReplica, MakeRiver
from e2e.programs import tool
from e2e.riverkeeper_process import RiverkeeperProcess
from e2e.scraper import Scraper, prometheus_at_work
from fixtures.waiting import until

OLDEST, NEWEST = "prometheus-old/usr/bin", "."
STORED = "scrape_samples_scraped == scrape_samples_post_metric_relabeling and on() river_up == 1"
RELEASES = [pytest.param(OLDEST, id="oldest"), pytest.param(NEWEST, id="newest")]


@pytest.fixture
def watched(river_database: MakeRiver, fleet: MakeFleet, replica: MakeReplica) -> RiverkeeperProcess:
    """An exporter with something in every family: a fleet has worked and goes on."""
    river = river_database()
    river.insert(500)
    fleet(river, "worker", "-rate", "20")
    running = replica(river.url)
    until(lambda: river.rows("SELECT 1 FROM river_job WHERE state = 'completed'"), "a completed job")
    return running


@pytest.mark.parametrize("release", RELEASES)
def test_scraped_without_a_murmur(watched: RiverkeeperProcess, release: str, tmp_path: Path) -> None:
    """Prometheus finds the target up, stores every sample of the page, and logs no warning about it."""
    with prometheus_at_work(tool(f"{release}/prometheus"), [watched.address], tmp_path) as server:
        target = until(lambda: healthy_target(server), "a successful scrape")
        stored = until(lambda: server.query(STORED), "samples that are all stored")
        counted = until(lambda: server.query("rate(river_jobs_finished_total[20s]) > 0"), "a rate of finished jobs")

        assert target["lastError"] == ""
        assert server.query("up") == [1.0]
        assert min(stored) > 100
        assert counted
        assert complaints(server.program.output) == []


@pytest.mark.parametrize("release", RELEASES)
def test_page_passes_promtool(watched: RiverkeeperProcess, release: str) -> None:
    """promtool's linter has nothing to say about names, types and help texts."""
    page = watched.scrape().text

    done = subprocess.run(
        [tool(f"{release}/promtool"), "check", "metrics"], check=False, input=page, capture_output=True, text=True
    )

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def healthy_target(server: Scraper) -> dict[str, Any] | None:
    return next((target for target in server.get("targets")["activeTargets"] if target["health"] == "up"), None)


def complaints(log: Path) -> list[str]:
    """Lines of a log that warn, or that speak of the scrape at any level: a parse failure is logged for debugging."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    events = (
        line
        for line in lines
        if line["level"].lower() in {"warn", "error"} or "scrape manager" in line.get("component", "")
    )
    return [json.dumps(line) for line in events]
