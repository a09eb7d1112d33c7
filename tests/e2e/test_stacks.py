"""Where a job hangs, as a real River worker sends it: on the page, and in the audit of its stop."""

from __future__ import annotations

import signal
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

from e2e.conftest import MakeRiver
from e2e.lost_workers import LostWorkers, crew_at_work
from e2e.river import River
from fixtures.waiting import until

OLD = "UPDATE heartbeat SET progress_at = now() - interval '14 min'"  # instead of a wait for the progress timeout
REPORTED = "SELECT 1 FROM heartbeat WHERE progress_at IS NOT NULL"
VERIFIED = "SELECT 1 FROM control WHERE path_ok_since < now() - interval '9 s'"  # silence counts from then on
STOPS = "SELECT count(*) FROM rescue WHERE action = 'stop' AND NOT dry_run AND job_id = %(job)s"
RESCUES = "SELECT count(*) FROM rescue WHERE action = 'retry' AND NOT dry_run AND job_id = %(job)s"


def hung_crew(river: River, folder: Path, action: str = "retry") -> AbstractContextManager[LostWorkers]:
    """Workers whose jobs hang soon, and what is done then."""
    return crew_at_work(
        river, folder, heartbeat_timeout="8s", drain="1s", fence="2s", progress_timeout="8s", stop_grace="1s",
        on_hung=action,
    )  # fmt: skip


def shown(crew: LostWorkers, path: str, rows: str) -> Any:
    """What the first replica answers."""
    return httpx.get(f"http://{crew.replicas[0].address}/{path}", timeout=20).json()[rows]


def make_progress_old(crew: LostWorkers) -> None:
    """The job reports progress once, with a beat after its first perhaps."""
    until(lambda: crew.river.rows(REPORTED) and crew.river.rows(VERIFIED), "progress, and a verified path")
    crew.river.rows(OLD)


def count(crew: LostWorkers, statement: str, job: int) -> int:
    return int(crew.river.rows(statement, job=job)[0][0])


@pytest.mark.parametrize("action", ["hold", "retry"])
def test_a_job_that_waits_for_an_answer_shows_where(river_database: MakeRiver, tmp_path: Path, action: str) -> None:
    """A held job shows it on /stuck; of a stopped one the audit keeps it, as it was before the cancellation."""
    river = river_database()
    with hung_crew(river, tmp_path, action) as crew:
        crew.hire("first", "default")
        river.insert(1, "-kinds", "calling", "-queues", "default")
        [job] = crew.jobs("calling")
        make_progress_old(crew)
        path, rows = ("stuck.json", "jobs") if action == "hold" else ("rescues.json", "rescues")
        stack = until(
            lambda: next((each["stack"] for each in shown(crew, path, rows) if each["stack"]), None), "the stack", 30.0
        )
        assert count(crew, STOPS, job) == (action == "retry")
    assert stack["where"].startswith("net/http.")
    assert " ← main.chargeCard liveness.go:" in stack["where"]
    assert "main.watchCard\t" in stack["text"]
    assert "4111" not in stack["text"]
    assert "main.main\t" not in stack["text"]


def test_workers_that_cannot_answer_hold_nothing_up(river_database: MakeRiver, tmp_path: Path) -> None:
    """One that is frozen: its job is stopped and taken away at the usual time, and runs again elsewhere."""
    river = river_database()
    with hung_crew(river, tmp_path) as crew:
        first = crew.hire("first", "default")
        river.insert(1, "-kinds", "calling", "-queues", "default")
        [job] = crew.jobs("calling")
        until(lambda: crew.river.rows(REPORTED) and crew.river.rows(VERIFIED), "progress, and a verified path")
        first.program.process.send_signal(signal.SIGSTOP)
        try:
            river.rows(OLD)
            until(lambda: count(crew, RESCUES, job) == 1, "the rescue", 60.0)
            crew.hire("second", "default")
            crew.wait_for_the_end([job])
            assert river.rows("SELECT count(*) FROM stack") == [(0,)]
            assert count(crew, STOPS, job) == 1
        finally:
            first.program.process.send_signal(signal.SIGCONT)
