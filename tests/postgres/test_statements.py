"""Statements by file name, with schemas of any name put where `river.` and `keeper.` stand."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverkeeper.postgres.statements import quote_identifier, source, statement

NAMES = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1)


@given(NAMES)
def test_a_quoted_name_is_one_identifier(name: str) -> None:
    """Unquoted as Postgres does it, after the driver has put in its parameters, it is the name again."""
    as_sent = quote_identifier(name) % {}

    assert re.fullmatch(r'"(?:[^"]|"")+"', as_sent, re.DOTALL)
    assert as_sent[1:-1].replace('""', '"') == name


@given(river=NAMES, keeper=NAMES)
def test_both_schemas_are_put_in_place(river: str, keeper: str) -> None:
    """A schema whose own name looks like a placeholder is put in once, not again and again."""
    text = statement("schema/read_meta", river=river, keeper=keeper)

    assert f"FROM {quote_identifier(keeper)}.meta AS m" in text


def test_only_tables_are_renamed() -> None:
    """`river.` before a name is the schema; a metadata key, a column or a word that ends so is not."""
    text = statement("river/read_running", river="Jobs", without=("keeper.heartbeat",))

    assert '"Jobs".river_job' in text
    assert "river:rescue_count" in text
    assert not re.search(r"\briver\.", text)


def test_comments_do_not_travel() -> None:
    """Headers are for readers of the code; the server's logs get the statement."""
    assert "-- Question" in source("river/read_queues")
    assert "--" not in statement("river/read_queues", river="river")


def test_a_table_that_is_not_there_is_read_as_empty() -> None:
    """One text for both cases: where the table stood is a query without rows, and its schema is not needed."""
    text = statement("river/read_running", river="Jobs", without=("keeper.heartbeat",))

    assert statement("river/read_running", river="Jobs", keeper="k").count('"k".heartbeat AS h') == 1
    assert "heartbeat" not in text
    assert "WHERE false) AS h" in text


def test_a_schema_that_is_needed_must_be_given() -> None:
    """Rather fail than ask some other schema of the search_path."""
    with pytest.raises(KeyError):
        statement("river/read_queues", keeper="riverkeeper")
    assert "searched" in statement("river/read_job_table")
