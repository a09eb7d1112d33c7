"""The dashboards, asked of a real Prometheus that has scraped two keepers of a working fleet."""

from __future__ import annotations

import contextlib
import json
import math
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboards.boards import FILES, FOLDER, Asked, asked, panels, selectors
from e2e.conftest import MakeRiver
from e2e.keeper import keeper_at_work, riverkeeper
from e2e.programs import tool, until
from e2e.river import fleet_at_work
from e2e.scraper import SCRAPE_SECONDS, Scraper, prometheus_at_work

KIND = "checked"  # of the fleet's kinds the one that runs for seconds, beats and completes
LOOK_SECONDS = 60
RENDER = Path(__file__).parent / "render"

# Families that nothing fills yet, with what will be true when something does. The list can only shrink: a family that
# has come to life fails a test until it is taken off.
NOT_YET = {
    "river_jobs_stuck": "river_jobs_stuck",
    "river_job_limit_seconds": "river_job_limit_seconds",
    "river_job_limit_used_ratio": "river_job_limit_used_ratio",
    "riverkeeper_rescue_mode": "riverkeeper_rescue_mode",
    "riverkeeper_brake_engaged": "riverkeeper_brake_engaged",
    "riverkeeper_wakes_open": "riverkeeper_wakes_open",
    "riverkeeper_last_rescue_timestamp_seconds": "riverkeeper_last_rescue_timestamp_seconds",
    "riverkeeper_rescues_total": "riverkeeper_rescues_total",
    "riverkeeper_rescue_refusals_total": "riverkeeper_rescue_refusals_total",
    "riverkeeper_late_finishes_total": "riverkeeper_late_finishes_total",
    "riverkeeper_time_to_rescue_seconds_bucket": "riverkeeper_time_to_rescue_seconds_count > 0",
}

# What rightly has no answer here, and the change that makes the same expression have one.
RIGHTLY_EMPTY = {
    "kind.json: Run time: D": (" offset 1w", ""),  # nobody has watched for a week
    "rescue.json: Questions to the database: B": (" == 0", " == 1"),  # no question fails
    "kind.json: Since last finished: B": ('limit="silence"', 'limit="run"'),  # no kind must not fall silent
}

RULE = {
    "alert": "RiverTest",
    "expr": "max by (job, queue) (river_queue_paused) == 1",
    "labels": {"severity": "warning"},
}


@pytest.fixture(scope="module")
def server(river_database: MakeRiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraper]:
    """A minute of a fleet in which one queue is paused with jobs in it, watched by two keepers."""
    river = river_database()
    folder = tmp_path_factory.mktemp("dashboards")
    river.insert(600)
    riverkeeper(river, "schema", "install")
    with contextlib.ExitStack() as stack:
        stack.enter_context(fleet_at_work(river, folder, "worker", "-rate", "30"))
        river.fleet("pause", "bulk")
        targets = [at_work(stack, river.url, folder / name) for name in ("one", "other")]
        rules = {"groups": [{"name": "test", "rules": [RULE]}]}
        running = stack.enter_context(prometheus_at_work(tool("prometheus"), targets, folder, rules))
        until(lambda: has_watched(running), "a minute of scrapes of a fleet that does everything", 120)
        yield running


def at_work(stack: contextlib.ExitStack, url: str, folder: Path) -> str:
    folder.mkdir()
    return stack.enter_context(keeper_at_work(url, folder)).address


def has_watched(server: Scraper) -> bool:
    """Enough scrapes for rates over the time shown, and something of each outcome."""
    scrapes = server.query("min(count_over_time(river_up[2m]))")
    outcomes = server.query("sum by (outcome) (max by (queue, kind, outcome) (river_jobs_finished_total)) > 0")
    return scrapes != [] and scrapes[0] * SCRAPE_SECONDS >= LOOK_SECONDS and len(outcomes) == 3


EVERY = [one for file in FILES for one in asked(file)]


@pytest.mark.parametrize("one", EVERY, ids=[one.place for one in EVERY])
def test_every_expression_has_data(server: Scraper, one: Asked) -> None:
    """It is understood without a warning and answers with a number: a panel that is empty here is broken."""
    expression = one.filled(kind=KIND, __rate_interval="20s")
    if one.place in RIGHTLY_EMPTY:
        assert not answers(server, one, expression), f"{one.place} has data: take it off RIGHTLY_EMPTY"
        expression = expression.replace(*RIGHTLY_EMPTY[one.place])

    assert answers(server, one, expression) or waits_for(one)


def answers(server: Scraper, one: Asked, expression: str) -> bool:
    """Whether there is a number among the answers, over the time shown unless it is asked for now only."""
    if one.instant:
        series = [[sample["value"]] for sample in server.get("query", query=expression)["result"]]
    else:
        now = time.time()
        window = {"start": now - LOOK_SECONDS, "end": now, "step": 5}
        series = [one["values"] for one in server.get("query_range", query=expression, **window)["result"]]
    return any(math.isfinite(float(value)) for values in series for _, value in values)


def waits_for(one: Asked) -> set[str]:
    """Families in an expression that nothing fills yet."""
    return {selector.name for selector in selectors(one.expr)} & NOT_YET.keys()


@pytest.mark.parametrize("family", sorted(NOT_YET))
def test_what_is_excused_has_no_data(server: Scraper, family: str) -> None:
    """A family that has come to life must be taken off NOT_YET, so that its panels are checked."""
    assert server.query(f"count({NOT_YET[family]})") == []


def test_two_replicas_tell_the_numbers_of_one(server: Scraper) -> None:
    """The boards' way of folding replicas gives one keeper's numbers: one queue is paused, and two say so."""
    assert server.query("sum(river_queue_paused)") == [2.0]
    assert server.query("sum(max without (instance, pod) (river_queue_paused))") == [1.0]


def test_files_are_of_grafanas_own_types() -> None:
    """The board, each panel's options and its fields' settings are valid by the types that Grafana publishes."""
    done = render("validate.mjs", *[str(FOLDER / file) for file in FILES])

    assert (done.returncode, done.stderr) == (0, "")


def test_every_panel_can_be_drawn(server: Scraper) -> None:
    """Grafana's own components draw each panel: none is empty, none throws. Then look at the pictures."""
    out = RENDER / "pictures"
    excused = [flag for title in sorted(may_be_empty()) for flag in ("--empty", title)]
    done = render(
        "shoot.mjs", "--prometheus", server.url, "--out", str(out), "--minutes", "2", "--vars",
        json.dumps({"kind": KIND}), *excused, *[str(FOLDER / file) for file in FILES],
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert {one["board"] for one in json.loads(done.stdout)} == {file.removesuffix(".json") for file in FILES}
    assert sorted(path.stem for path in out.glob("*.png")) == [file.removesuffix(".json") for file in FILES]


def may_be_empty() -> set[str]:
    """Titles of panels in which every expression waits for families that nothing fills yet."""
    return {panel["title"] for file in FILES for panel in panels(file) if all(map(excuse, panel["targets"]))}


def excuse(target: dict[str, Any]) -> bool:
    return bool(waits_for(Asked("", target["expr"])))


def render(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    if not (RENDER / "dist").exists():
        pytest.fail("the drawing tool is not built: tests/e2e/run builds it")
    return subprocess.run(
        ["node", script, *arguments], check=False, cwd=RENDER, capture_output=True, text=True, timeout=300
    )
