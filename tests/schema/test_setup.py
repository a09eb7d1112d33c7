"""`schema install` does what its login may do, and names who must do the rest; in whichever order they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from conftest import river_table
from riverkeeper.cli import main
from riverkeeper.demo.postgres import Server, start_postgres
from riverkeeper.postgres.connection import run_script

LOGINS = """
CREATE ROLE admin LOGIN CREATEROLE;
CREATE ROLE app LOGIN;
CREATE ROLE app_worker LOGIN;
CREATE ROLE riverkeeper LOGIN;
"""
FOR_LOGINS = ("--login", "riverkeeper", "--workers", "app_worker", "--role", "rescuer")
Command = Callable[..., Result]


@pytest.fixture(scope="module")
def fresh_server() -> Iterator[Server]:
    """A server of its own: roles belong to all databases of a server."""
    with start_postgres() as server:
        server.execute(LOGINS)
        yield server


@pytest.fixture
def command(fresh_server: Server) -> Iterator[Command]:
    """command(login, *arguments) on a River that the login app owns, without roles of Riverkeeper."""
    run_script(fresh_server.database("shop"), "ALTER DATABASE shop OWNER TO app; ALTER SCHEMA public OWNER TO app")
    run_script(fresh_server.database_url("shop", "app"), river_table("public"))
    runner = CliRunner()
    yield lambda login, *arguments: runner.invoke(
        main, [*arguments, "--database-url", fresh_server.database_url("shop", login)]
    )
    fresh_server.database("shop")
    for role in ("worker", "rescuer", "keeper", "reader"):
        fresh_server.execute(f"DROP ROLE IF EXISTS riverkeeper_{role}")


def test_the_owner_first(fresh_server: Server, command: Command) -> None:
    """It makes the tables and the fence. Its SQL for the administrator runs as printed; then it gives the rights."""
    first = command("app", "schema", "install", *FOR_LOGINS)
    assert first.exit_code == 0, first.output
    assert first.output.startswith('done     keeper schema "riverkeeper", version ')
    assert "missing  roles. Send this SQL to an administrator (superuser, or CREATEROLE), then run" in first.output
    assert "rights" not in first.output.partition("DO $$")[2], "the roles come first"

    sql = "\n".join(line for line in first.output.splitlines() if line.startswith(("DO ", "GRANT ")))
    run_script(fresh_server.database_url("shop", "admin"), sql)
    second = command("app", "schema", "install", *FOR_LOGINS)
    assert "missing" not in second.output
    assert "done     riverkeeper has the role riverkeeper_rescuer" in second.output
    assert "done     app_worker has the role riverkeeper_worker" in second.output
    assert "done     the roles have their rights on River's tables and on the keeper schema" in second.output
    assert "riverkeeper may read every column" in command("riverkeeper", "check").output.replace("\n", " ")


def test_the_administrator_first(command: Command) -> None:
    """It makes the roles before there is a keeper schema; the owner's one command does the rest."""
    granted = command("admin", "schema", "grants", *FOR_LOGINS, "--apply")
    assert granted.exit_code == 1
    assert (
        'the part for "app", who owns River\'s tables: run `riverkeeper schema install` as this login' in granted.output
    )

    installed = command("app", "schema", "install")
    assert "missing" not in installed.output
    assert "done     the roles have their rights" in installed.output
    assert "may rescue stuck jobs" in command("riverkeeper", "check").output


def test_one_login_that_may_do_all(command: Command) -> None:
    """A superuser needs one command."""
    done = command("postgres", "schema", "install", *FOR_LOGINS)

    assert done.exit_code == 0
    assert "missing" not in done.output
    assert "may rescue stuck jobs" in command("riverkeeper", "check").output


def test_without_other_logins_no_role_is_needed(command: Command) -> None:
    """The owner of River's tables may do everything; how to name other logins is printed."""
    done = command("app", "schema", "install")

    assert "missing" not in done.output
    assert 'note     the login "app" needs no role.' in done.output
    assert "riverkeeper schema install --role rescuer --login NAME --workers NAME" in done.output


def test_grants_wait_for_the_roles(command: Command) -> None:
    """The owner alone cannot grant to roles that do not exist: no error of the server, but who is next."""
    done = command("app", "schema", "grants", *FOR_LOGINS, "--apply")

    assert done.exit_code == 1
    assert "does not exist" not in done.output
    assert "-- the part for an administrator" in done.output


def test_a_login_that_may_not_install_learns_who_may(command: Command) -> None:
    """Before the install an administrator makes the schema; after it the owner is named."""
    before = command("riverkeeper", "schema", "install")
    assert (before.exit_code, "may not create a schema in database" in before.output) == (1, True)
    assert 'CREATE SCHEMA "riverkeeper" AUTHORIZATION "riverkeeper";' in before.output

    command("app", "schema", "install")
    after = command("riverkeeper", "schema", "install")
    assert 'keeper schema "riverkeeper" belongs to login "app", and this login is "riverkeeper"' in after.output
    assert 'run this as login "app"' in after.output
