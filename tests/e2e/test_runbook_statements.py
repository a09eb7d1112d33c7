"""Statements of runbooks that change River's rows: a real client works what they bring back."""

from __future__ import annotations

import subprocess

from alerts.rulebook import RUNBOOKS
from alerts.runbook import filled, read_page
from e2e.conftest import MakeFleet, MakeRiver
from e2e.river import River
from fixtures.waiting import until
from riverkeeper.demo.postgres import find_binaries

PSQL = [str(find_binaries() / "psql"), "-X", "-v", "ON_ERROR_STOP=1"]


def run_step(page: str, number: int, river: River, **values: str) -> str:
    """What psql prints of the statements of one step."""
    step = read_page(RUNBOOKS / f"{page}.md").steps[number - 1]
    script = "".join(filled(block.text, values) for block in step.blocks if block.language == "sql")
    done = subprocess.run([*PSQL, river.url], input=script, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


def insert(river: River, kind: str, max_attempts: int) -> int:
    river.insert(1, "-kinds", kind)
    statement = "UPDATE river_job SET max_attempts = %(most)s RETURNING id"
    ((job,),) = river.rows(statement, most=max_attempts)
    return int(job)


def wait_for(river: River, job: int, condition: str) -> None:
    statement = f"SELECT 1 FROM river_job WHERE id = %(job)s AND {condition}"  # noqa: S608 - of this file only
    until(lambda: river.rows(statement, job=job), f"job {job} to be {condition}", seconds=60)


def test_a_lost_job_is_worked_again(river_database: MakeRiver, fleet: MakeFleet) -> None:
    """RiverLossBudgetBurning brings back a job that failed at its only attempt; its next attempt is completed."""
    river = river_database()
    job = insert(river, "flaky", max_attempts=1)
    fleet(river, "worker")
    wait_for(river, job, "state = 'discarded'")
    printed = run_step("RiverLossBudgetBurning", 4, river, JOB_ID=str(job))

    assert "UPDATE 1" in printed
    wait_for(river, job, "state = 'completed' AND attempt = 2")
    assert "UPDATE 0" in run_step("RiverLossBudgetBurning", 4, river, JOB_ID=str(job))


def test_a_failing_job_gets_attempts_and_is_tried_at_once(river_database: MakeRiver, fleet: MakeFleet) -> None:
    """RiverKindFailing gives a job at its last attempt five more, and ends its back-off of an hour."""
    river = river_database()
    job = insert(river, "backing_off", max_attempts=2)
    fleet(river, "worker")
    wait_for(river, job, "state = 'retryable'")
    more = run_step("RiverKindFailing", 3, river, KIND="backing_off")
    wait_for(river, job, "max_attempts = 7")
    soon = run_step("RiverKindFailing", 4, river, JOB_ID=str(job))

    assert ("UPDATE 1" in more, "UPDATE 1" in soon) == (True, True)
    wait_for(river, job, "state = 'completed' AND attempt = 2")
