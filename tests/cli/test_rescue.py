"""The commands about rescues, as an operator types them, on a real server."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner, Result

from conformance.floor import Event
from fixtures.rescue import Scene, opened
from riverkeeper.cli import main

Run = Callable[..., Result]
AUDIT = """
INSERT INTO riverkeeper.rescue (dry_run, job_id, attempted_at, attempt, queue, kind, priority, tier, reason, action,
    evidence, woken_by, keeper, old_worker, was_false, at, closed_at)
SELECT true, g, '2023-11-14T22:13:20Z', 1, 'mail', '[red]send[/]', 1, 'standard', 'worker_lost', 'retry', '{}',
    'supervisor', gen_random_uuid(), CASE WHEN g = 1 THEN 'finished' WHEN g < 12 THEN 'silent' END,
    CASE WHEN g < 12 THEN g = 1 END, now() - interval '25 hours', now()
FROM generate_series(1, 12) AS g
"""


@pytest.fixture
def scene(installed_url: str) -> Iterator[Scene]:
    with opened(installed_url) as scene:
        yield scene


@pytest.fixture
def run(scene: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Run]:
    """Runs a command by the operator ann. What a command sets up for its process' log ends with the test."""
    monkeypatch.setenv("RIVERKEEPER_DATABASE_URL", scene.url)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("LOGNAME", "ann")
    runner = CliRunner()
    file = tmp_path / "riverkeeper.yml"
    file.write_text("rescue: {interval: 1m}\n")  # the path counts as proven for longer than a test takes
    handlers = list(logging.getLogger().handlers)
    yield lambda *arguments: runner.invoke(main, [*map(str, arguments), "--config.file", str(file)])
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers


def prove_path(scene: Scene) -> None:
    """As a supervisor at work does."""
    scene.sql.execute("UPDATE riverkeeper.control SET path_ok_since = now() - interval '1 day', path_probe_at = now()")


@pytest.fixture
def lost(scene: Scene) -> Event:
    """A claim whose worker has been stale for an hour, while the heartbeat path was verified."""
    claim = scene.stale()
    prove_path(scene)
    return claim


def test_without_apply_nothing_is_written(run: Run, scene: Scene, lost: Event) -> None:
    """It shows what would happen: no job, no beat and no audit row changes."""
    before = (scene.job(lost), scene.row(lost))
    shown = run("rescue", "run", lost["job_id"])

    assert shown.exit_code == 0, shown.output
    assert "worker_lost; would be: retry" in shown.output
    assert "Nothing was written" in shown.output
    assert (scene.job(lost), scene.row(lost), scene.audit()) == (*before, [])


def test_with_apply_it_is_done_and_signed(run: Run, scene: Scene, lost: Event) -> None:
    """Whatever the mode; the audit names who requested it."""
    done = run("rescue", "run", lost["job_id"], "--apply", "--json")

    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["jobs"][0]["act"] == "retry"
    assert scene.job(lost)["state"] != "running"
    assert scene.rescues(lost) == 1
    (row,) = scene.audit()
    assert row["woken_by"].startswith("person ann@")
    assert not row["dry_run"]


def test_a_live_job_is_skipped_whatever_is_requested(run: Run, scene: Scene, lost: Event) -> None:
    """Also beside one that is not, and with an action: exit code 1 means that not all were."""
    alive = scene.claim()
    scene.sql.execute("UPDATE riverkeeper.client SET beat_at = now()")
    scene.sql.execute(
        "INSERT INTO riverkeeper.heartbeat (job_id, attempted_at, attempt, instance, beat_interval, beat_at) "
        "SELECT j.id, j.attempted_at, j.attempt, gen_random_uuid(), '10 s', now() FROM river_job AS j WHERE j.id = %s",
        [alive["job_id"]],
    )
    for flags in ((), ("--action", "discard"), ("--apply", "--action", "discard")):
        answer = run("rescue", "run", alive["job_id"], *flags, "--json")
        (job,) = json.loads(answer.output)["jobs"]
        assert (answer.exit_code, job["refusal"]) == (1, "beat")

    both = run("rescue", "run", alive["job_id"], lost["job_id"], 4711, "--apply", "--json")
    refusals = {job["id"]: job["refusal"] for job in json.loads(both.output)["jobs"]}
    assert refusals == {alive["job_id"]: "beat", lost["job_id"]: None, 4711: "gone"}
    assert both.exit_code == 1
    assert scene.job(alive)["state"] == "running"


def test_a_pause_stops_an_operator_too(run: Run, scene: Scene, lost: Event) -> None:
    """Until it is over; who paused and why is shown."""
    pulled = run("rescue", "pause", "--why", "deploy")
    for flags in ((), ("--apply",)):
        held = run("rescue", "run", lost["job_id"], *flags)
        assert held.exit_code == 1
        assert "skipped (brake_kill_switch)" in held.output
    status = run("rescue", "status")
    released = run("rescue", "resume")

    assert (pulled.exit_code, released.exit_code) == (0, 0)
    assert "All rescues are paused, by ann@" in pulled.output
    assert "kill_switch: paused by ann@" in status.output
    assert "deploy" in status.output
    assert "were paused by ann@" in released.output
    assert "were not paused" in run("rescue", "resume").output
    assert "resumed:        by ann@" in run("rescue", "status").output
    assert run("rescue", "run", lost["job_id"], "--apply").exit_code == 0


def test_while_no_way_is_proven_nobody_is_lost(run: Run, scene: Scene) -> None:
    """Without a supervisor at work the operator must name the action, and it is done."""
    claim = scene.stale()
    unproven = run("rescue", "run", claim["job_id"])
    said = run("rescue", "run", claim["job_id"], "--action", "retry")

    assert unproven.exit_code == 1
    assert "skipped (unknown)" in unproven.output
    assert said.exit_code == 0, said.output


def test_what_was_verified_on_another_server_counts_for_no_manual_rescue(run: Run, scene: Scene, lost: Event) -> None:
    """In the moment after a failover, before a supervisor has held its first election there."""
    scene.sql.execute("UPDATE riverkeeper.control SET path_server = 'None 1795577162.5 7 1'")
    result = run("rescue", "run", lost["job_id"], "--apply")

    assert result.exit_code == 1
    assert "skipped (unknown)" in result.output
    assert json.loads(run("rescue", "status", "--json").output)["path_ok_since"] is None


def test_a_brake_is_released_by_name(run: Run, scene: Scene) -> None:
    """Only one that is engaged and has a state of its own; the others say what to do instead."""
    assert run("rescue", "release", "mass_silence").exit_code == 1
    scene.sql.execute("INSERT INTO riverkeeper.brake (name, engaged_at, sentence) VALUES ('mass_silence', now(), '9')")
    held = run("rescue", "status", "--json")
    released = run("rescue", "release", "mass_silence")

    assert json.loads(held.output)["brakes"] == {"mass_silence": "9"}
    assert released.exit_code == 0, released.output
    assert "released, ends at the next tick" in run("rescue", "status").output
    assert [run("rescue", "release", name).exit_code for name in ("rate", "grace", "kill_switch", "no")] == [2] * 4


def test_a_replica_that_is_gone_is_not_active(run: Run, scene: Scene) -> None:
    """Its name stays in the table; nobody rescues."""
    scene.sql.execute(
        "UPDATE riverkeeper.control SET actor_name = 'keeper-1', actor_at = now() - interval '2 h',"
        """ path_state = '{"modes": {"standard": "live"}, "patience": 45}'"""
    )

    assert "active replica: none: no job is rescued; the last one was keeper-1" in run("rescue", "status").output
    checked = " ".join(run("check").output.split())
    assert "no Riverkeeper is at work: keeper-1 was the last one, until 2 h ago" in checked


def test_the_status_speaks_to_scripts(run: Run, lost: Event) -> None:
    """Stable keys, RFC 3339 times."""
    status = json.loads(run("rescue", "status", "--json").output)

    assert status["modes"]["standard"] == "dry_run"
    assert status["path_ok_since"].endswith("Z")
    assert (status["brakes"], status["wakes_open"], status["last_rescue_at"]) == ({}, 0, None)


def test_the_status_shows_the_modes_of_the_active_replica(run: Run, scene: Scene) -> None:
    """Not those of the configuration that the command happens to be given, which may be none."""
    scene.sql.execute(
        "UPDATE riverkeeper.control SET actor_name = 'keeper-1', actor_at = now() - interval '2 h',"
        """ path_state = '{"modes": {"standard": "live"}, "patience": 9000, "rules": "other"}',"""
        " path_ok_since = now() - interval '1 day', path_probe_at = now() - interval '2 h'"
    )
    shown = run("rescue", "status", "--config.file", os.devnull).output

    assert "live in standard (by the active replica)" in shown
    assert "active replica: keeper-1, last active 2 h ago" in shown
    assert "heartbeat path: verified since" in shown
    assert "judged by the limits of this command" in shown
    assert json.loads(run("rescue", "status", "--json").output)["modes"] == {"standard": "live"}


@pytest.mark.parametrize("command", ["rescue status", "stuck", "check"])
def test_nothing_is_well_while_missed_heartbeats_do_not_count(run: Run, scene: Scene, command: str) -> None:
    """A fleet that died as a whole: never "none", "no job is stuck", "1 of 1 beat" or "All is well"."""
    scene.stale()
    scene.sql.execute(
        "UPDATE riverkeeper.control SET path_ok_since = NULL, path_probe_at = now(), actor_at = now(),"
        """ actor_name = 'keeper-1', path_state = '{"why": "none of 3 worker processes has beaten for 172 s"}'"""
    )
    answer = run(*command.split())

    assert "none of 3 worker processes has beaten for 172 s" in answer.output.replace("\n", " ")
    assert "path_unverified" in answer.output
    assert not [well for well in ("All is well", "1 of 1 running", "No running job is stuck") if well in answer.output]
    assert answer.exit_code == (1 if command == "check" else 0)


def test_history_and_report_tell_the_audit(run: Run, scene: Scene) -> None:
    """Dry runs and false rescues are marked; the rate with numerator and denominator; names are text, not markup."""
    assert "The audit has no such rescue" in run("rescue", "list").output
    assert "no job was rescued" in run("rescue", "report").output
    scene.sql.execute(AUDIT)
    listed, reported = (
        run("rescue", "list", "--kind", "[red]send[/]", "--limit", "12"),
        run("rescue", "report", "--since", "30d"),
    )

    assert listed.exit_code == 0, listed.output
    assert "dry run: retry" in listed.output
    assert "[red]send[/]" in listed.output
    assert "was alive" in listed.output
    assert "standard: 12 claims would have been taken away. 11 known: 10 rightly" in reported.output
    assert "1 of the 11 whose observation time is over were false: 9.1%" in reported.output
    assert "0 still open" in reported.output
    assert "1 cannot be known" in reported.output
    assert "[red]send[/]" in reported.output
    assert len(json.loads(run("rescue", "list", "--job", "3", "--json").output)["rescues"]) == 1
    tier = json.loads(run("rescue", "report", "--json").output)["tiers"][0]
    assert (tier["false"], tier["known"], tier["unknown"]) == (1, 11, 1)


@pytest.mark.parametrize(
    "arguments",
    [("rescue", "report", "--since", "7"), ("rescue", "run"), ("rescue", "run", "0"), ("rescue", "run", "x")],
)
def test_a_slip_is_exit_code_2(run: Run, arguments: tuple[str, ...]) -> None:
    """The command is wrong, and the error shows the right one."""
    assert run("rescue", *arguments).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rescue", "report", "--since", "7"), '"7" has no unit; write 7d, 7h, 7m or 7s'),
        (("rescue", "run", "x"), "'x' is not a whole number from 1"),
        (("stuck", "--limit", "501"), "'501' is not a whole number from 1 to 500"),
    ],
)
def test_a_slip_is_corrected_in_words(run: Run, arguments: tuple[str, ...], words: str) -> None:
    """The error has what may be written there."""
    assert words in run(*arguments).output


def test_stuck_reports_the_same_as_text_and_as_json(run: Run, lost: Event) -> None:
    """The job, its reason, the limit with its origin, and what would be done; nothing else stands in the answer."""
    shown, filtered = run("stuck"), run("stuck", "--json", "--reason", "worker_lost", "--tier", "standard")

    assert (shown.exit_code, filtered.exit_code) == (0, 0), shown.output
    (job,) = json.loads(filtered.output)["jobs"]
    assert (job["id"], job["reason"], job["limit_origin"], job["act"]) == (
        lost["job_id"], "worker_lost", "tier standard", "retry",
    )  # fmt: skip
    assert "worker_lost" in shown.output
    assert json.loads(run("stuck", "--json", "--reason", "hung").output)["jobs"] == []


def test_stuck_names_why_nothing_is_known(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that is away is never an empty list."""
    monkeypatch.setenv("RIVERKEEPER_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    answer = run("stuck", "--json")

    assert answer.exit_code == 1
    assert "unreachable" in answer.output


@pytest.mark.parametrize(
    ("options", "said"),
    [(("--tier", "urgnt"), 'did you mean "urgent"?'), (("--reason", "worker_lots"), 'did you mean "worker_lost"?')],
)
def test_a_typo_in_a_filter_is_no_all_clear(run: Run, options: tuple[str, str], said: str) -> None:
    """Exit code 2, and the values that exist."""
    answer = run("stuck", *options)

    assert answer.exit_code == 2
    assert said in answer.output
    assert "stuck job" not in answer.output
