"""The command line as people and scripts use it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fixtures.workers import GO, JAVA, add_beat, add_job, add_process, add_rescue
from riverkeeper.cli import main
from riverkeeper.cli.terminal import JOB_HINT
from riverkeeper.postgres.connection import Session
from riverkeeper.schema.install import install

Run = Callable[..., Result]
COLUMNS = """
    SELECT table_name, column_name, data_type FROM information_schema.columns
    WHERE table_schema = 'riverkeeper' ORDER BY 1, 2
"""
LEADER = "INSERT INTO river_leader VALUES ('default', 'web-1', now(), now() + interval '15 s')"


@pytest.fixture
def run(river_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on a fresh River; its output with standard error behind it."""
    monkeypatch.setenv("RIVERKEEPER_DATABASE_URL", river_url)
    monkeypatch.setenv("COLUMNS", "160")
    runner = CliRunner()
    return lambda *arguments, **settings: runner.invoke(main, list(arguments), **settings)


def fail_some(sql: Session) -> None:
    sql.execute(
        "INSERT INTO river_job (state, queue, kind, attempt, max_attempts, attempted_at, scheduled_at, errors) "
        "SELECT 'retryable', 'mail', '[red]send[/]', 2, 2 + g, now(), now() + interval '1 min', "
        "ARRAY[jsonb_build_object('error', 'boom ' || g || E'\\nat line 1')] FROM generate_series(1, 3) AS g"
    )


def test_installing_twice_changes_nothing(run: Run, sql: Session) -> None:
    """`schema install` is safe to repeat, as deployments do."""
    first = run("schema", "install")
    sql.execute("UPDATE riverkeeper.ledger SET epoch = 7")
    second = run("schema", "install")

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert second.output == first.output
    assert sql.execute("SELECT epoch FROM riverkeeper.ledger")[0].epoch == 7


def test_the_printed_script_makes_the_same_schema(run: Run, sql: Session) -> None:
    """What `schema print` shows to be reviewed is what `schema install` runs."""
    printed = run("schema", "print").output
    sql.execute(printed)
    by_hand = sql.execute(COLUMNS)
    run("schema", "uninstall", "--yes")
    run("schema", "install")

    assert by_hand
    assert sql.execute(COLUMNS) == by_hand


def test_uninstall_asks_first(run: Run, sql: Session) -> None:
    """A no keeps everything."""
    run("schema", "install")
    answer = run("schema", "uninstall", input="n\n")

    assert answer.exit_code == 1
    assert sql.execute("SELECT count(*) AS n FROM riverkeeper.ledger")[0].n == 1


def test_failing_shows_the_nearest_to_discard_first(run: Run, sql: Session) -> None:
    """For people a table, and nothing in it is taken for markup."""
    fail_some(sql)
    shown = run("failing")

    assert shown.exit_code == 0
    assert shown.output.index("boom 1") < shown.output.index("boom 2") < shown.output.index("boom 3")
    assert "[red]send[/]" in shown.output
    assert "at line 1" not in shown.output


@pytest.mark.parametrize("columns", ["80", None], ids=["a terminal", "a pipe"])
def test_a_failing_job_is_found_by_its_whole_kind(
    run: Run, sql: Session, monkeypatch: pytest.MonkeyPatch, columns: str | None
) -> None:
    """Names are not broken over lines, in a narrow terminal neither; for grep a job is one line, error included."""
    fail_some(sql)
    monkeypatch.setenv("COLUMNS", columns) if columns else monkeypatch.delenv("COLUMNS")
    lines = [line for line in run("failing").output.splitlines() if "[red]send[/]" in line]

    assert len(lines) == 3
    assert all("mail" in line and "boom" in line for line in lines)


def test_failing_names_what_it_searched_for(run: Run, sql: Session) -> None:
    """Good news of one kind must not read as good news of all kinds."""
    assert run("failing").output == "No live job has failed.\n"
    sql.execute("INSERT INTO river_job (kind, queue) VALUES ('[b]x', 'q')")
    assert (
        run("failing", "--kind", "[b]x", "--queue", "q").output == "No live job of kind [b]x in queue q has failed.\n"
    )


@pytest.mark.parametrize("command", [["failing", "--kind"], ["stuck", "--kind"], ["limits"]])
def test_a_misspelt_kind_is_refused(run: Run, sql: Session, command: list[str]) -> None:
    """It has no stuck job, no failing job and no limit; that is no good news. The kinds that exist are named."""
    sql.execute("INSERT INTO river_job (kind, state) VALUES ('send_mail', 'available'), ('report', 'available')")
    answer = run(*command, "send_mial")

    assert answer.exit_code == 2
    assert answer.output == (
        'Error: no job of kind "send_mial" is in the table; did you mean "send_mail"? There are: report, send_mail\n'
    )
    assert run(*command, "send_mail").exit_code == 0


def test_a_misspelt_queue_is_refused(run: Run, sql: Session) -> None:
    """A queue exists where it has a job of any state, or a row of river_queue."""
    sql.execute(
        "INSERT INTO river_queue (name, updated_at) VALUES ('idle', now());"
        "INSERT INTO river_job (kind, queue, state, finalized_at) VALUES ('k', 'done', 'completed', now())"
    )
    answer = run("stuck", "--queue", "don")

    assert answer.exit_code == 2
    assert 'there is no queue "don"; did you mean "done"? There are: done, idle' in answer.output
    assert [run("stuck", "--queue", name).exit_code for name in ("idle", "done")] == [0, 0]


def test_a_kind_that_only_a_rule_names_has_limits(run: Run, tmp_path: Path) -> None:
    """The limits of a kind that is deployed tomorrow can be seen today."""
    file = tmp_path / "riverkeeper.yml"
    file.write_text("assign: [{kind: charge_card, tier: urgent}]")

    assert run("limits", "charge_card").exit_code == 2
    assert "urgent" in run("limits", "charge_card", "--config.file", str(file)).output


def test_an_empty_table_has_no_kind(run: Run) -> None:
    """There is nothing to suggest."""
    assert run("failing", "--kind", "k").output == 'Error: no job of kind "k" is in the table; the table holds no job\n'


def test_failing_speaks_json_to_scripts(run: Run, sql: Session) -> None:
    """Stable keys, RFC 3339 times, filters and bounds."""
    fail_some(sql)
    answer = json.loads(run("failing", "--json", "--queue", "mail", "--limit", "2").output)

    assert [job["max_attempts"] for job in answer["jobs"]] == [3, 4]
    assert answer["found"] == 3
    assert answer["jobs"][0]["scheduled_at"].endswith("Z")
    sql.execute("INSERT INTO river_job (kind, queue) VALUES ('k', 'calm')")
    assert json.loads(run("failing", "--json", "--queue", "calm").output)["jobs"] == []


def test_check_reports_to_scripts_by_its_exit_code(run: Run, sql: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """0 where it works, 1 where there is a problem, with what to do."""
    sql.execute(LEADER)
    printed = run("check").output
    well = run("check", "--json")
    monkeypatch.setenv("RIVERKEEPER_DATABASE_URL", "postgresql://nobody:secret@127.0.0.1:1/none")
    ill = run("check")

    assert (well.exit_code, ill.exit_code) == (0, 1)
    answer = json.loads(well.output)
    assert (answer["level"], answer["doors"]) == ("missing", {"Look": True, "Beat": False, "Rescue": False})
    assert printed.splitlines()[-2] == "1 missing"
    assert printed.splitlines()[-1] == answer["summary"]
    assert answer["summary"].endswith("Next: riverkeeper schema install")
    assert "secret" not in ill.output


def test_a_missing_url_is_reported(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that nobody named would be a riddle."""
    for name in ("RIVERKEEPER_DATABASE_URL", "DATABASE_URL", "PGHOST", "PGHOSTADDR", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PGPORT", "1")

    assert "the configuration names none" in run("check").output
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    assert "the configuration names none" not in run("check").output


def test_a_wrong_configuration_is_reported_at_once(run: Run, tmp_path: Path) -> None:
    """Every mistake with its line, exit code 2."""
    file = tmp_path / "keeper.yml"
    file.write_text("collect:\n  min_interval: 2\n  max_pair: 5\n")
    answer = run("config", "check", "--config.file", str(file))

    assert answer.exit_code == 2
    assert "keeper.yml:2" in answer.output
    assert "keeper.yml:3" in answer.output


def test_the_printed_configuration_hides_the_password(run: Run) -> None:
    """`config print` may be pasted into an issue."""
    answer = run("config", "print", "--database-url", "postgresql://keeper:topsecret@db/app")

    assert answer.exit_code == 0
    assert "topsecret" not in answer.output
    assert "keeper" in answer.output


def test_an_unknown_schema_is_a_sentence(run: Run) -> None:
    """No traceback: what happened, and what to do."""
    answer = run("failing", "--river-schema", "nowhere")

    assert answer.exit_code == 2
    assert 'there is no schema "nowhere"' in answer.output
    assert "--river-schema" in answer.output


def test_grants_are_applied_on_request(run: Run, river_url: str, sql: Session) -> None:
    """`schema grants` only prints; with --apply it runs what it prints, as a deployment's job does."""
    install(river_url, None, None)
    roles = "SELECT count(*) AS number FROM information_schema.role_table_grants WHERE grantee = 'riverkeeper_keeper'"

    printed = run("schema", "grants")
    assert sql.execute(f"{roles} AND table_schema = 'riverkeeper'")[0].number == 0

    applied = run("schema", "grants", "--apply")
    assert applied.exit_code == 0
    assert printed.output in applied.output
    assert sql.execute(f"{roles} AND table_schema = 'riverkeeper'")[0].number > 0


def test_a_variable_names_the_configuration_file(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RIVERKEEPER_CONFIG_FILE counts where --config.file is not given; an empty one counts as not set.

    A file that is not there is a mistake, as with the flag: defaults would hide the typo.
    """
    named, other = tmp_path / "named.yml", tmp_path / "other.yml"
    named.write_text("rescue: {mode: live}")
    other.write_text("rescue: {mode: disabled}")

    def mode(variable: str, *arguments: str) -> str:
        monkeypatch.setenv("RIVERKEEPER_CONFIG_FILE", variable)
        return run("config", "print", *arguments).output

    assert f"  mode: live  # {named}:1" in mode(str(named))
    assert f"  mode: disabled  # {other}:1" in mode(str(named), "--config.file", str(other))
    assert "  mode: dry_run  # default" in mode("")
    assert "missing.yml: cannot be read" in mode(str(tmp_path / "missing.yml"))


def test_workers_are_a_table_and_json(run: Run, sql: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that stopped with a job come first; what a runtime lacks is "no"; each row is one line for grep."""
    monkeypatch.setenv("COLUMNS", "300")  # an age may be long on a busy machine
    run("schema", "install")
    add_beat(sql, add_job(sql), add_process(sql, 1, GO, 120))
    add_process(sql, 2, "mine", software="plain [b]web")
    add_job(sql, JAVA)
    shown = run("workers")
    document = json.loads(run("workers", "--json", "--status", "stale").output)

    lines = re.sub(r"\d[\d.]* (ms|s|min|h)\b( \d+ (min|s))?( ago)?", "AGO", shown.output).splitlines()
    cells = [re.split(r"\s{2,}", line.strip()) for line in lines]
    killed = "killed, cut off or frozen at work; jobs: 1 still running"
    assert shown.exit_code == 0
    assert cells == [
        ["1 beating, 1 stopped beating, 1 without heartbeats"],
        ["client", "status", "last seen", "running", "kinds", "runtime", "level", "fence", "started", "end"],
        [GO, "stopped beating", "beat AGO", "1", "send", "go", "leasing", "no", "AGO", killed],
        [JAVA, "without heartbeats", "claim AGO", "1", "send", "java", "native guard", "not known"],
        ["mine", "beating", "beat AGO", "0", "none now", "unknown", "plain", "no", "AGO"],
        ["What Riverkeeper has of each runtime"],
        ["runtime", "workers", "metrics", "beats", "fence", "evidence of death"],
        ["unknown", "1", "yes", "yes", "no", "no"],
        ["java", "1", "yes, without waits", "no", "native guard", "no"],
    ]
    assert [worker["client_id"] for worker in document["workers"]] == [GO]
    assert document["known"] == {"beating": 1, "stale": 1, "no_heartbeats": 1}


def test_workers_by_a_name_that_does_not_exist(run: Run, sql: Session) -> None:
    """No all-clear for a misspelt kind; a wrong status is a wrong command."""
    add_job(sql)

    assert run("workers", "--kind", "sned").exit_code == 2
    assert run("workers", "--status", "dead").exit_code == 2
    assert run("workers", "--kind", "send").exit_code == 0


def test_running_jobs_are_a_table_and_json(run: Run, sql: Session) -> None:
    """The longest first; a worker by its host; nothing in it is taken for markup. An empty list is no misspelt name."""
    run("schema", "install")
    job = add_job(sql, kind="[red]send[/]", ago=3600)
    add_beat(sql, job, add_process(sql, 1, GO))
    add_job(sql, JAVA)
    sql.execute("UPDATE riverkeeper.heartbeat SET progress = 0.5, progress_at = now(), note = 'page [b]3'")
    shown = run("running")
    document = json.loads(run("running", "--json", "--worker", "web-1").output)

    assert shown.exit_code == 0
    for text in ("the 2 longest of 2 running jobs", "[red]send[/]", "[#####.....] 50 %", "page [b]3", "web-1", "1 h"):
        assert text in shown.output
    assert [row["id"] for row in document["jobs"]] == [job]
    assert document["jobs"][0]["expected_end"]["basis"] == "progress"
    assert (run("running", "--worker", "web-2").exit_code, run("running", "--kind", "sned").exit_code) == (2, 2)
    assert json.loads(run("running", "--json", "--tier", "standard").output)["found"] == 2
    assert "No job is running, tier urgent" in run("running", "--tier", "urgent").output
    assert "there is no tier" in run("running", "--tier", "urgnet").output
    assert "No job is running, worker web-4" in _with_idle(sql, run)


def test_a_list_with_ids_names_the_command_of_one_job(run: Run, sql: Session) -> None:
    """Who has an id in hand need not search for the way on; an empty list has none."""
    run("schema", "install")
    lists = ("failing",), ("running",), ("rescue", "list")
    empty = [run(*words).output for words in lists]
    job = add_job(sql)
    add_rescue(sql, job)
    sql.execute("UPDATE river_job SET errors = ARRAY['{}'::jsonb]")

    assert not [shown for shown in empty if JOB_HINT in shown]
    assert [JOB_HINT in run(*words).output for words in lists] == [True, True, True]
    assert f"riverkeeper job {job}" in run("rescue", "run", str(job)).output


def _with_idle(sql: Session, run: Run) -> str:
    add_process(sql, 2, "web-4")
    return run("running", "--worker", "web-4").output


FAILED = """UPDATE river_job SET scheduled_at = now() + interval '1 hour', args = '{"card": "4111"}',
    errors = ARRAY[%(error)s::jsonb]"""


def test_the_life_of_one_job(run: Run, sql: Session) -> None:
    """How it is, what comes next, its events in order, its facts and errors; texts of users are never markup."""
    run("schema", "install")
    job = add_job(sql, kind="[red]send[/]", state="retryable")
    sql.execute(FAILED, {"error": json.dumps({"attempt": 1, "at": "2026-11-28T10:00:00Z", "error": "boom [b]"})})
    shown = run("job", str(job))
    lines = [line.strip() for line in shown.output.splitlines()]
    document = json.loads(run("job", str(job), "--json").output)

    assert shown.exit_code == 0
    assert lines[:2] == [f"Job {job}: retryable", "What happens next"]
    assert lines[2].startswith("The next attempt may begin at ")
    assert [line for line in lines if line in {"Its life", "The job now", "The newest 1 of 1 errors"}] == [
        "Its life", "The job now", "The newest 1 of 1 errors",
    ]  # fmt: skip
    assert re.search(r"Kind\s+\[red\]send\[/\]", shown.output)
    assert lines[-1] == "boom [b]"
    assert "4111" not in shown.output + json.dumps(document)
    assert (document["job"]["state"], len(document["next"])) == ("retryable", 1)


def test_a_job_that_is_not_there(run: Run) -> None:
    """1, in words; a wrong id is a wrong command."""
    answer = run("job", "999")

    assert (answer.exit_code, run("job", "0").exit_code, run("job", "x").exit_code) == (1, 2, 2)
    assert "River's table has no such job" in answer.output


def test_a_stack_that_cannot_come_is_a_sentence(run: Run, sql: Session) -> None:
    """1, with the reason: the job does not run, or its worker does not beat for it."""
    run("schema", "install")
    waiting, silent = add_job(sql, state="retryable"), add_job(sql)
    answers = [run("job", str(job), "--stack") for job in (waiting, silent)]

    assert [answer.exit_code for answer in answers] == [1, 1]
    assert "it does not run" in answers[0].output
    assert "its worker does not beat for it" in answers[1].output
