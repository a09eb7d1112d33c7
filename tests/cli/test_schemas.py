"""Every command finds both schemas in the same one way, or names the wrong one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from click.testing import CliRunner, Result

from fixtures.check import check_url
from fixtures.scrape import SETTINGS, errors, page_of, read
from riverkeeper.cli import main
from riverkeeper.demo.postgres import create_river_table
from riverkeeper.doctor.report import Level
from riverkeeper.postgres.connection import Session
from riverkeeper.schema.install import install
from riverkeeper.schema.schemas import read_schema_names

Run = Callable[..., Result]
COMMANDS = {
    "check": ("check",),
    "failing": ("failing",),
    "stuck": ("stuck",),
    "limits": ("limits",),
    "rescue list": ("rescue", "list"),
    "rescue report": ("rescue", "report"),
    "install": ("schema", "install"),
    "print": ("schema", "print"),
    "grants": ("schema", "grants"),
    "uninstall": ("schema", "uninstall", "--yes"),
}


@pytest.fixture
def run(river_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "160")
    runner = CliRunner()
    return lambda url, *arguments: runner.invoke(main, [*arguments, "--database-url", url])


@pytest.fixture
def searched(river_url: str, sql: Session) -> str:
    """River in `jobs3`, which only the login's search_path finds; an older one lies in `public`."""
    create_river_table(river_url, "jobs3")
    sql.execute("INSERT INTO jobs3.river_job (kind) VALUES ('here')")
    sql.execute("DROP ROLE IF EXISTS by_path; CREATE ROLE by_path LOGIN SUPERUSER")
    sql.execute("ALTER ROLE by_path SET search_path = jobs3, public")
    return river_url.replace("postgres@", "by_path@")


def test_what_is_printed_names_the_schema_that_is_read(run: Run, searched: str, sql: Session) -> None:
    """Found by the search_path, as River's own clients find it: in the script, in the grants, and on the page."""
    printed, granted = run(searched, "schema", "print").output, run(searched, "schema", "grants", "--apply")
    snapshot = read(searched)

    assert "'jobs3'" in printed
    assert 'ON "jobs3".river_job TO' in granted.output
    assert '"public".' not in granted.output
    assert granted.exit_code == 0
    assert snapshot.target is not None
    assert snapshot.target.river_schema == "jobs3"
    install(searched, None, None)
    assert sql.execute("SELECT river_schema FROM riverkeeper.meta")[0].river_schema == "jobs3"


def test_named_or_found_it_is_one_keeper_schema(searched: str) -> None:
    """A keeper schema that was made by one way is found by the other."""
    install(searched, "jobs3", None)

    assert read_schema_names(searched, None, None) == ("jobs3", "jobs3_riverkeeper")
    assert read_schema_names(searched, "jobs3", None) == ("jobs3", "jobs3_riverkeeper")
    assert read_schema_names(searched, "public", None) == ("public", "public_riverkeeper")


def test_the_keeper_schema_of_another_river_is_never_taken(searched: str) -> None:
    """`riverkeeper` may serve the River in `public`; the one in `jobs3` has another."""
    install(searched, "public", "riverkeeper")

    assert read_schema_names(searched, "jobs3", None) == ("jobs3", "jobs3_riverkeeper")
    assert read_schema_names(searched, "public", None) == ("public", "riverkeeper")


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_schema_that_does_not_exist_is_wrong_use(run: Run, river_url: str, command: tuple[str, ...]) -> None:
    """Exit code 2 and a sentence; never SQL for a schema that is not there, never an all-clear."""
    answer = run(river_url, *command, "--river-schema", "jobs")

    assert answer.exit_code == 2
    assert 'there is no schema "jobs" in this database' in answer.output
    assert "GRANT" not in answer.output
    assert "CREATE" not in answer.output


def test_a_river_elsewhere_is_named(river_url: str, sql: Session) -> None:
    """Where the search_path finds none, the sentence names the schemas that hold one."""
    create_river_table(river_url, "jobs3")
    sql.execute("DROP TABLE public.river_job")

    assert 'schema "jobs3" holds one' in (read(river_url).error or "")


def test_the_type_of_a_state_may_live_elsewhere(river_url: str, sql: Session) -> None:
    """ALTER TABLE … SET SCHEMA leaves the enum behind: every question is answered, and nothing is wrong."""
    sql.execute("CREATE SCHEMA jobs")
    for table in ("river_job", "river_queue", "river_leader", "river_migration"):
        sql.execute(f"ALTER TABLE public.{table} SET SCHEMA jobs")
    sql.execute("INSERT INTO jobs.river_job (kind, state, attempted_at) VALUES ('k', 'running', now())")
    sql.execute('ALTER TYPE public.river_job_state RENAME TO "State of a job"')
    install(river_url, "jobs", None)
    snapshot = read(river_url, replace(SETTINGS, river_schema="jobs"))

    assert (snapshot.error, errors(snapshot)) == (None, {})
    assert page_of(snapshot).value("river_jobs", queue="default", state="running") == 1
    problems = [finding for finding in check_url(river_url, "jobs").findings if finding.level is Level.PROBLEM]
    assert {problem.topic for problem in problems} == {"leader"}
