"""The live rescuer beside what real River does at the same time: deaf jobs, unique ones, and its own rescuer."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from e2e.conftest import MakeRiver
from e2e.lost_workers import LOST, PATIENCE, RESCUED, LostWorkers, assert_worked_once_more, crew_at_work
from fixtures.waiting import until

LATE_ENDS = {"success": "completed", "error": "failed", "snooze": "snoozed", "cancel": "cancelled"}
SECOND_ATTEMPTS = "SELECT state::text, attempt, cardinality(errors) FROM river_job WHERE kind = 'told'"
ENDED_LATE = "SELECT job_id FROM heartbeat WHERE lost_at IS NOT NULL AND ended_at IS NOT NULL"
TOLD_LATE = "SELECT job_id, old_worker, old_outcome FROM rescue WHERE action = 'retry' AND old_worker IS NOT NULL"
TELL = "UPDATE river_job SET metadata = metadata || %(ends)s::jsonb WHERE id = %(job)s"
WAITING = "SELECT id, state::text, scheduled_at > now() FROM river_job WHERE id = ANY(%(jobs)s) ORDER BY id"
TIMED = """
SELECT DISTINCT state::text, attempt, cardinality(errors), metadata -> 'river:rescue_count'
FROM river_job WHERE kind = 'timed'
"""


def test_a_deaf_job_s_late_result_does_not_reach_the_next_attempt(river_database: MakeRiver, tmp_path: Path) -> None:
    """Hung and deaf: a stop in vain, then a rescue; however it ends later, the next attempt goes on."""
    river = river_database()
    with crew_at_work(river, tmp_path, progress_timeout="5s", stop_grace="2s") as lost_workers:
        deaf = lost_workers.hire(
            "deaf", "default", "-workers", str(len(LATE_ENDS))
        )  # no slot is free to claim them again
        river.insert(len(LATE_ENDS), "-kinds", "told", "-queues", "default")
        jobs = dict(zip(lost_workers.jobs("told", len(LATE_ENDS)), LATE_ENDS, strict=True))
        lost_workers.hire("second", "default")
        at_work = [("running", 2, 1)] * len(jobs)
        until(lambda: river.rows(SECOND_ATTEMPTS) == at_work, "the second attempts to run", PATIENCE)

        for job, end in jobs.items():
            tell(lost_workers, job, attempt=1, end=end)
        until(lambda: len(river.rows(ENDED_LATE)) == len(jobs), "the deaf attempts to end")
        until(lambda: len(river.rows(TOLD_LATE)) == len(jobs), "the audit to know of it", PATIENCE)
        assert river.rows(SECOND_ATTEMPTS) == at_work
        for job in jobs:
            tell(lost_workers, job, attempt=2, end="success")
        lost_workers.wait_for_the_end(list(jobs))

        assert_taken_over(lost_workers, list(jobs))
        assert sorted(river.rows(TOLD_LATE)) == [(job, "finished", LATE_ENDS[end]) for job, end in jobs.items()]
        until(lambda: lost_workers.false_rescues() == 1, "the late success to be counted, and nothing else")
        deaf.program.stop()  # in order: its slots were given back


def tell(lost_workers: LostWorkers, job: int, attempt: int, end: str) -> None:
    """End an attempt of the kind `told`."""
    lost_workers.river.rows(TELL, job=job, ends=json.dumps({"ends": {str(attempt): end}}))


def assert_taken_over(lost_workers: LostWorkers, jobs: list[int]) -> None:
    """Each was stopped in vain, rescued, and completed by the second worker; its one error is the rescue."""
    for state, attempt, workers, errors in lost_workers.river.rows(
        "SELECT state::text, attempt, attempted_by, errors FROM river_job WHERE kind = 'told'"
    ):
        assert (state, attempt, workers) == ("completed", 2, ["deaf", "second"])
        assert [error["attempt"] for error in errors] == [1]
        assert errors[0]["error"].startswith("Stuck job rescued by Riverkeeper: hung, ")
    audit = lost_workers.river.rows("SELECT job_id, attempt, reason, action FROM rescue ORDER BY job_id, at")
    assert audit == [(job, 1, "hung", act) for job in jobs for act in ("stop", "retry")]


def test_a_unique_job_keeps_its_key(river_database: MakeRiver, tmp_path: Path) -> None:
    """Between its rescue and its next attempt a unique job keeps others out, also where its mask lacks retryable.

    The wait is longer than ten seconds, so that the state would be `retryable` where the mask allows it.
    """
    river = river_database()
    with crew_at_work(river, tmp_path, fence="11s", plain_fence="11s") as lost_workers:
        first = lost_workers.hire("first", "default,mail")
        default = ("-kinds", "steady", "-queues", "default", "-unique", "default")
        narrow = ("-kinds", "steady", "-queues", "mail", "-unique", "narrow")
        assert [river.insert(1, *unique) for unique in (default, narrow)] == [[], []]
        jobs = lost_workers.jobs("steady", 2)
        first.program.kill()
        lost_workers.hire("second", "default,mail")
        lost_workers.wait_for_rescues(jobs)

        assert [river.insert(1, *unique) for unique in (default, narrow)] == [[job] for job in jobs]
        assert river.rows(WAITING, jobs=jobs) == [(jobs[0], "retryable", True), (jobs[1], "available", True)]
        lost_workers.wait_for_the_end(jobs)

        assert river.rows("SELECT count(*) FROM river_job WHERE kind = 'steady'") == [(2,)]
        assert_worked_once_more(lost_workers, jobs, by="second")


def test_each_claim_is_rescued_by_us_or_by_river(river_database: MakeRiver, tmp_path: Path) -> None:
    """River's own rescuer, about as quick, comes in the middle of ours: one error for each lost claim, by one of both.

    It looks every thirty seconds, and whenever a leader is elected; ours takes three jobs a second here.
    """
    river = river_database()
    with crew_at_work(river, tmp_path, batch=3, workers=("-rescue-after", "8s")) as lost_workers:
        lost = [lost_workers.hire(name, "default", "-workers", "15") for name in ("first", "second")]
        river.insert(30, "-kinds", "timed", "-queues", "default")
        jobs = lost_workers.jobs("timed", 30)
        for worker in lost:
            worker.program.kill()
        lost_workers.hire("third", "default")
        until(lambda: lost_workers.counted(RESCUED, jobs) >= 8, "the first rescues", PATIENCE)
        river.fleet("resign")
        lost_workers.wait_for_the_end(jobs)

        by = Counter(rescuer_of(job) for job in river.listed() if job["kind"] == "timed")
        assert by == {
            "ours": lost_workers.counted(RESCUED, jobs),
            "River's": len(jobs) - lost_workers.counted(RESCUED, jobs),
        }
        assert by["River's"] > 0
        assert river.rows(TIMED) == [("completed", 2, 1, 1)]
        assert lost_workers.false_rescues() == 0


def rescuer_of(job: dict[str, Any]) -> str:
    """Whose error the lost claim has; it has one."""
    [error] = job["errors"]
    assert error["attempt"] == 1
    if error["error"].startswith(LOST):
        return "ours"
    return "River's" if error["error"] == "Stuck job rescued by JobRescuer" else str(error["error"])
