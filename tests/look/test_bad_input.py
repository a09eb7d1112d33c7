"""Set-ups in which `riverkeeper look` cannot answer: a sentence with cause and fix, and never a password."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner, Result

from fixtures.standby import paired, replayed
from fixtures.waiting import until
from riverkeeper.cli import main
from riverkeeper.demo.postgres import Server, create_river_table
from riverkeeper.postgres.connection import Session

PASSWORD = "gehe1m"


def look(url: str, *flags: str) -> Result:
    """The answer; a traceback or a password in it is a fault of every case."""
    result = CliRunner().invoke(main, ["look", url, *flags])
    assert "Traceback" not in result.output
    assert PASSWORD not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def with_password(url: str) -> str:
    return url.replace("postgres@", f"postgres:{PASSWORD}@")


@contextmanager
def login(sql: Session, name: str) -> Iterator[None]:
    """A login of this name, without rights."""
    sql.execute(f"DROP ROLE IF EXISTS {name}; CREATE ROLE {name} LOGIN")
    yield
    sql.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_row_level_security_is_no_empty_river(river_url: str, sql: Session) -> None:
    """Hidden rows would look like a healthy River."""
    with login(sql, "filtered"):
        sql.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO filtered")
        sql.execute("ALTER TABLE river_job ENABLE ROW LEVEL SECURITY")
        result = look(river_url.replace("postgres@", "filtered@"))

    assert result.exit_code == 1
    assert "row level security is active" in result.output
    assert "BYPASSRLS" in result.output


def test_a_login_without_rights(river_url: str, sql: Session) -> None:
    """The missing right is named, and the printed statements give it."""
    with login(sql, "nobody"):
        result = look(river_url.replace("postgres@", "nobody@"))
        for statement in (line.strip() for line in result.output.splitlines() if line.strip().startswith("GRANT ")):
            sql.execute(statement)
        granted = look(river_url.replace("postgres@", "nobody@"))

    assert result.exit_code == 1
    assert 'login "nobody" may not read River\'s tables in schema "public"' in result.output
    assert granted.exit_code == 0, granted.output


def test_a_login_without_a_right_on_one_table(river_url: str, sql: Session) -> None:
    """The rest is reported; no leader is reported missing only because river_leader may not be read."""
    with login(sql, "narrow_table"):
        sql.execute("GRANT SELECT ON river_job, river_queue TO narrow_table")
        document = json.loads(look(river_url.replace("postgres@", "narrow_table@"), "--json").stdout)

    assert [sentence for sentence in document["unread"] if sentence.startswith("leader: ")]
    assert "leader_missing" not in {finding["name"] for finding in document["findings"]}


@pytest.mark.parametrize("parameters", ["pool_max_conns=10", "connection_limit=5&pgbouncer=true", "search_path=public"])
def test_parameters_of_other_drivers(river_url: str, parameters: str) -> None:
    """One DATABASE_URL serves the whole application: pgx's and Prisma's parameters do no harm."""
    assert look(f"{with_password(river_url)}?{parameters}", "--json").exit_code == 0


def test_an_unknown_parameter(river_url: str) -> None:
    """It is named, with what to do."""
    result = look(f"{with_password(river_url)}?nosuchthing=1")

    assert result.exit_code == 2
    assert "nosuchthing" in result.output
    assert "remove the parameter" in result.output


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_other_encodings(postgres: Server, encoding: str) -> None:
    """Read, in the letters that the database has."""
    name = f"look_{encoding.lower()}"
    postgres.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    postgres.execute(f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")
    url = postgres.database_url(name)
    create_river_table(url, "public")
    with Session(url) as sql:
        sql.execute(
            "INSERT INTO river_job (kind, state, attempt, max_attempts, attempted_at, finalized_at, errors)"
            " VALUES ('é', 'discarded', 1, 1, now(), now(), ARRAY[jsonb_build_object('attempt', 1, 'error', 'naïf')])"
        )
    document = json.loads(look(url, "--json").stdout)

    assert document["unread"] == []
    assert ["é"] in [finding["kinds"] for finding in document["findings"]]


def test_a_database_without_river(postgres: Server) -> None:
    """Nothing is there to look at: exit code 2, and how to name another schema."""
    result = look(with_password(postgres.database("look_empty", template="template0")))

    assert result.exit_code == 2
    assert "no table river_job" in result.output
    assert "--river-schema" in result.output


@pytest.mark.parametrize("url", ["postgresql://u:gehe1m@host:nope/app", "mysql://u:gehe1m@host/app", "just words"])
def test_a_url_that_is_none(url: str) -> None:
    """How a URL is written, with exit code 1 or 2."""
    assert look(url).exit_code in {1, 2}
    assert "postgresql://" in look(url).output


def test_a_server_that_is_not_there() -> None:
    """The port where nobody listens, and what to check."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        result = look(f"postgresql://u:{PASSWORD}@127.0.0.1:{free.getsockname()[1]}/app")

    assert result.exit_code == 1
    assert "check host, port and firewall" in result.output


def test_a_login_that_does_not_exist(river_url: str) -> None:
    """The server's refusal, and what to check."""
    result = look(river_url.replace("postgres@", f"stranger:{PASSWORD}@"))

    assert result.exit_code == 1
    assert "stranger" in result.output
    assert "check the user" in result.output


def test_a_standby() -> None:
    """It is read; the leader's table is not there, and so is not reported as missing."""
    with paired() as pair:
        pair.primary.execute("INSERT INTO river_job (kind, state) VALUES ('k', 'available')", "river")
        until(lambda: replayed(pair.primary, pair.standby), "the standby to catch up")
        document = json.loads(look(pair.standby.database_url("river"), "--json").stdout)

    assert document["standby"] is True
    assert document["unread"] == []
    assert "leader_missing" not in {finding["name"] for finding in document["findings"]}
