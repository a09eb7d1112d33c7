"""Real Prometheus servers, the oldest and the newest we promise, scraping the exporter."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from e2e.conftest import MakeFleet, MakeKeeper, MakeRiver
from e2e.keeper import Keeper
from e2e.programs import free_port, started, tool, until

OLDEST, NEWEST = "prometheus-old/usr/bin", "."
STORED = "scrape_samples_scraped == scrape_samples_post_metric_relabeling and on() river_up == 1"
RELEASES = [pytest.param(OLDEST, id="oldest"), pytest.param(NEWEST, id="newest")]


@pytest.fixture
def watched(river_database: MakeRiver, fleet: MakeFleet, keeper: MakeKeeper) -> Keeper:
    """An exporter with something in every family: a fleet has worked and goes on."""
    river = river_database()
    river.insert(500)
    fleet(river, "worker", "-rate", "20")
    running = keeper(river.url)
    until(lambda: river.rows("SELECT 1 FROM river_job WHERE state = 'completed'"), "a completed job")
    return running


@pytest.mark.parametrize("release", RELEASES)
def test_scraped_without_a_murmur(watched: Keeper, release: str, tmp_path: Path) -> None:
    """Prometheus finds the target up, stores every sample of the page, and logs no warning about it."""
    with prometheus(tool(f"{release}/prometheus"), watched.address, tmp_path) as (address, log):
        target = until(lambda: healthy_target(address), "a successful scrape")
        stored = until(lambda: query(address, STORED), "samples that are all stored")
        counted = until(lambda: query(address, "rate(river_jobs_finished_total[20s]) > 0"), "a rate of finished jobs")

        assert target["lastError"] == ""
        assert query(address, "up") == [1.0]
        assert min(stored) > 100
        assert counted
        assert complaints(log) == []


@pytest.mark.parametrize("release", RELEASES)
def test_page_passes_promtool(watched: Keeper, release: str) -> None:
    """promtool's linter has nothing to say about names, types and help texts."""
    page = watched.scrape().text

    done = subprocess.run(
        [tool(f"{release}/promtool"), "check", "metrics"], check=False, input=page, capture_output=True, text=True
    )

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@contextlib.contextmanager
def prometheus(binary: Path, target: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """A server that scrapes one target every two seconds; its address, and its log."""
    address = f"127.0.0.1:{free_port()}"
    config = folder / "prometheus.yml"
    scrape = {"job_name": "riverkeeper", "static_configs": [{"targets": [target]}]}
    config.write_text(yaml.safe_dump({"global": {"scrape_interval": "2s"}, "scrape_configs": [scrape]}))
    where = [f"--config.file={config}", f"--storage.tsdb.path={folder}/data", f"--web.listen-address={address}"]
    with started("prometheus", [binary, *where, "--log.level=debug", "--log.format=json"], folder) as program:
        until(lambda: answers(address), "Prometheus to be ready")
        yield address, program.output


def answers(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/-/ready").status_code == 200
    except httpx.TransportError:
        return False


def healthy_target(address: str) -> dict[str, Any] | None:
    targets = httpx.get(f"http://{address}/api/v1/targets").json()["data"]["activeTargets"]
    return next((target for target in targets if target["health"] == "up"), None)


def query(address: str, expression: str) -> list[float]:
    answer = httpx.get(f"http://{address}/api/v1/query", params={"query": expression}).json()
    return [float(sample["value"][1]) for sample in answer["data"]["result"]]


def complaints(log: Path) -> list[str]:
    """Lines of a log that warn, or that speak of the scrape at any level: a parse failure is logged for debugging."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    told = (
        line
        for line in lines
        if line["level"].lower() in {"warn", "error"} or "scrape manager" in line.get("component", "")
    )
    return [json.dumps(line) for line in told]
