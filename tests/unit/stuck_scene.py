"""Stuck jobs, and a snapshot that holds them, for tests of pages and commands."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from riverkeeper.brakes.state import Brake, Rescuing
from riverkeeper.rescue.audit.audited import Audited
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.verdict.job import Beat, Claim, RunningJob
from riverkeeper.verdict.judged import Judged
from riverkeeper.verdict.verdict import Limit, StuckJob, Verdict
from riverkeeper.verdict.words import LimitName, Mode, Reason
from unit.web_fakes import NOW, UP

HEARTBEAT = Limit(LimitName.HEARTBEAT, 35.0, "tier standard")
LOST = StuckJob(
    RunningJob(
        claim=Claim(41, 1, "2023-11-14T22:11:40.000000Z"), queue="mail", kind="send", priority=1, max_attempts=25,
        claimed_at=NOW - 100, client_id="web-1",
        beat=Beat(beat_at=NOW - 47, interval=10.0, progress_at=NOW - 60, progress=0.25, note="page 3", fences=True),
    ),
    Verdict(Reason.WORKER_LOST, "standard", HEARTBEAT, 47.0),
)  # fmt: skip
ENDLESS = StuckJob(
    replace(LOST.job, claim=Claim(42, 3, "2023-11-14T20:13:20.000000Z"), queue="bulk", kind="report", beat=None),
    Verdict(Reason.OVER_BUDGET, "standard", Limit(LimitName.RUN, 900.0, "3 × p99 of 812 runs"), 7200.0),
)
LIVE = Rescuing(modes={"standard": Mode.LIVE, "urgent": Mode.DRY_RUN}, wakes_open=0)


def judged(*stuck: StuckJob, complete: bool = True, path_ok_since: float | None = NOW - 9000) -> Judged:
    counts = Counter((one.job.queue, one.job.kind, one.verdict.tier, one.verdict.reason.value) for one in stuck)
    return Judged(stuck, counts, (), (), frozenset(), path_ok_since, complete)


def reading(*stuck: StuckJob, rescuing: Rescuing | None = LIVE, complete: bool = True) -> Snapshot:
    """A snapshot in which these jobs are stuck."""
    return replace(UP, judged=judged(*stuck, complete=complete), rescuing=rescuing)


def held(brake: Brake, sentence: str) -> Rescuing:
    return replace(LIVE, brakes={brake: sentence})


RESCUE = Audited(
    id=7, at=NOW - 30, dry_run=False, job_id=41, attempt=1, queue="mail", kind="send", tier="standard",
    reason="worker_lost", action="retry", state_after="available", scheduled_at=NOW - 20,
    evidence={"value": 47.0, "limit_seconds": 35.0, "limit_origin": "tier standard"}, woken_by="supervisor",
    late_seconds=12.0,
)  # fmt: skip
