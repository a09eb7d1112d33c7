"""Clocks that step, a replica that is suspended, an active replica that dies.

Times are a twentieth of the defaults, the supervisor's interval a quarter (see replicas.py); the steps are real hours.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.contract import Connection, connected
from fixtures.false_clock import false_pin, install_clock, step
from fixtures.replicas import BEAT, INTERVAL, TIMEOUT, Fleet, Look, beating, configured, keeping, serving, written
from fixtures.waiting import measured_delays, until
from riverkeeper.postgres import connection

QUIET = TIMEOUT + 4 * BEAT
STEPS = 4  # of a take-over: wake, connect, read, write; a busy machine is late with each


@pytest.fixture
def sql(installed_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    monkeypatch.setattr(connection, "PIN", false_pin())
    with connected(installed_url) as sql:
        install_clock(sql)
    with connected(installed_url) as sql:
        yield sql


@pytest.fixture
def look(sql: Connection) -> Look:
    return Look(sql)


@pytest.fixture
def fleet(installed_url: str, sql: Connection) -> Iterator[Fleet]:
    with beating(installed_url, sql) as fleet:
        yield fleet


@pytest.mark.parametrize("by", ["1 hour", "-1 hour"])
def test_a_step_of_the_database_s_clock_causes_no_rescue(
    by: str, fleet: Fleet, look: Look, installed_url: str, tmp_path: Path
) -> None:
    """Every beat is an hour old at once, or lies ahead: the path begins anew, and each claim has its full timeout."""
    for _ in range(4):
        fleet.worker(10)
    with keeping(configured(tmp_path, installed_url)):
        until(lambda: look.counts_for(1.0) and fleet.all_beat(), "a verified path, and beats of all workers")
        before = look.control()["path_ok_since"]
        step(look.sql, by)
        until(lambda: look.control()["path_ok_since"] not in {before, None}, "the path to begin anew")
        until(lambda: look.counts_for(QUIET), "a quiet time after it")

    assert look.rescued() == 0


def test_after_a_step_back_a_dead_worker_is_still_found(
    fleet: Fleet, look: Look, installed_url: str, tmp_path: Path
) -> None:
    """Its last beat lies an hour ahead, and does not protect the claim for an hour."""
    dead = fleet.worker(1)
    for _ in range(3):
        fleet.worker(1)
    with keeping(configured(tmp_path, installed_url)):
        until(lambda: look.counts_for(1.0) and fleet.all_beat(), "a verified path, and beats of all workers")
        dead.alive = False
        step(look.sql, "-1 hour")
        until(lambda: look.rescued() == 1, "the dead one's job to be rescued")

    assert look.one("SELECT job_id FROM riverkeeper.rescue")["job_id"] == dead.claims[0]["job_id"]


def test_a_step_of_riverkeeper_s_clock_changes_nothing(
    fleet: Fleet, look: Look, installed_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its wall clock decides nothing: an hour ahead, the path stands, and only the dead worker's job is rescued."""
    dead, *_ = [fleet.worker(1) for _ in range(4)]
    with keeping(configured(tmp_path, installed_url)):
        until(lambda: look.counts_for(1.0) and fleet.all_beat(), "a verified path, and beats of all workers")
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + 3600)
        until(lambda: look.counts_for(3.0), "the path to stand")
        assert look.rescued() == 0
        dead.alive = False
        until(lambda: look.rescued() == 1, "the dead one's job to be rescued")


def test_after_a_suspension_every_claim_has_its_full_timeout(
    fleet: Fleet, look: Look, installed_url: str, tmp_path: Path
) -> None:
    """SIGSTOP for nine seconds, of all workers but one too: unwatched time counts against no claim.

    It continues before they do; the grace of 3 s after it counts as after a start.
    """
    _, *others = [fleet.worker(10) for _ in range(4)]
    with serving(written(tmp_path, grace="3s"), installed_url) as keeper:
        until(lambda: look.counts_for(4.0), "the path to be proven, and grace to be over")
        before = look.control()["path_ok_since"]
        keeper.send_signal(signal.SIGSTOP)
        for worker in others:
            worker.alive = False
        stopped = look.one("SELECT clock_timestamp() AS now")["now"]
        until(
            lambda: (look.one("SELECT clock_timestamp() AS now")["now"] - stopped).total_seconds() > 9, "nine seconds"
        )
        keeper.send_signal(signal.SIGCONT)
        until(lambda: look.control()["path_ok_since"] not in {before, None}, "the path to begin anew")
        for worker in others:
            worker.alive = True
        until(lambda: look.counts_for(3.0 + QUIET), "a quiet time after it")
        keeper.send_signal(signal.SIGTERM)
        _, log = keeper.communicate(timeout=60)

    assert "was suspended" in log
    assert look.rescued() == 0


def test_when_the_active_replica_dies_another_takes_over_within_an_interval(
    fleet: Fleet, look: Look, installed_url: str, tmp_path: Path
) -> None:
    """kill -9; the other one's next turn comes within the interval, and the proof of the path goes on unbroken."""
    dead, *_ = [fleet.worker(1) for _ in range(4)]
    with measured_delays() as delay, serving(written(tmp_path), installed_url) as actor:
        until(lambda: look.counts_for(1.0), "the first to act")
        first, since = look.control()["actor"], look.control()["path_ok_since"]
        with keeping(configured(tmp_path, installed_url)) as other:
            until(lambda: other.latest() is None and look.counts_for(2.0), "the second to stand by")
            assert look.control()["actor"] == first
            actor.kill()
            last = until(lambda: look.control() if actor.poll() is not None else None, "the end of the first")
            now = until(lambda: row if (row := look.control())["actor"] != first else None, "the second to act")
            dead.alive = False
            until(lambda: look.rescued() == 1, "the second to rescue")

    assert (now["actor_at"] - last["actor_at"]).total_seconds() <= INTERVAL + 0.25 + STEPS * delay()
    assert now["path_ok_since"] == since or (now["actor_at"] - last["actor_at"]).total_seconds() > INTERVAL
