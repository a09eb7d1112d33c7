"""The shipped alerts fire when the thing itself is done to a live fleet, and end when it is fixed.

Minutes are three seconds here: every duration and threshold of the rules is divided by 20, nothing else is changed.
What Riverkeeper itself waits for (30 s until a job counts as overdue) stays.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.rulebook import ALERTS
from e2e.conftest import MakeFleet, MakeReplica
from e2e.programs import tool
from e2e.river import River
from e2e.riverkeeper_process import RiverkeeperProcess
from e2e.scraper import Scraper, prometheus_at_work
from fixtures.waiting import until
from riverkeeper.assets.alerting import RULES
from riverkeeper.demo.postgres import Server, start_postgres

FASTER = 20  # the ten minutes for which a last value counts are then 30 s, longer than scrapes fail on a busy machine
PATIENCE_SECONDS = 480
WAITING = "SELECT 1 FROM river_job WHERE kind = 'short' AND state = 'available'"
SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of its own, for it is stopped."""
    with start_postgres() as server:
        yield server


@pytest.fixture
def river(server: Server, request: pytest.FixtureRequest) -> River:
    river = River(server.database(request.node.name))
    river.migrate()
    return river


@pytest.fixture
def prometheus(programs: contextlib.ExitStack, replica: MakeReplica, river: River, tmp_path: Path) -> Scraper:
    """A Prometheus with the shipped rules, faster, that scrapes one Riverkeeper."""
    watching = replica(river.url)
    scraper = programs.enter_context(
        prometheus_at_work(tool("prometheus"), [watching.address], tmp_path, {"groups": faster()})
    )
    until(lambda: "RiverWatchdog" in firing(scraper), "a first scrape and the watchdog", PATIENCE_SECONDS)
    return scraper


def test_alerts_of_a_fleet(prometheus: Scraper, river: River, fleet: MakeFleet, server: Server) -> None:
    """Jobs fail, a queue is paused, workers are killed, the database is stopped; and each of these is fixed."""
    working = fleet(river, "first", "-rate", "5", "-queues", "default,mail")
    river.insert(15, "-kinds", "backing_off", "-queues", "default")
    until(lambda: river.rows("SELECT 1 FROM river_job WHERE state = 'completed'"), "a completed job")
    river.fleet("pause", "mail")  # its alert comes last: it takes half an hour
    fires(prometheus, "RiverKindFailing", kind="backing_off")

    working.program.kill()
    river.insert(20, "-kinds", "short,scheduled", "-queues", "default")
    river.insert(3, "-kinds", "short", "-queues", "nowhere")
    fires(prometheus, "RiverQueueNotMoving", queue="default", cause="nothing_claimed")
    fires(prometheus, "RiverQueueNotMoving", queue="nowhere", cause="no_producer")
    fires(prometheus, "RiverSchedulingStopped", cause="no_leader")
    fires(prometheus, "RiverQueuePaused", queue="mail")

    fleet(river, "second", "-queues", "default,mail,nowhere")
    river.fleet("resume", "mail")
    until(lambda: not river.rows(WAITING), "the waiting jobs to be worked")

    server.stop()
    fires(prometheus, "RiverNotWatched", cause="database_unreadable")
    server.start()
    ends(prometheus, "RiverNotWatched")

    # An alert of a queue keeps firing for a quarter of an hour: it ends when the table has long been read again.
    for alert in ("RiverQueueNotMoving", "RiverSchedulingStopped", "RiverQueuePaused"):
        ends(prometheus, alert)
    assert unhealthy(prometheus) == []


def test_alerts_of_riverkeeper(
    programs: contextlib.ExitStack, replica: MakeReplica, river: River, tmp_path: Path
) -> None:
    """A Riverkeeper that is gone, after it was scraped; nothing else fires then but the watchdog."""
    watching: RiverkeeperProcess = replica(river.url)
    scraper = programs.enter_context(
        prometheus_at_work(tool("prometheus"), [watching.address], tmp_path, {"groups": faster()})
    )
    until(lambda: "RiverWatchdog" in firing(scraper), "the watchdog", PATIENCE_SECONDS)

    watching.program.kill()

    fires(scraper, "RiverNotWatched", cause="exporter_down")
    assert firing(scraper).keys() <= {"RiverNotWatched", "RiverWatchdog"}
    assert unhealthy(scraper) == []


def faster() -> list[dict[str, Any]]:
    """The groups of every rule file, with their durations and thresholds in seconds divided."""
    text = "\n".join((ALERTS / f"{name}.yml").read_text().partition("groups:\n")[2] for name in RULES)
    text = re.sub(r"(?<=[\[ ])(\d+)([dhms])(?=[\]\s)])", lambda found: _shorter(int(found[1]), found[2]), text)
    text = re.sub(r"(?<=[<>]|=) (\d{3,})(?=\s)", lambda found: f" {int(found[1]) // FASTER}", text)
    loaded: list[dict[str, Any]] = yaml.safe_load("groups:\n" + text)["groups"]
    return loaded


def _shorter(count: int, unit: str) -> str:
    return f"{max(2000, count * SECONDS[unit] * 1000 // FASTER)}ms"


def firing(scraper: Scraper) -> dict[str, list[dict[str, str]]]:
    """Labels of every alert that fires, by name."""
    found: dict[str, list[dict[str, str]]] = {}
    for alert in scraper.get("alerts")["alerts"]:
        if alert["state"] == "firing":
            found.setdefault(alert["labels"]["alertname"], []).append(alert["labels"])
    return found


def fires(scraper: Scraper, alert: str, **labels: str) -> None:
    """Wait until it fires with these labels, for one River and once; say how long that took."""
    begun = time.monotonic()

    def seen() -> list[dict[str, str]]:
        return [series for series in firing(scraper).get(alert, ()) if labels.items() <= series.items()]

    (series,) = until(seen, f"{alert} to fire; {sorted(firing(scraper))} do", PATIENCE_SECONDS)
    assert series["job"] == "riverkeeper"
    print(f"{alert}: fired after {time.monotonic() - begun:.0f} s")  # noqa: T201


def ends(scraper: Scraper, alert: str) -> None:
    begun = time.monotonic()
    until(lambda: alert not in firing(scraper), f"{alert} to end", PATIENCE_SECONDS)
    print(f"{alert}: ended after {time.monotonic() - begun:.0f} s")  # noqa: T201


def unhealthy(scraper: Scraper) -> list[str]:
    """Rules that Prometheus could not evaluate."""
    groups = scraper.get("rules")["groups"]
    return [
        f"{rule['name']}: {rule['lastError']}" for group in groups for rule in group["rules"] if "lastError" in rule
    ]
