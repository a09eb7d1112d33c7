"""Many at once: what must be rescued is, what only looks dead is not.

Times are a twentieth of the defaults, the supervisor's interval a quarter (see keepers.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.proxy import Proxy, proxied
from fixtures.contract import Connection, connected
from fixtures.replicas import BEAT, TIMEOUT, Fleet, Look, beating, configured, keeping
from fixtures.waiting import until
from riverkeeper.brakes.control import release
from riverkeeper.config.layers import Options
from riverkeeper.config.load import load
from riverkeeper.schema.schemas import open_keeper

QUIET = TIMEOUT + 4 * BEAT  # after which all that is silent would have been found


@pytest.fixture
def sql(installed_url: str) -> Iterator[Connection]:  # the test's own eyes, which no fault touches
    with connected(installed_url) as sql:
        yield sql


@pytest.fixture
def look(sql: Connection) -> Look:
    return Look(sql)


@pytest.fixture
def proxy(installed_url: str) -> Iterator[Proxy]:
    """The network between the database and everybody."""
    with proxied(installed_url) as proxy:
        yield proxy


@pytest.fixture
def fleet(proxy: Proxy, sql: Connection) -> Iterator[Fleet]:
    with beating(proxy.url, sql) as fleet:
        yield fleet


def none_lost(fleet: Fleet, look: Look) -> None:
    assert look.rescued() == 0
    assert not any(worker.lost for worker in fleet.workers)


def test_a_database_that_was_away_causes_no_rescue(proxy: Proxy, fleet: Fleet, look: Look, tmp_path: Path) -> None:
    """Promise 6: all beats are 10 minutes old when it comes back, and four of five workers need another second.

    One beats at once, so that the fleet is not late as a whole; the others still have their full timeout.
    """
    first, *others = [fleet.worker(20) for _ in range(5)]
    with keeping(configured(tmp_path, proxy.url)):
        until(lambda: look.counts_for(1.0) and fleet.all_beat(), "a verified path, and beats of all workers")
        proxy.refuse()
        for worker in others:
            worker.alive = False
        look.sql.execute("UPDATE riverkeeper.client SET beat_at = beat_at - interval '10 minutes'")
        look.sql.execute("UPDATE riverkeeper.heartbeat SET beat_at = beat_at - interval '10 minutes'")
        before = look.control()["path_ok_since"]
        until(lambda: look.one("SELECT clock_timestamp() - path_probe_at > interval '2 s' AS ok"
                              " FROM riverkeeper.control")["ok"], "the outage to last")  # fmt: skip
        proxy.restore()
        until(lambda: look.control()["path_ok_since"] not in {before, None}, "the path to break and begin anew")
        until(lambda: look.counts_for(2 * BEAT), "some passes over claims that nobody has beaten for yet")
        for worker in others:
            worker.alive = True
        until(lambda: look.counts_for(QUIET), "a quiet time after it")

    none_lost(fleet, look)
    assert first.alive


def test_all_workers_frozen_and_continued_cause_no_rescue(
    fleet: Fleet, look: Look, installed_url: str, tmp_path: Path
) -> None:
    """Every process stops for three timeouts, as on a suspended machine: missed beats then prove nothing."""
    workers = [fleet.worker(10) for _ in range(4)]
    with keeping(configured(tmp_path, installed_url)):
        until(lambda: look.counts_for(1.0) and fleet.all_beat(), "a verified path, and beats of all workers")
        for worker in workers:
            worker.alive = False
        until(lambda: look.one("SELECT max(beat_at) < clock_timestamp() - interval '5.3 s' AS ok"
                              " FROM riverkeeper.client")["ok"], "the freeze to last")  # fmt: skip
        assert look.control()["path_ok_since"] is None
        assert (look.mass() or {})["engaged_at"] is not None
        for worker in workers:
            worker.alive = True
        until(lambda: look.counts_for(QUIET), "a quiet time after it")

    none_lost(fleet, look)


def test_a_deploy_that_loses_half_the_jobs_is_rescued(
    fleet: Fleet, look: Look, installed_url: str, tmp_path: Path
) -> None:
    """200 of 400 jobs lose their worker at once, while others beat: no fault of the database, so no hold."""
    old = [fleet.worker(40) for _ in range(10)]
    with keeping(configured(tmp_path, installed_url)):
        until(lambda: look.counts_for(1.0) and fleet.all_beat(), "a verified path, and beats of all workers")
        for worker in old[:5]:
            worker.alive = False
        for _ in range(5):
            fleet.worker()
        until(lambda: look.rescued() == 200, "the 200 to be rescued")

    assert not any(worker.lost for worker in old[5:])
    rescued = {row["job_id"] for row in look.sql.execute("SELECT job_id FROM riverkeeper.rescue").fetchall()}
    assert rescued == {claim["job_id"] for worker in old[:5] for claim in worker.claims}


def test_a_dead_fleet_waits_for_one_idle_worker(fleet: Fleet, look: Look, installed_url: str, tmp_path: Path) -> None:
    """Its silence could be the way's fault; the first beat of an idle process opens the way, and all are rescued."""
    dead = [fleet.worker(30) for _ in range(4)]
    with keeping(configured(tmp_path, installed_url)):
        until(lambda: look.counts_for(1.0) and fleet.all_beat(), "a verified path, and beats of all workers")
        for worker in dead:
            worker.alive = False
        until(lambda: look.one("SELECT max(beat_at) < clock_timestamp() - interval '4 s' AS ok"
                              " FROM riverkeeper.client")["ok"], "two timeouts of silence")  # fmt: skip
        assert look.rescued() == 0
        opened = look.one("SELECT clock_timestamp() AS now")["now"]
        fleet.worker()
        until(lambda: look.rescued() == 120, "all to be rescued")

    first = look.one("SELECT min(at) AS at FROM riverkeeper.rescue")["at"]
    assert (first - opened).total_seconds() > TIMEOUT


def test_an_operator_may_confirm_that_a_fleet_is_dead(
    fleet: Fleet, look: Look, installed_url: str, tmp_path: Path
) -> None:
    """That two of two processes died cannot be proven. An operator confirms it; the jobs have one timeout more."""
    dead = [fleet.worker(10) for _ in range(2)]
    with keeping(configured(tmp_path, installed_url)):
        until(lambda: look.counts_for(1.0) and fleet.all_beat(), "a verified path, and beats of all workers")
        for worker in dead:
            worker.alive = False
        until(lambda: look.control()["path_ok_since"] is None, "the way to be in doubt")
        assert look.rescued() == 0
        with open_keeper(load(None, {"RIVERKEEPER_DATABASE_URL": installed_url}, Options()), 5.0, writing=True) as tx:
            assert "none of 2 worker processes has beaten" in (release(tx, "mass_silence", "ann@desk") or "")
        until(lambda: look.rescued() == 20, "all to be rescued")
