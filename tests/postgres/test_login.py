"""What stands between us and the database: addresses, logins, limits. Each has a sentence, and none a password."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fixtures.scrape import page_of, read
from fixtures.waiting import until
from riverkeeper.demo.postgres import Server
from riverkeeper.postgres.connection import Database, Session
from riverkeeper.postgres.errors import FIXES, DatabaseError, ErrorKind
from riverkeeper.postgres.urls import describe_target

LOGINS = """
DROP ROLE IF EXISTS with_password, kept_out, one_at_a_time;
CREATE ROLE with_password LOGIN PASSWORD 'right';
CREATE ROLE kept_out LOGIN;
CREATE ROLE one_at_a_time LOGIN CONNECTION LIMIT 1;
"""
HBA = """
host all with_password 127.0.0.1/32 scram-sha-256
host all kept_out      127.0.0.1/32 reject
"""


@pytest.fixture(scope="module")
def logins(postgres: Server) -> Iterator[Server]:
    """The server, with logins that do not get in."""
    postgres.execute(LOGINS)
    hba = postgres.folder / "data" / "pg_hba.conf"
    before = hba.read_text()
    hba.write_text(HBA + before)
    postgres.execute("SELECT pg_reload_conf()")
    until(lambda: trouble(postgres.database_url("postgres", "kept_out")), "the new pg_hba.conf to be in force")
    yield postgres
    hba.write_text(before)
    postgres.execute("SELECT pg_reload_conf()")


def failure(url: str) -> DatabaseError | None:
    """Why a session cannot be had; None where it can."""
    try:
        Session(url).__exit__()
    except DatabaseError as error:
        return error
    return None


def trouble(url: str) -> ErrorKind | None:
    error = failure(url)
    return error.kind if error else None


def with_password(server: Server, password: str, database: str = "postgres") -> str:
    return server.database_url(database, f"with_password:{quote(password, safe='')}")


def test_a_wrong_password_is_a_refused_login(logins: Server) -> None:
    """The sentence names the user and what to check; the right password gets in."""
    error = failure(with_password(logins, "hunter2"))

    assert error is not None
    assert error.kind is ErrorKind.REFUSED_LOGIN
    assert "with_password" in str(error)
    assert "hunter2" not in str(error)
    assert failure(with_password(logins, "right")) is None


def test_no_password_and_pg_hba_are_refused_logins(logins: Server) -> None:
    """A missing password, a line of pg_hba.conf, an unknown role: all are about who we are."""
    for user in ("with_password", "kept_out", "nobody_knows"):
        assert trouble(logins.database_url("postgres", user)) is ErrorKind.REFUSED_LOGIN, user


def test_a_database_that_is_not_there(logins: Server) -> None:
    """A wrong name and a database without the right to connect are distinguished."""
    logins.execute("CREATE DATABASE closed")
    logins.execute("REVOKE CONNECT ON DATABASE closed FROM PUBLIC")

    assert trouble(logins.database_url("no_such")) is ErrorKind.NO_DATABASE
    assert trouble(with_password(logins, "right", "closed")) is ErrorKind.REFUSED_LOGIN


def test_a_server_that_is_full(logins: Server) -> None:
    """No connection left: neither the address nor the login is wrong."""
    url = logins.database_url("postgres", "one_at_a_time")
    with Session(url):
        assert trouble(url) is ErrorKind.FULL


def test_a_server_without_tls(logins: Server) -> None:
    """Neither the address nor the login is wrong, but how to speak."""
    assert trouble(logins.url + "?sslmode=require") is ErrorKind.NO_TLS
    assert trouble(logins.url + "?sslmode=verify-full&sslrootcert=/nowhere") is ErrorKind.NO_TLS


def test_nobody_listens() -> None:
    """A closed port and a host that does not exist are unreachable, and reported so with their names."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"postgresql://u:hunter2@127.0.0.1:{unused.getsockname()[1]}/db"
        for url in (closed, "postgresql://u:hunter2@no-such-host.invalid/db"):
            error = failure(url)
            assert error is not None
            assert error.kind is ErrorKind.UNREACHABLE
            assert error.message.count("127.0.0.1") or error.message.count("no-such-host.invalid")
            assert "hunter2" not in str(error)


def test_a_server_that_never_answers_is_given_up() -> None:
    """A port that accepts and never answers costs no more than the time there is, rounded up to libpq's two seconds."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        snapshot = read(f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/db", seconds=0.5)

    assert not snapshot.up
    assert snapshot.error is not None
    assert "unreachable" in snapshot.error


def test_after_hosts_that_never_answer_the_next_one_is_kept(postgres: Server) -> None:
    """They stand first in the URL, and each takes its two seconds: at the next try the one that answers is there."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        hosts = f"127.0.0.1:{silent.getsockname()[1]},127.0.0.1:{postgres.port}"
        database = Database(f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write")
        with pytest.raises(DatabaseError) as raised, database.writing(1.0, {}):
            pass
        with database.writing(1.0, {}) as tx:
            tx.execute("SELECT 1")
        database.close()

    assert raised.value.kind is ErrorKind.TIMED_OUT


def test_a_database_that_is_away_makes_a_page(logins: Server) -> None:
    """river_up 0, our own facts, and nothing else of River: no last values, no zeros."""
    snapshot = read(logins.database_url("no_such"))
    page = page_of(snapshot)

    assert [name for name in page.samples if name.startswith("river_")] == ["river_up"]
    assert page.value("river_up") == 0
    assert page.of("riverkeeper_build_info")
    assert not page.of("riverkeeper_target_info")


def test_every_error_names_a_fix() -> None:
    """The sentence names what to do; each begins like part of a sentence and has no repetition."""
    assert set(FIXES) == set(ErrorKind)
    assert all(fix and not fix.endswith(".") for fix in FIXES.values())


SHAPES: tuple[Callable[[str], str], ...] = (
    lambda password: f"postgresql://user:{password}@127.0.0.1:1/db",
    lambda password: f"postgresql://user:{quote(password, safe='')}@127.0.0.1:1/db",
    lambda password: f"postgres://user:{password}",
    lambda password: f"postgresql://user:{password}/db",
    lambda password: f"postgresql:/user:{password}@127.0.0.1:1/db",
    lambda password: f"postgresql://127.0.0.1:1/db?password={password}",
    lambda password: f"host=127.0.0.1 port=1 password={password}",
    lambda password: f"host=127.0.0.1 port=1 password='{password}' user=user",
    lambda password: f"user:{password}@127.0.0.1:1/db",
)


@example("@", SHAPES[0])
@example("/", SHAPES[0])
@given(st.text("@/:?#%[]&= '\\{},"), st.sampled_from(SHAPES))
def test_no_text_of_ours_holds_a_password(signs: str, shape: Callable[[str], str]) -> None:
    """However a URL is miswritten, no part of its password stands in an error, a repr or the name of the target."""
    url = shape("Hunter" + signs + "Twice" + signs)
    texts = []
    try:
        texts.append(describe_target(url))
        database = Database(url)
        texts.append(repr(database))
        with database.reading(3, {}):
            pytest.fail("nothing listens at port 1")
    except DatabaseError as error:
        texts += [str(error), repr(error), error.message, repr(error.__cause__)]

    assert not [text for text in texts if "hunter" in text.lower() or "twice" in text.lower()]


def test_a_url_without_a_user_where_the_system_has_no_name_for_ours(postgres: Server) -> None:
    """As in a container: neither host, port nor firewall is wrong."""
    if os.getuid() != 0:
        pytest.skip("only root can become a user without a name")
    code = (
        "import os; from riverkeeper.postgres.connection import Session; os.setuid(65532); "
        f"Session('postgresql://127.0.0.1:{postgres.port}/postgres')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert "write the user into the URL" in done.stderr
    assert "check host, port" not in done.stderr


def test_what_another_driver_reads_in_the_url_is_no_mistake(postgres: Server) -> None:
    """A pool's size is ignored; a parameter that nobody knows is named."""
    assert failure(f"{postgres.url}?pool_max_conns=10&connection_limit=3") is None
    error = failure(f"{postgres.url}?pool_max_connections=10")
    assert error is not None
    assert error.kind is ErrorKind.BAD_URL
    assert "pool_max_connections" in error.message
