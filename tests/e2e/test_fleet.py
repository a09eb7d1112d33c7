"""The fleet itself: tests that trust it need it to do what its documentation promises."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest

from e2e.conftest import MakeFleet, MakeRiver
from fixtures.waiting import until

SOURCE = Path(__file__).parent / "fleet"
# How every kind of the mix ends, with its attempts.
ENDS = {
    "short": ("completed", 1),
    "long": ("completed", 1),
    "checked": ("completed", 1),
    "flaky": ("completed", 2),
    "failing": ("discarded", 3),
    "panicking": ("discarded", 2),
    "snoozing": ("completed", 1),
    "cancelling": ("cancelled", 1),
    "unique": ("completed", 1),
    "scheduled": ("completed", 1),
    "tomorrow": ("scheduled", 0),
    "backing_off": ("retryable", 1),
    "pending": ("pending", 0),
}


OLD = ["-tags", "river031", "-modfile=river031.mod"]


@pytest.mark.parametrize(
    "command",
    [["gofmt", "-l", "."], ["go", "vet", "./..."], ["go", "vet", *OLD, "./..."], ["go", "test", "./..."]],
    ids=" ".join,
)
def test_source_is_clean(command: list[str]) -> None:
    """The Go source is formatted, passes vet with both Rivers, and its own tests."""
    done = subprocess.run(command, check=False, cwd=SOURCE, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
    assert command[0] != "gofmt" or not done.stdout, f"run gofmt -w on {done.stdout}"


@pytest.mark.parametrize("schema", ["", "Other_Jobs"])
def test_every_kind_ends_as_in_the_table(river_database: MakeRiver, fleet: MakeFleet, schema: str) -> None:
    """Real River clients bring each kind to its own end, in the public schema and in a named one."""
    river = river_database(schema)
    river.insert(10 * len(ENDS), "-kinds", ",".join(ENDS))
    fleet(river, "worker")

    until(river.rests, "all jobs to end")
    ends = river.rows("SELECT DISTINCT kind, state::text, attempt FROM river_job")

    assert {kind: (state, attempt) for kind, state, attempt in ends} == ENDS
    assert len(ends) == len(ENDS)


def test_record_holds_each_event_once(river_database: MakeRiver, fleet: MakeFleet) -> None:
    """The record of events agrees with the table: it is River's own count, so tests may hold ours against it."""
    river = river_database()
    river.insert(1000, "-kinds", "short,flaky,failing,panicking,cancelling")
    worker = fleet(river, "worker")

    until(river.rests, "all jobs to end")
    worker.program.stop()
    ends = Counter((event["kind"], event["state"]) for event in worker.finished())

    assert ends == {
        tuple(row[:2]): row[2] for row in river.rows("SELECT kind, state::text, count(*) FROM river_job GROUP BY 1, 2")
    }


def test_deaf_job_stays_running(river_database: MakeRiver, fleet: MakeFleet) -> None:
    """A job that ignores its context outlives an orderly stop as a row that is still `running`."""
    river = river_database()
    river.insert(1, "-kinds", "hanging")
    worker = fleet(river, "worker")
    until(lambda: river.rows("SELECT 1 FROM river_job WHERE state = 'running'"), "the job to run")

    worker.program.stop()

    assert river.rows("SELECT state::text, attempted_by FROM river_job") == [("running", ["worker"])]


def test_beats_name_their_claim(river_database: MakeRiver, fleet: MakeFleet) -> None:
    """A beat is written under the claim alone: a row put back manually is not touched any more."""
    river = river_database()
    river.insert(1, "-kinds", "endless")
    fleet(river, "worker")
    until(lambda: river.rows("SELECT 1 FROM river_job WHERE metadata ? 'health_check_at'"), "a beat")

    river.rows("UPDATE river_job SET attempted_at = attempted_at - interval '1 microsecond', metadata = '{}'")
    until(lambda: river.rows("SELECT 1 FROM river_job WHERE attempted_at < now() - interval '4 seconds'"), "four ticks")

    assert river.rows("SELECT metadata FROM river_job") == [({},)]
