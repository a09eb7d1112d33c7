"""What a supervisor does by the rights of its login: rescue, make dry runs, or only look."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.proxy import proxied
from fixtures.check import check_url
from fixtures.contract import Connection
from fixtures.grants import grant
from fixtures.replicas import CLAIMED, Fleet, Look, configured, keeping, written
from fixtures.waiting import until
from riverkeeper.config.layers import Options
from riverkeeper.config.load import load
from riverkeeper.doctor.report import Level
from riverkeeper.schema.grants import KEEPER, READER
from riverkeeper.service import Service


def login(url: str, sql: Connection, name: str, role: str) -> str:
    grant(url)
    sql.execute(f"DROP ROLE IF EXISTS {name}")
    sql.execute(f"CREATE ROLE {name} LOGIN IN ROLE {role}")
    return url.replace("postgres@", f"{name}@")


@pytest.fixture
def counting_url(installed_url: str, looking: Connection) -> str:
    """Of a login that counts and lacks the rescuer's role."""
    return login(installed_url, looking, "counting", KEEPER)


def test_check_reports_what_a_login_may(counting_url: str) -> None:
    """Dry runs, which is well where nothing is live, and else a problem with its fix."""
    for live, level in ((False, Level.OK), (True, Level.PROBLEM)):
        findings = [finding for finding in check_url(counting_url, live=live).findings if finding.topic == "rescuer"]
        assert [finding.level for finding in findings] == [level]
        assert findings[0].fix == ('GRANT riverkeeper_rescuer TO "counting";' if live else None)


def test_a_login_that_may_change_no_job_makes_dry_runs(
    counting_url: str, tmp_path: Path, fleet: Fleet, look: Look
) -> None:
    """A first trial needs no trust: Riverkeeper proves the way, judges and writes down what it would do."""
    dead, _ = fleet.worker(2), fleet.worker(1)
    with keeping(configured(tmp_path, counting_url, mode="dry_run")) as service:
        until(lambda: look.counts_for(1.0) and fleet.all_beat(), "a verified path, and beats of all workers")
        dead.alive = False
        until(lambda: len(look.sql.execute("SELECT FROM riverkeeper.rescue WHERE dry_run").fetchall()) == 2, "dry runs")
        until(lambda: service._process.acts.refusals["recorded"] >= 2, "passes over what is written down")

    assert {row["state"] for row in look.sql.execute("SELECT state::text FROM river_job")} == {"running"}
    assert dead.lost == set()


def test_a_login_that_may_change_no_job_leaves_a_live_pass_to_others(
    installed_url: str, counting_url: str, tmp_path: Path, fleet: Fleet, look: Look, capsys: pytest.CaptureFixture[str]
) -> None:
    """It logs that once and never acts, and a replica with the right rescues beside it."""
    dead, _ = fleet.worker(1), fleet.worker(1)
    with keeping(configured(tmp_path, counting_url)) as idle:
        until(lambda: idle._supervisor._election.failed_elections, "the first election")
        with keeping(configured(tmp_path, installed_url)):
            until(lambda: look.counts_for(1.0) and fleet.all_beat(), "a verified path, and beats of all workers")
            dead.alive = False
            until(lambda: look.rescued() == 1, "a rescue")
        assert idle._process.acts.rescues.total() == 0

    assert "this login may not rescue, and the mode is live" in capsys.readouterr().out


def now(look: Look) -> float:
    return float(look.one("SELECT extract(epoch FROM clock_timestamp())::float8 AS now")["now"])


def stuck(service: Service) -> dict[int, str]:
    """Jobs and reasons, as its page and its metrics have them."""
    judged = service._collector.collect(9.0).verdicts
    return (
        {judged_job.job.claim.job_id: judged_job.verdict.reason.value for judged_job in judged.stuck} if judged else {}
    )


def test_a_login_that_only_reads_finds_lost_workers(
    installed_url: str, tmp_path: Path, fleet: Fleet, look: Look, looking: Connection
) -> None:
    """With no other replica to verify the path, its own probes do, for its alerts. It writes nothing."""
    dead, _ = fleet.worker(1), fleet.worker(1)
    with keeping(configured(tmp_path, login(installed_url, looking, "watching", READER))) as service:
        until(lambda: service._supervisor.find_observed_path(now(look)) is not None, "its probes to verify the path")
        assert stuck(service) == {}
        dead.alive = False
        until(lambda: stuck(service) == {dead.claims[0]["job_id"]: "worker_lost"}, "the lost worker to be found")

    assert look.control()["path_probe_at"] is None
    assert look.rescued() == 0


def test_a_reader_s_probes_verify_nothing_over_an_outage(
    installed_url: str, tmp_path: Path, fleet: Fleet, look: Look, looking: Connection
) -> None:
    """The database is away for several timeouts, and the workers with it: none of them is called lost afterwards."""
    for _ in range(2):
        fleet.worker(3)
    with (
        proxied(login(installed_url, looking, "watching", READER)) as proxy,
        keeping(configured(tmp_path, proxy.url)) as process,
    ):
        until(lambda: process._supervisor.find_observed_path(now(look)) is not None, "its probes to verify the path")
        before = process._supervisor.find_observed_path(now(look))
        proxy.stall()
        until(lambda: process._supervisor.find_observed_path(now(look)) is None, "the stretch to end")
        looking.execute("UPDATE riverkeeper.heartbeat SET beat_at = now() - interval '1 minute'")
        proxy.restore()
        after = until(lambda: process._supervisor.find_observed_path(now(look)), "a new stretch")
        assert stuck(process) == {}

    assert before is not None
    assert after > before


def test_without_a_keeper_schema_beats_by_metadata_are_judged(
    installed_url: str, tmp_path: Path, look: Look, looking: Connection
) -> None:
    """Nothing is installed: a job that wrote health_check_at, and writes it no more, is found all the same."""
    looking.execute("DROP SCHEMA riverkeeper CASCADE")
    [row] = looking.execute(CLAIMED, {"client": "old", "count": 1}).fetchall()
    beat = "UPDATE river_job SET metadata = jsonb_build_object('health_check_at', to_jsonb(now()))"
    looking.execute(beat)
    file = written(tmp_path)
    file.write_text(
        file.read_text() + "heartbeat: {metadata_interval: 1s}\n"
    )  # a thirtieth, as the tier's times are less
    with keeping(load(file, {}, Options(database_url=installed_url))) as service:
        until(lambda: stuck(service) == {row["job_id"]: "worker_lost"}, "the silent job to be found")


def test_a_reader_sends_no_probe_while_another_replica_verifies_the_path(
    installed_url: str, tmp_path: Path, fleet: Fleet, look: Look, looking: Connection
) -> None:
    """One verification is enough: that of the active replica."""
    for _ in range(2):
        fleet.worker(1)
    with keeping(configured(tmp_path, installed_url)):
        until(lambda: look.counts_for(1.0) and fleet.all_beat(), "a verified path, and beats of all workers")
        with keeping(configured(tmp_path, login(installed_url, looking, "watching", READER))) as reader:
            until(lambda: reader._supervisor._election.failed_elections, "its first election to fail")
            judged = until(lambda: reader._collector.collect(9.0).verdicts, "a reading")
            assert judged.path_ok_since == pytest.approx(look.control()["path_ok_since"].timestamp())
            assert reader._supervisor.find_observed_path(now(look)) is None
