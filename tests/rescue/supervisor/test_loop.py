"""The supervisor on a real server: it finds a lost worker by itself, once, and logs what it skips."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from conformance.proxy import proxied
from fixtures.contenders import REFUSES_ONE
from fixtures.contract import Connection
from fixtures.replicas import INTERVAL, TIMEOUT, Fleet, Look, Worker, configured, keeping, serving, written
from fixtures.waiting import until
from riverkeeper.brakes.rules import Brake
from riverkeeper.rescue.supervisor import election
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.service import Service


def test_a_lost_worker_s_job_is_rescued_and_a_living_one_s_is_not(
    installed_url: str, tmp_path: Path, fleet: Fleet, look: Look
) -> None:
    """Without Prometheus and without an operator the loop finds it, and the audit names who did it."""
    dead, alive = fleet.worker(1), fleet.worker(1)
    with keeping(configured(tmp_path, installed_url)) as service:
        until(lambda: look.counts_for(1.0) and fleet.all_beat(), "a verified path, and beats of all workers")
        dead.alive = False
        until(lambda: look.rescued() == 1, "a rescue")
        until(lambda: service._process.acts.rescues.total() == 1, "the rescue to be counted")

    row = look.one("SELECT * FROM riverkeeper.rescue")
    assert (row["job_id"], row["reason"], row["woken_by"]) == (dead.claims[0]["job_id"], "worker_lost", "supervisor")
    assert alive.lost == set()


def ready(look: Look, dead: Worker) -> None:
    """The path is proven, and the worker dies."""
    until(lambda: look.counts_for(1.0) and dead.has_beaten, "a verified path, and a beat of the worker")
    dead.alive = False


def test_a_job_that_cannot_be_written_keeps_none_of_the_others_waiting(
    installed_url: str, tmp_path: Path, fleet: Fleet, look: Look, looking: Connection
) -> None:
    """Thirty jobs of one worker go into one transaction, which a trigger of the user's breaks for one of them."""
    dead, _ = fleet.worker(30), fleet.worker(1)
    looking.execute(REFUSES_ONE.format(job_id=dead.claims[11]["job_id"]))
    with keeping(configured(tmp_path, installed_url)) as service:
        ready(look, dead)
        until(lambda: look.rescued() == 29, "all but one to be rescued")
        until(lambda: refusals(service)["database"] >= 2, "the one to be tried again")

    assert look.rescued() == 29


STOP = "UPDATE riverkeeper.control SET stopped_at = now(), stopped_by = 'ann', stopped_why = 'deploy'"


def refusals(service: Service) -> Counter[str]:
    return service._process.acts.refusals


def test_a_dry_run_writes_down_and_changes_nothing(
    installed_url: str, tmp_path: Path, fleet: Fleet, look: Look
) -> None:
    """The default: once a claim in the audit, marked, and the job runs on."""
    dead, _ = fleet.worker(1), fleet.worker()
    with keeping(configured(tmp_path, installed_url, mode="dry_run")) as service:
        ready(look, dead)
        until(lambda: refusals(service)["recorded"] >= 2, "passes over what is written down")

    assert look.one("SELECT count(*) AS n, bool_and(dry_run) AS dry FROM riverkeeper.rescue") == {"n": 1, "dry": True}
    assert look.one("SELECT state::text, errors FROM river_job") == {"state": "running", "errors": None}


def test_the_kill_switch_holds_at_once_and_lets_go(
    installed_url: str, tmp_path: Path, fleet: Fleet, look: Look
) -> None:
    """One row in the database stops every replica; resumed, the job is rescued."""
    dead, _ = fleet.worker(1), fleet.worker()
    with keeping(configured(tmp_path, installed_url)) as service:
        look.sql.execute(STOP)
        ready(look, dead)
        until(lambda: refusals(service)["brake_kill_switch"], "a refusal")
        snapshot = service._collector.collect(9.0)
        assert snapshot.rescuing is not None
        assert snapshot.rescuing.brakes[Brake.KILL_SWITCH] == "paused by ann: deploy (riverkeeper rescue resume)"
        assert look.rescued() == 0
        look.sql.execute("UPDATE riverkeeper.control SET stopped_at = NULL")
        until(lambda: look.rescued() == 1, "a rescue")


def test_a_skipped_job_is_logged_once(
    installed_url: str, tmp_path: Path, fleet: Fleet, look: Look, capsys: pytest.CaptureFixture[str]
) -> None:
    """A claim and its refusal are one line, however many passes meet them; the counter counts each."""
    dead, _ = fleet.worker(1), fleet.worker()
    with keeping(configured(tmp_path, installed_url, mode="disabled")) as service:
        ready(look, dead)
        until(lambda: refusals(service)["mode"] >= 3, "three passes")

    assert capsys.readouterr().out.count("stuck job skipped") == 1


def test_without_supervisor_only_a_wake_acts(installed_url: str, tmp_path: Path, fleet: Fleet, look: Look) -> None:
    """A wake makes a pass at once, over its scope alone, and is closed when nothing is left in it."""
    dead, other = fleet.worker(1), fleet.worker(1)
    fleet.worker()
    look.sql.execute("UPDATE river_job SET kind = 'other' WHERE id = %s", [other.claims[0]["job_id"]])
    with keeping(configured(tmp_path, installed_url, supervisor="false")) as service:
        ready(look, dead)
        other.alive = False
        until(lambda: look.counts_for(2 * TIMEOUT), "both to be stuck for a while")
        assert look.rescued() == 0
        look.sql.execute(
            "INSERT INTO riverkeeper.wake (fingerprint, starts_at, alert, kind) VALUES ('f1', now(), 'Stuck', 'report')"
        )
        service.wake()
        until(
            lambda: look.one("SELECT outcome FROM riverkeeper.wake")["outcome"] == "done", "the wake to be worked off"
        )

    assert look.one("SELECT job_id, woken_by FROM riverkeeper.rescue") == {
        "job_id": dead.claims[0]["job_id"], "woken_by": "alert f1",
    }  # fmt: skip


def test_a_refused_wake_stays_open_with_its_reason(
    installed_url: str, tmp_path: Path, fleet: Fleet, look: Look
) -> None:
    """Nothing is lost by a brake: the wake waits, also over a restart, and is worked off when the brake lets go."""
    dead, _ = fleet.worker(1), fleet.worker()
    look.sql.execute("UPDATE riverkeeper.control SET stopped_at = now(), stopped_by = 'ann'")
    config = configured(tmp_path, installed_url, supervisor="false")
    with keeping(config):
        ready(look, dead)
        until(lambda: look.counts_for(2 * TIMEOUT), "its job to be stuck for a while")
        look.sql.execute("INSERT INTO riverkeeper.wake (fingerprint, starts_at, alert) VALUES ('f1', now(), 'Stuck')")
        until(lambda: "kill switch" in (look.one("SELECT last_refusal FROM riverkeeper.wake")["last_refusal"] or ""),
             "the wake to be refused")  # fmt: skip
    look.sql.execute("UPDATE riverkeeper.control SET stopped_at = NULL")
    with keeping(config):
        until(
            lambda: look.one("SELECT outcome FROM riverkeeper.wake")["outcome"] == "done", "the wake to be worked off"
        )

    assert look.rescued() == 1


def test_a_reload_changes_policy_and_loses_nothing(
    installed_url: str, tmp_path: Path, fleet: Fleet, look: Look
) -> None:
    """From dry run to live: the path stands, and the job that was only written down is rescued."""
    dead, _ = fleet.worker(1), fleet.worker()
    service = Service(
        configured(tmp_path, installed_url, mode="dry_run"), lambda: configured(tmp_path, installed_url, mode="live")
    )
    service.start()
    try:
        ready(look, dead)
        until(lambda: look.rescued() == 1, "a dry run")
        assert asyncio.run(service.reload()) is None
        until(lambda: look.one("SELECT count(*) AS n FROM riverkeeper.rescue WHERE NOT dry_run")["n"] == 1, "a rescue")
    finally:
        service.close()


def test_a_batch_bounds_a_pass(installed_url: str, tmp_path: Path, fleet: Fleet, look: Look) -> None:
    """Of 7 lost jobs 3 a pass, in the order of their claims' silence, until all are rescued."""
    dead, _ = fleet.worker(7), fleet.worker()
    with keeping(configured(tmp_path, installed_url, batch="3")):
        ready(look, dead)
        until(lambda: look.rescued() == 7, "all to be rescued")

    times = [row["at"] for row in look.sql.execute("SELECT at FROM riverkeeper.rescue ORDER BY at").fetchall()]
    gaps = [(later - sooner).total_seconds() for sooner, later in pairwise(times)]
    assert sum(gap > INTERVAL / 3 for gap in gaps) >= 2


def test_the_loop_outlives_a_fault_and_a_missing_schema(
    installed_url: str,
    tmp_path: Path,
    fleet: Fleet,
    look: Look,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A reading that raises and tables that are away are logged; the loop goes on (a sixtieth of the pause)."""
    monkeypatch.setattr(election, "RETRY_SECONDS", election.RETRY_SECONDS / 60)
    dead, _ = fleet.worker(1), fleet.worker()
    with keeping(configured(tmp_path, installed_url)) as service:
        until(lambda: look.counts_for(1.0) and fleet.all_beat(), "a verified path, and beats of all workers")
        read, service._supervisor._read = service._supervisor._read, broken
        until(lambda: "unexpected error in the supervisor" in capsys.readouterr().out, "the fault to be said")
        service._supervisor._read = read
        look.sql.execute("ALTER TABLE riverkeeper.brake RENAME TO away")
        until(lambda: service._supervisor._election.failed_elections, "an election to fail")
        look.sql.execute("ALTER TABLE riverkeeper.away RENAME TO brake")
        dead.alive = False
        until(lambda: look.rescued() == 1, "a rescue")


def broken(_: float) -> Snapshot:
    raise RuntimeError("a fault of our own")


def test_a_replica_that_may_not_rescue_logs_it_once(
    installed_url: str, tmp_path: Path, look: Look, capsys: pytest.CaptureFixture[str]
) -> None:
    """A login that only reads, or no keeper schema: one line, and the exporter works on."""
    look.sql.execute("DROP SCHEMA riverkeeper CASCADE")
    with keeping(configured(tmp_path, installed_url)) as service:
        until(lambda: service._supervisor._election.failed_elections, "the first election")
        assert service._collector.collect(9.0).up

    said = capsys.readouterr().out
    assert said.count("supervisor cannot rescue here") == 1
    assert "riverkeeper schema install" in said


def test_a_stop_does_not_wait_for_the_database(installed_url: str, tmp_path: Path, look: Look) -> None:
    """SIGTERM: also while the database does not answer. What the interpreter takes after that is its own."""
    with proxied(installed_url) as proxy, serving(written(tmp_path), proxy.url) as replica:
        until(lambda: look.control()["actor"], "the keeper to act")
        proxy.stall()
        replica.terminate()
        assert replica.stderr is not None
        assert any("riverkeeper stopped" in line for line in replica.stderr)
        replica.wait(60)

    assert replica.returncode == 0


def test_two_replicas_with_two_policies_log_it(
    installed_url: str, tmp_path: Path, fleet: Fleet, look: Look, capsys: pytest.CaptureFixture[str]
) -> None:
    """The one that stands by shows what the other would not do: that is logged, once, and not between equals."""
    fleet.worker()
    with keeping(configured(tmp_path, installed_url)):
        until(lambda: look.counts_for(0.5), "the first to act")
        (tmp_path / "other").mkdir()
        with keeping(configured(tmp_path, installed_url)) as equal:
            until(lambda: equal._supervisor._election._latest[0].active_replica, "an equal to stand by")
        assert "a different configuration" not in capsys.readouterr().out
        with keeping(configured(tmp_path / "other", installed_url, cooldown="7m")) as other:
            until(lambda: other._supervisor._election._latest[0].active_replica, "the other to stand by")
            since = other._supervisor._election._latest[1]
            until(lambda: other._supervisor._election._latest[1] > since, "its next look")

    assert capsys.readouterr().out.count("a different configuration") == 1
