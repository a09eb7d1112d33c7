"""What a supervisor does by the rights of its login: rescue, make dry runs, or only look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from database.heartbeat_sql import Connection, connected
from database.keepers import Fleet, Look, beating, configured, keeping, when
from riverkeeper.keeper.check import examine
from riverkeeper.keeper.grants import grants
from riverkeeper.keeper.report import Level
from riverkeeper.keeper.schema import install


@pytest.fixture
def looking(river_url: str) -> Iterator[Connection]:
    install(river_url, None, None)
    with connected(river_url) as sql:
        yield sql


@pytest.fixture
def look(looking: Connection) -> Look:
    return Look(looking)


@pytest.fixture
def fleet(river_url: str, looking: Connection) -> Iterator[Fleet]:
    with beating(river_url, looking) as fleet:
        yield fleet


@pytest.fixture
def counting_url(river_url: str, looking: Connection) -> str:
    """Of a login that counts and lacks the rescuer's role."""
    looking.execute(grants("public", "riverkeeper"))
    looking.execute("DROP ROLE IF EXISTS counting")
    looking.execute("CREATE ROLE counting LOGIN IN ROLE riverkeeper_keeper")
    return river_url.replace("postgres@", "counting@")


def test_the_doctor_says_what_a_keeper_may(counting_url: str) -> None:
    """Dry runs, which is well where nothing is live, and else a problem with its cure."""
    for live, level in ((False, Level.OK), (True, Level.PROBLEM)):
        findings = [one for one in examine(counting_url, None, None, live=live).findings if one.topic == "rescuer"]
        assert [one.level for one in findings] == [level]
        assert ("riverkeeper schema grants" in (findings[0].cure or "")) == live


def test_a_login_that_may_change_no_job_makes_dry_runs(
    counting_url: str, tmp_path: Path, fleet: Fleet, look: Look
) -> None:
    """Whoever tries Riverkeeper need not trust it yet: it proves the way, judges and writes down what it would do."""
    dead, _ = fleet.worker(2), fleet.worker(1)
    with keeping(configured(tmp_path, counting_url, mode="dry_run")) as service:
        when(lambda: look.counts_for(1.0), "the path to be proven")
        dead.alive = False
        when(lambda: len(look.sql.execute("SELECT FROM riverkeeper.rescue WHERE dry_run").fetchall()) == 2, "dry runs")
        when(lambda: service._process.acts.refusals["recorded"] >= 2, "passes over what is written down")

    assert {row["state"] for row in look.sql.execute("SELECT state::text FROM river_job")} == {"running"}
    assert dead.lost == set()


def test_a_login_that_may_change_no_job_leaves_a_live_turn_to_others(
    river_url: str, counting_url: str, tmp_path: Path, fleet: Fleet, look: Look, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says so once and never acts, and a keeper that may rescues beside it."""
    dead, _ = fleet.worker(1), fleet.worker(1)
    with keeping(configured(tmp_path, counting_url)) as idle:
        when(lambda: idle._supervisor._watch.failed_turns, "the first turn")
        with keeping(configured(tmp_path, river_url)):
            when(lambda: look.counts_for(1.0), "the path to be proven")
            dead.alive = False
            when(lambda: look.rescued() == 1, "a rescue")
        assert idle._process.acts.rescues.total() == 0

    assert "this login may not rescue, and the mode is live" in capsys.readouterr().out
