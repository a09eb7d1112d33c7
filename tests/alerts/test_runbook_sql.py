"""The SQL that a runbook tells people to run at night."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest

from alerts.rulebook import RUNBOOKS
from fixtures.offenders import for_each
from riverkeeper.demo.postgres import Server
from riverkeeper.postgres.connection import Session
from riverkeeper.schema.install import install

COMMANDS = [
    line for path in sorted(RUNBOOKS.glob("*.md")) for line in re.findall(r"^psql .*$", path.read_text(), re.MULTILINE)
]


@pytest.fixture(scope="module")
def session(postgres: Server) -> Iterator[Session]:
    """On a River-shaped database with a keeper schema."""
    url = postgres.database("runbooks", template="river_template")
    install(url, None, None)
    with Session(url) as session:
        yield session


@for_each("command", COMMANDS)
def test_statements_are_understood(command: str, session: Session) -> None:
    """A real server knows every table and column of it."""
    _, database, flag, statement = shlex.split(command)

    assert (database, flag) == ("$DATABASE_URL", "-c")
    session.execute(f"PREPARE asked AS {statement.replace('JOB_ID', '1')}")
    session.execute("DEALLOCATE asked")
