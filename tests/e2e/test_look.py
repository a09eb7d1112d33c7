"""`riverkeeper look` on what real River workers leave behind: seventeen kinds of trouble at once, and none at all.

Real clients do what they can do within a minute. Only time is made up: `let_pass` moves jobs into the past.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from e2e.conftest import MakeFleet, MakeRiver
from e2e.river import River
from e2e.test_migrations import SEED
from fixtures.waiting import until

HOUR = timedelta(hours=1)
PATIENCE = 240.0  # seconds: elections, scheduler, rescuer and polls of River have each their own pace
HEALTHY = "short,long,checked,flaky,snoozing,cancelling,unique,scheduled,tomorrow,backing_off,pending"
COUNT = "SELECT count(*) FROM river_job WHERE kind = %(kind)s AND state = %(state)s::river_job_state"
AGE = """UPDATE river_job SET created_at = created_at - %(by)s::interval,
    scheduled_at = scheduled_at - %(by)s::interval, attempted_at = attempted_at - %(by)s::interval
    WHERE kind = %(kind)s AND finalized_at IS NULL"""
FAR = (
    "UPDATE river_job SET scheduled_at = now() + interval '1 hour' WHERE queue = ANY(%(queues)s) AND state <> 'running'"
)
SECOND = "SELECT 1 FROM river_job WHERE kind = 'late' AND attempt = 2 AND state = 'running'"
LATE_ERROR = """SELECT 1 FROM river_job, unnest(errors) AS e
    WHERE kind = 'late' AND e ->> 'error' = 'failed on purpose' AND e ->> 'attempt' = '1'"""
CANCELLED = """UPDATE river_job SET attempted_at = now() - interval '15 min', metadata = metadata
    || jsonb_build_object('cancel_attempted_at', to_jsonb(now() - interval '10 min')) WHERE kind = 'hanging'"""


def look(river: River) -> dict[str, Any]:
    """The document of `riverkeeper look --json`."""
    done = run_look(river, "--json")
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    assert document["unread"] == []
    return document


def run_look(river: River, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "riverkeeper", "look", river.url, *flags]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def now() -> datetime:
    return datetime.now(UTC)


def wait(condition: Callable[[], Any], what: str) -> None:
    until(condition, what, PATIENCE, every=0.2)


class Past:
    """A River whose workers get into trouble."""

    def __init__(self, river: River, fleet: MakeFleet) -> None:
        self.river, self.fleet = river, fleet

    def insert(self, kind: str, queue: str, number: int = 1, *flags: str) -> None:
        self.river.insert(number, "-kinds", kind, "-queues", queue, *flags)

    def wait_for(self, kind: str, state: str, number: int = 1) -> None:
        wait(lambda: self.river.rows(COUNT, kind=kind, state=state)[0][0] >= number, f"{number} {kind} to be {state}")

    def let_pass(self, kind: str, by: str) -> None:
        """What happens to the jobs of a kind began so much earlier."""
        self.river.rows(AGE, kind=kind, by=by)

    def stop_hard(self) -> None:
        """A deploy of a River before 0.44: each interrupted job uses an attempt."""
        self.insert("long", "deploys", 5)
        old = self.fleet(
            River(self.river.url, self.river.schema, "fleet-0.31"), "old", "-queues", "deploys", "-hard-stop"
        )
        self.wait_for("long", "running", 5)
        old.program.stop()
        self.river.rows(FAR, queues=["deploys"])

    def be_rescued(self) -> None:
        """River's rescuer takes jobs of a killed worker, one of a kind it does not know, and one of a slow worker."""
        self.insert("timed", "lost", 2)
        self.insert("foreign", "lost")
        self.insert("late", "slow")
        lost = self.fleet(self.river, "lost", "-queues", "lost", "-foreign")
        slow = self.fleet(self.river, "slow", "-queues", "slow", "-workers", "1")
        for kind in ("timed", "foreign", "late"):
            self.wait_for(kind, "running")
        lost.program.kill()
        rescuer = self.fleet(self.river, "rescuer", "-queues", "slow", "-rescue-after", "2s")
        with slow.program.frozen():  # else it may be elected, and it rescues after an hour only
            self.river.rows("DELETE FROM river_leader")
            wait(lambda: self.river.rows(SECOND), "the second attempt of the slow job")
        rescuer.program.kill()  # before it rescues again: a late error reaches only a running attempt
        self.river.rows(
            """UPDATE river_job SET metadata = metadata || '{"ends": {"1": "error"}}' WHERE kind = 'late'"""
        )
        wait(lambda: self.river.rows(LATE_ERROR), "the late error of the first attempt")
        slow.program.kill()
        self.wait_for("foreign", "discarded")

    def fail(self) -> None:
        """Attempts fail, a job is close to its last, another snoozes for ever, and two fight for a unique key."""
        worker = self.fleet(self.river, "worker", "-queues", "default,mail,snooze")
        self.insert("failing", "default")
        self.insert("backing_off", "default", 1, "-max-attempts", "2")
        self.insert("backing_off", "mail", 1, "-unique", "narrow")
        self.insert("impatient", "snooze")
        self.wait_for("backing_off", "retryable", 2)
        self.wait_for("failing", "discarded")
        self.river.fleet("pause", "mail")
        self.insert("backing_off", "mail", 1, "-unique", "narrow")
        self.river.rows("UPDATE river_job SET scheduled_at = now() WHERE queue = 'mail' AND state = 'retryable'")
        self.wait_for("backing_off", "discarded")
        self.river.rows("UPDATE river_job SET metadata = metadata || '{\"snoozes\": 99}' WHERE kind = 'impatient'")
        snoozes = "SELECT 1 FROM river_job WHERE kind = 'impatient' AND (metadata ->> 'snoozes')::int > 100"
        wait(lambda: self.river.rows(snoozes), "a hundred snoozes")
        worker.program.kill()
        self.river.rows(FAR, queues=["deploys", "lost", "slow", "snooze"])

    def hang(self) -> None:
        """The present: deaf, gone and long jobs, kinds and queues without a worker, a row that stops the rescuer."""
        older, younger = (f"web_{when:%Y_%m_%dT%H_%M_%S}_000000" for when in (now() - 3 * HOUR, now() - HOUR))
        gone = self.fleet(self.river, "gone", "-client-id", older, "-queues", "gone")
        self.insert("stalled", "gone")
        self.wait_for("stalled", "running")
        gone.program.kill()
        self.fleet(self.river, "next", "-client-id", younger, "-queues", "gone,default", "-known-kinds")
        for kind in ("steady", "hanging", "deaf", "foreign", "short"):
            self.insert(kind, "default")
        self.insert("short", "gone")
        self.insert("cancelling", "nobody")
        for kind in ("steady", "hanging", "deaf"):
            self.wait_for(kind, "running")
        self.wait_for("short", "completed", 2)
        self.river.rows(CANCELLED)
        self.river.rows("""UPDATE river_job SET metadata = '{"river:rescue_count": 1.5}' WHERE kind = 'deaf'""")
        self.let_pass("stalled", "2 hours")
        self.let_pass("steady", "2 hours")
        for kind in ("foreign", "cancelling"):
            self.let_pass(kind, "30 min")
        self.river.rows(
            "UPDATE river_job SET scheduled_at = now() - interval '1 hour' WHERE queue = 'mail' AND state = 'available'"
        )


TROUBLE = {
    ("attempts_lost_to_deploys", "long"), ("cancel_not_obeyed", "hanging"), ("close_to_discard", "backing_off"),
    ("discarded", "failing"), ("discarded_as_duplicates", "backing_off"), ("heartbeats_would_help", "stalled"),
    ("kind_not_worked", "foreign"), ("queue_paused", "backing_off"), ("queue_without_worker", "cancelling"),
    ("rescued_by_river", "timed"), ("rescuer_stopped_by_a_row", "deaf"), ("running_past_the_limit", "steady"),
    ("snoozed_for_ever", "impatient"), ("unknown_kind_discarded", "foreign"), ("worked_twice", "late"),
    ("worker_gone", "stalled"),
}  # fmt: skip


def test_sixteen_kinds_of_trouble_have_their_names(river_database: MakeRiver, fleet: MakeFleet) -> None:
    """Each is found under its name, with its kind; a finding that nobody made is a fault. Then the leader goes too."""
    past = Past(river_database(), fleet)
    past.stop_hard()
    past.be_rescued()
    past.fail()
    past.hang()
    document = look(past.river)
    found = {(finding["name"], kind) for finding in document["findings"] for kind in finding["kinds"]}

    assert sorted(TROUBLE - found) == []
    assert {finding["name"] for finding in document["findings"]} <= {name for name, _ in TROUBLE}
    assert all(finding["evidence"] and finding["certainty"] and finding["docs"] for finding in document["findings"])
    assert len(document["next_steps"]) == 3


def test_a_fleet_that_is_gone(river_database: MakeRiver, fleet: MakeFleet) -> None:
    """No leader, and retries that nobody makes available."""
    river = river_database()
    worker = fleet(river, "only", "-queues", "default", "-kinds", "flaky", "-insert", "3")
    wait(river.rests, "the jobs to be done")
    worker.program.kill()
    river.insert(2, "-kinds", "scheduled", "-queues", "default")
    river.rows(AGE, kind="scheduled", by="5 min")
    wait(lambda: not river.rows("SELECT 1 FROM river_leader WHERE expires_at > now()"), "the leadership to end")

    assert {finding["name"] for finding in look(river)["findings"]} == {"leader_missing", "scheduler_stalled"}


def test_a_healthy_fleet_has_no_findings(river_database: MakeRiver, fleet: MakeFleet) -> None:
    """Retries, snoozes, cancellations, periodic and long jobs, and a deploy: at no moment is there a finding."""
    river = river_database()
    flags = ("-client-id", "", "-kinds", HEALTHY, "-rate", "10", "-periodic", "1s")
    first = fleet(river, "first", *flags)
    wait(lambda: river.rows(COUNT, kind="long", state="completed")[0][0] >= 5, "long jobs to be completed")
    assert look(river)["findings"] == []

    second = fleet(river, "second", *flags)
    assert look(river)["findings"] == []
    first.program.stop()
    assert look(river)["findings"] == []
    done = river.rows(COUNT, kind="long", state="completed")[0][0]
    wait(lambda: river.rows(COUNT, kind="long", state="completed")[0][0] >= done + 5, "the second process to work")
    river.fleet("cancel", str(river.rows("SELECT min(id) FROM river_job WHERE kind = 'tomorrow'")[0][0]))
    document = look(river)
    second.program.stop()

    assert document["findings"] == []
    assert document["verdict"] == "River's table shows no problem."
    for kind, state in (("flaky", "completed"), ("snoozing", "completed"), ("cancelling", "cancelled")):
        assert river.rows(COUNT, kind=kind, state=state)[0][0] > 0


@pytest.mark.parametrize("version", [4, 5, 6, 7, 0])
def test_every_version_of_the_tables_is_read(river_database: MakeRiver, version: int) -> None:
    """Whatever migration River's tables have: every part is read."""
    river = river_database(target_version=version)
    river.rows(SEED)

    assert {finding["name"] for finding in look(river)["findings"]} == {"leader_missing"}


@pytest.mark.parametrize("version", [2, 3])
def test_older_tables_are_refused_in_a_sentence(river_database: MakeRiver, version: int) -> None:
    """Before migration 4: which migration is needed, and no traceback."""
    done = run_look(river_database(target_version=version))

    assert done.returncode == 2
    assert "older than River's migration 4" in done.stderr
