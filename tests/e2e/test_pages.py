"""Riverkeeper's own pages in a real browser: on a phone and on a laptop, light and dark, by keys and by ear."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.running_jobs import FRESH, JOB
from fixtures.stuck_jobs import ENDLESS, LIVE, LOST, RESCUE, held, judged, reading
from fixtures.web import DOWN, NOW, UP, FakeService, failing_job, served
from riverkeeper.brakes.rules import Brake
from riverkeeper.rescue.audit.history import RescueHistory
from riverkeeper.river.failing import FailingJobs
from riverkeeper.river.longest import LongestJobs
from riverkeeper.scrape.scrape import QueryOutcome, Snapshot
from riverkeeper.verdict.verdict import Reason, StuckJob, Verdict

RENDER = Path(__file__).parent / "render"
SUSPECT = StuckJob(LOST.job, Verdict(Reason.PATH_UNVERIFIED, "standard", LOST.verdict.limit, 47.0, missing="a path"))
LONG_ERROR = "dial tcp 10.0.0.7:443: i/o timeout " * 12
FOUND = FailingJobs(tuple(failing_job(n, last_error=LONG_ERROR) for n in range(1, 30)), 120, bounded=True, now=NOW)
HALF = replace(JOB, beat=replace(FRESH, progress=0.5, progress_at=NOW - 60, note="page 3 of 6"))
RUNNING = LongestJobs((ENDLESS.job, HALF, LOST.job, replace(HALF, beat=None)), 1184, bounded=False, now=NOW)
SUSPECTING = replace(
    reading(LOST, ENDLESS, rescuing=held(Brake.KILL_SWITCH, "paused by ann: deploy of the billing service")),
    verdicts=replace(judged(LOST, ENDLESS, path_ok_since=None), suspected=(SUSPECT,), suspected_counts={
        ("mail", "send", "standard", "path_unverified"): 1
    }),
)  # fmt: skip
BROKEN = replace(UP, queries=(*UP.queries, QueryOutcome("read_leader", 0.1, "permission denied for river_leader")))
# Every state of the pages: what is drawn when all is well, when much is wrong, and when nothing can be read.
STATES: Mapping[str, Snapshot] = {
    "well": replace(UP, verdicts=judged(), rescuing=LIVE),
    "suspecting": SUSPECTING,
    "broken": BROKEN,
    "down": DOWN,
}
LISTS = ("/failing", "/rescues", "/failing?limit=none")  # they do not show the scrape
PAGES = {
    "well": ("/", "/stuck", *LISTS),
    "suspecting": ("/", "/stuck", "/running"),
    "broken": ("/",),
    "down": ("/", "/stuck", "/running"),
}


def service(snapshot: Snapshot) -> FakeService:
    audit = RescueHistory((RESCUE, replace(RESCUE, id=8)), NOW)
    return FakeService(reading=snapshot, found=FOUND, audit=audit, longest=RUNNING)


@pytest.mark.parametrize("state", STATES)
def test_every_page_can_be_read_by_everybody(state: str) -> None:
    """No rule of accessibility is broken, nothing is wider than the window, the focus is seen, no script fails."""
    with served(service(STATES[state])) as port:
        done = in_browser("pages.mjs", "--base", f"http://127.0.0.1:{port}", *PAGES[state])

    found = json.loads(done.stdout)
    wrong = [f"{each['path']} {each['width']} {each['scheme']}: {what}" for each in found for what in each["wrong"]]
    assert len(found) == 4 * len(PAGES[state]), done.stderr
    assert wrong == []


def test_a_page_keeps_its_place_when_it_refreshes() -> None:
    """What is unfolded, typed and focused stays, and the scroll position; a page that grew old shows it."""
    with served(service(UP)) as port:
        url = f"http://127.0.0.1:{port}/failing"
        done = in_browser("refresh.mjs", "--url", url, "--from", "of 120 found", "--to", "of 121 found")

    assert json.loads(done.stdout or "null") == [], done.stderr


def in_browser(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    if not (RENDER / "node_modules").exists():
        pytest.fail("the browser's libraries are not installed: tests/e2e/run installs them")
    return subprocess.run(
        ["node", script, *arguments], check=False, cwd=RENDER, capture_output=True, text=True, timeout=300
    )
