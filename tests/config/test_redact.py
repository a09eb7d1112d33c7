"""Connection strings as they may be shown."""

from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

from riverkeeper.config.redact import SECRET, SHOWN, is_well_formed, redact_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("", ""),
        ("postgresql://user:pass@host/db", "postgresql://user:***@host/db"),
        ("postgres://user:pass@host:5432/db?sslmode=require", "postgres://user:***@host:5432/db?sslmode=require"),
        ("postgresql://user@host/db", "postgresql://user@host/db"),
        ("postgresql://:pass@host/db", "postgresql://:***@host/db"),
        ("postgresql://user:a:b?c#d@host/db", "postgresql://user:***@host/db"),
        ("postgresql://u:p@[::1]:5432,b:5433/db", "postgresql://u:***@[::1]:5432,b:5433/db"),
        ("postgresql://u:p@%2Fvar%2Frun/db", "postgresql://u:***@%2Fvar%2Frun/db"),
        ("postgresql:///db?host=/run&password=pass", "postgresql:///db?host=/run&password=***"),
        ("postgresql://host/db?sslpassword=pass&user=u", "postgresql://host/db?sslpassword=***&user=u"),
        ("postgresql://u:p@host/db?", "postgresql://u:***@host/db"),
        ("host=h user=u password=pass dbname=d", "host=h user=u password=*** dbname=d"),
        (r"host=h password = 'it\'s it' dbname='my db'", "host=h password=*** dbname='my db'"),
        (r"password=a\ b host=h", "password=*** host=h"),
        ("password= pass host=h", "password=*** host=h"),
        ("service=app", "service=app"),
    ],
)
def test_all_but_the_secrets_is_shown(url: str, shown: str) -> None:
    """Host, user and options help the reader; passwords, wherever libpq takes them, are `***`."""
    conninfo_to_dict(url)
    assert is_well_formed(url)
    assert redact_url(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:p@ss@host/db",
        "postgresql://user:pa/ss@host/db",
        "postgresql://user:pass",
        "postgresql://user:pass/db",
        "postgresql://user:100%@host/db",
        "postgresql://host?password=pass@host/db",
        "postgresql://host/db&password=pass",
        "postgresql://host/db;password=pass",
        "postgresql://host/db?sslmode=require;password=pass",
        "postgresql+psycopg://user:pass@host/db",
        "mysql://user:pass@host/db",
        "host=h password=my pass",
        "host=h password='pass",
        "host=h password: pass",
        "pass",
        "postgresql://user:pass\0@host/db",
    ],
)
def test_what_is_in_doubt_is_not_shown_at_all(url: str) -> None:
    """Where a password may reach beyond its place nothing is shown, and the string is no good URL."""
    assert not is_well_formed(url)
    assert redact_url(url) == "***"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://user:pass@host/db?passwort=pass", "postgresql://user:***@host/db?***"),
        ("host=h PASSWORD=pass", None),
        ("host=h pass_word=pass", "***"),
        ("host=h;password=pass", "host=***"),
        ("dbname=postgresql://user:pass@host/db", "dbname=***"),
    ],
)
def test_unknown_keywords_hide_their_neighbours(url: str, shown: str | None) -> None:
    """A keyword libpq does not know may be a mistyped one or a piece of a password."""
    assert redact_url(url) == (shown or "***")


def test_every_keyword_of_libpq_is_known() -> None:
    """A new libpq's keyword must be sorted here manually; those it marks as passwords are secrets."""
    keywords = {entry.keyword.decode(): entry.dispchar.decode() for entry in Conninfo.get_defaults()}
    assert set(keywords) <= SHOWN | SECRET
    assert {word for word, mark in keywords.items() if mark == "*"} <= SECRET
