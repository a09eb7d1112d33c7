"""Connection strings that were written for other drivers: what libpq gets, what is searched, ignored and refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.urls import IGNORED, read_url


@pytest.mark.parametrize(
    ("text", "conninfo", "searched", "ignored"),
    [
        ("postgres://u:p@h/db?pool_max_conns=10", "postgres://u:p@h/db", (), ("pool_max_conns",)),
        (
            "postgres://u@h/db?sslmode=require&pool_max_conns=10&connect_timeout=3",
            "postgres://u@h/db?sslmode=require&connect_timeout=3", (), ("pool_max_conns",),
        ),
        ("postgres://u@h/db?search_path=jobs", "postgres://u@h/db", ("jobs",), ()),
        ("postgres://u@h/db?search_path=Jobs,%20%22My%20Jobs%22", "postgres://u@h/db", ("jobs", "My Jobs"), ()),
        (
            "postgresql://u@h/db?schema=jobs&connection_limit=5&pgbouncer=true",
            "postgresql://u@h/db", ("jobs",), ("connection_limit", "pgbouncer"),
        ),
        ("host=h dbname=db pool_max_conns=4 user=u", "host=h dbname=db user=u", (), ("pool_max_conns",)),
        ("host=h search_path='a, b' password='it\\'s x=1'", "host=h password='it\\'s x=1'", ("a", "b"), ()),
        ("postgres://u@h/db?statement_timeout=5000", "postgres://u@h/db", (), ("statement_timeout",)),
        ("postgres://h/db?ssl=true", "postgres://h/db?ssl=true", (), ()),
        ("", "", (), ()),
    ],
)  # fmt: skip
def test_what_libpq_gets(text: str, conninfo: str, searched: tuple[str, ...], ignored: tuple[str, ...]) -> None:
    """Pool sizes of pgx and Prisma are left out, the search_path is searched, the rest stays as it was."""
    found = read_url(text)

    assert (found.conninfo.strip(), found.search_path, found.ignored) == (conninfo, searched, ignored)


@pytest.mark.parametrize("name", sorted(IGNORED))
def test_each_ignored_parameter_is_ignored(name: str) -> None:
    """None of them is a keyword of libpq, or it would be taken away from it."""
    found = read_url(f"postgres://u@h/db?{name}=1&application_name=x")

    assert found.ignored == (name,)
    assert found.conninfo == "postgres://u@h/db?application_name=x"


def test_an_unknown_parameter_is_named() -> None:
    """And not put down to special characters in the password."""
    for text in ("postgres://u@h/db?sslaccept=strict", "host=h sslaccept=strict"):
        with pytest.raises(DatabaseError) as raised:
            read_url(text)
        assert raised.value.kind is ErrorKind.BAD_URL
        assert "sslaccept" in raised.value.message


@given(st.text("abc=&? '@:/", min_size=1))
def test_a_piece_of_a_password_is_never_named(rest: str) -> None:
    """A password that was not escaped may look like a parameter."""
    for text in (
        f"postgres://u:Hunter?Twice{rest}=1@h/db",
        f"host=h password=Hunter Twice{rest}=1",
        f"postgres://h/d?password=H&Twice{rest}",
    ):
        assert "Twice" not in complaint(text)


def complaint(text: str) -> str:
    try:
        read_url(text)
    except DatabaseError as error:
        return str(error)
    return ""
