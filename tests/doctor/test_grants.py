"""A fresh server and four logins: what `schema grants` prints is pasted part by part, each by the login it names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from click.testing import CliRunner, Result

from fixtures.check import check_url
from riverkeeper.cli import main
from riverkeeper.demo.postgres import Server, create_river_table, start_postgres
from riverkeeper.doctor.report import CheckFinding, Level
from riverkeeper.postgres.connection import Session, run_script
from riverkeeper.postgres.errors import DatabaseError, ErrorKind

Run = Callable[..., Result]
LOGINS = """
CREATE ROLE admin LOGIN CREATEROLE;
CREATE ROLE owner LOGIN;
CREATE ROLE "rk-prod" LOGIN;
CREATE ROLE workers LOGIN;
"""
PART = re.compile(r'^-- Part \d+: run it as (?:an (administrator)|"([^"]*)").*$', re.MULTILINE)


@dataclass
class Company:
    """A database whose tables belong to a login that may make no roles, and an administrator who owns nothing."""

    server: Server

    def url(self, login: str) -> str:
        return self.server.database_url("company", login)

    def paste(self, printed: str) -> list[str]:
        """Run each part as the login that it names; who that was, in order."""
        marks = list(PART.finditer(printed))
        ends = [mark.start() for mark in marks[1:]] + [len(printed)]
        logins = ["admin" if mark[1] else mark[2] for mark in marks]
        for mark, end, login in zip(marks, ends, logins, strict=True):
            run_script(self.url(login), printed[mark.start() : end])
        return logins


@pytest.fixture(scope="module")
def fresh_server() -> Iterator[Server]:
    """Roles belong to a server: on the shared one others have made ours already."""
    with start_postgres() as server:
        server.execute(LOGINS)
        yield server


@pytest.fixture
def company(fresh_server: Server) -> Iterator[Company]:
    fresh_server.execute("DROP DATABASE IF EXISTS company WITH (FORCE)")
    for role in ("reader", "keeper", "rescuer", "worker"):
        fresh_server.execute(f"DROP ROLE IF EXISTS riverkeeper_{role}")
    fresh_server.execute("CREATE DATABASE company OWNER owner")
    firm = Company(fresh_server)
    fresh_server.execute("CREATE SCHEMA jobs AUTHORIZATION owner", "company")
    create_river_table(firm.url("owner"), "jobs")
    yield firm
    fresh_server.execute("DROP DATABASE company WITH (FORCE)")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "160")
    return lambda url, *arguments: CliRunner().invoke(
        main, [*arguments, "--database-url", url, "--river-schema", "jobs"]
    )


def rights(company: Company, *, live: bool = False) -> list[CheckFinding]:
    found = check_url(company.url("rk-prod"), "jobs", live=live).findings
    return [
        finding
        for finding in found
        if finding.topic in {"rights", "keeper schema", "rescuer"} and finding.level is not Level.OK
    ]


def test_before_the_install_the_grants_open_the_first_door(company: Company, run: Run) -> None:
    """A login that only looks needs no keeper schema: both parts run as they stand, and it reads everything."""
    printed = run(company.url("rk-prod"), "schema", "grants")

    assert printed.exit_code == 0
    assert 'GRANT riverkeeper_reader TO "rk-prod";' in printed.output.splitlines()
    assert company.paste(printed.output) == ["admin", "owner"]
    assert company.paste(printed.output) == ["admin", "owner"]
    assert [finding.topic for finding in rights(company)] == ["keeper schema"]


def test_after_the_install_a_live_rescuer_and_its_workers(company: Company, run: Run) -> None:
    """The line that gives a login its role is a statement of the script; nothing is missing then."""
    assert run(company.url("owner"), "schema", "install").exit_code == 0
    wish = ("--login", "rk-prod", "--role", "rescuer", "--workers", "workers")
    printed = run(company.url("owner"), "schema", "grants", *wish).output

    assert 'GRANT riverkeeper_rescuer TO "rk-prod";' in printed.splitlines()
    assert 'GRANT riverkeeper_worker TO "workers";' in printed.splitlines()
    assert company.paste(printed) == ["admin", "owner"]
    assert rights(company, live=True) == []
    with Session(company.url("workers")) as worker:
        worker.execute("SELECT id, state FROM jobs.river_job")
        with pytest.raises(DatabaseError) as refused:
            worker.execute("UPDATE jobs.river_job SET state = 'available'")
    assert refused.value.kind is ErrorKind.FORBIDDEN


def test_the_doctor_proposes_the_lines_of_the_script(company: Company, run: Run) -> None:
    """One line of an administrator's, the same that `schema grants` prints; it alone fixes what was found."""
    run(company.url("owner"), "schema", "install")
    company.paste(run(company.url("owner"), "schema", "grants").output)
    missing = rights(company, live=True)

    assert {finding.fix for finding in missing} == {'GRANT riverkeeper_rescuer TO "rk-prod";'}
    assert missing[0].fix in run(company.url("rk-prod"), "schema", "grants", "--role", "rescuer").output.splitlines()
    run_script(company.url("admin"), missing[0].fix)
    assert rights(company, live=True) == []


def test_a_keeper_schema_of_another_owner_has_a_part_of_its_own(company: Company, run: Run) -> None:
    """The login that ran `schema install` owns its tables, and only it may grant them."""
    company.server.execute("CREATE ROLE operations LOGIN")
    try:
        company.server.execute("GRANT USAGE ON SCHEMA jobs TO operations", "company")
        company.server.execute("GRANT CREATE ON DATABASE company TO operations")
        assert run(company.url("operations"), "schema", "install").exit_code == 0
        printed = run(company.url("rk-prod"), "schema", "grants").output

        assert company.paste(printed) == ["admin", "owner", "operations"]
        assert rights(company) == []
    finally:
        company.server.execute("DROP OWNED BY operations CASCADE", "company")
        company.server.execute("DROP ROLE operations")


def test_applying_runs_what_this_login_may_and_names_the_rest(company: Company, run: Run) -> None:
    """The administrator's part first, which exits with 1 while the owner's is left; then the owner's: all is done."""
    first = run(company.url("admin"), "schema", "grants", "--apply", "--login", "rk-prod")
    second = run(company.url("owner"), "schema", "grants", "--apply", "--login", "rk-prod")

    assert first.exit_code == 1
    assert '-- the part for "owner", who owns River\'s tables' in first.output
    assert '-- the part for "owner"' not in second.output
    assert (second.exit_code, second.output.splitlines()[-1]) == (0, "-- Done.")
    assert [finding.topic for finding in rights(company)] == ["keeper schema"]


def test_a_login_that_is_not_there_gets_no_script(company: Company, run: Run) -> None:
    """A typo in a name is wrong use, and no SQL that fails on paste."""
    answer = run(company.url("owner"), "schema", "grants", "--login", "rk-prud")

    assert answer.exit_code == 2
    assert 'there is no role "rk-prud" on this server' in answer.output
    assert "GRANT" not in answer.output


def test_a_role_that_is_not_inherited_is_reported(company: Company, run: Run) -> None:
    """The login has the role and not its rights: the line that fixes it, and no grant that it has already."""
    company.paste(run(company.url("rk-prod"), "schema", "grants").output)
    run_script(company.url("admin"), 'REVOKE riverkeeper_reader FROM "rk-prod"')  # who granted it
    company.server.execute('ALTER ROLE "rk-prod" NOINHERIT')
    company.server.execute('GRANT riverkeeper_reader TO "rk-prod"')
    try:
        (finding, *_) = rights(company)

        assert finding.topic == "rights"
        assert "INHERIT" in (finding.fix or "")
        company.server.execute(finding.fix or "", "company")
        assert [finding.topic for finding in rights(company)] == ["keeper schema"]
    finally:
        company.server.execute('ALTER ROLE "rk-prod" INHERIT')
