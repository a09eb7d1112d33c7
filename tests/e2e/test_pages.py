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
from fixtures.workers import GO
from riverkeeper.brakes.rules import Brake
from riverkeeper.rescue.audit.history import RescueHistory
from riverkeeper.river.failing import FailingJobs
from riverkeeper.river.failures import Failure
from riverkeeper.river.longest import LongestJobs
from riverkeeper.scrape.job_facts import ClaimBeats, JobError, JobFacts, JobRow, LateResult
from riverkeeper.scrape.scrape import QueryOutcome, Snapshot
from riverkeeper.scrape.workers import Workers
from riverkeeper.verdict.client_ids import Runtime
from riverkeeper.verdict.suspects import WorkerInstances
from riverkeeper.verdict.verdict import Reason, StuckJob, Verdict
from riverkeeper.verdict.workers import LeftClaims, Presence, RuntimeRow, Worker, WorkerFence

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
BEATING = Worker(
    GO, Presence.BEATING, Runtime.GO, WorkerFence.DATABASE, "a", "riverbeat-go/0.1.0", "web-1", NOW - 7200,
    beat_at=NOW - 4, interval=10.0, last_claim=NOW - 30, jobs=2, kinds=("parse_upload", "transcode_video"), fences=True,
)  # fmt: skip
DEAD = replace(BEATING, instance="b", presence=Presence.STALE, beat_at=NOW - 90, left=LeftClaims(True, rescued=2))
LONG_NAME = "k" * 127
UNSEEN = Worker("k" * 80, Presence.NO_HEARTBEATS, None, WorkerFence.NONE, last_claim=NOW - 5, kinds=(LONG_NAME,))
FLEET = Workers((DEAD, BEATING, UNSEEN), 2000, {Presence.STALE: 1}, (
    RuntimeRow(Runtime.GO, 3, beating=3, fenced=2, guarded=0, watched=2),
), True, True, True, NOW)  # fmt: skip
ERROR = JobError(Failure(1, NOW - 300, LONG_ERROR), "goroutine 7 [running]:\nmain.work()\n\tmain.go:88")
CLAIM = LOST.job.claim
JOB_41 = JobFacts(
    41, NOW, JobRow(41, "running", "mail", LONG_NAME, 1, 2, 25, "web-1", CLAIM.attempted_at, NOW - 100, NOW - 200, None,
                    (ERROR,), 3),
    (ClaimBeats(1, CLAIM.attempted_at, NOW - 100, replace(LOST.job.beat or FRESH, first_at=NOW - 99), "a"),),
    WorkerInstances(), (replace(RESCUE, at=NOW - 400),), (LateResult(NOW - 350, None, "completed"),), LOST.job,
)  # fmt: skip
LISTS = ("/failing", "/rescues", "/failing?limit=none")  # they do not show the scrape
PAGES = {
    "well": ("/", "/stuck", "/workers", "/jobs/41", "/jobs/x", *LISTS),
    "suspecting": ("/", "/stuck", "/running", "/jobs/41"),
    "broken": ("/",),
    "down": ("/", "/stuck", "/running"),
}


def service(snapshot: Snapshot) -> FakeService:
    audit = RescueHistory((RESCUE, replace(RESCUE, id=8)), NOW)
    return FakeService(reading=snapshot, found=FOUND, audit=audit, longest=RUNNING, fleet=FLEET, about_job=JOB_41)


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
