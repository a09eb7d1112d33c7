"""Errors that bring no token, as of kinds that a worker does not know: judged by the attempt they say they are of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from fixtures.contract import Connection, connected
from fixtures.fence import ERROR, TOKEN, claim, late, reclaim, rescue, row

ADDS = """UPDATE river_job SET state = %(state)s, errors = array_append(errors, %(error)s)
    WHERE id = %(job)s"""


@pytest.fixture
def sql(installed_url: str) -> Iterator[Connection]:
    with connected(installed_url) as connection:
        yield connection


@pytest.fixture
def job(sql: Connection) -> int:
    """In its second attempt."""
    made = int(claim(sql)["job_id"])
    rescue(sql, made)
    reclaim(sql, made)
    return made


def add(sql: Connection, job: int, error: object, state: str = "retryable") -> None:
    sql.execute(ADDS, {"job": job, "error": Jsonb(error), "state": state})


@pytest.mark.parametrize("state", ["retryable", "available"])
@pytest.mark.parametrize("errors", [None, [], [{"attempt": 1}], [{"attempt": 1, "trace": "x" * 100_000}] * 5])
def test_an_error_of_an_earlier_attempt_does_not_end_the_next(
    sql: Connection, job: int, state: str, errors: list[dict[str, Any]] | None
) -> None:
    """However many there are already. It is recorded without a claim."""
    rescue(sql, job)
    held = None if errors is None else [Jsonb(error) for error in errors]
    sql.execute("UPDATE river_job SET errors = %(errors)s", {"errors": held})
    reclaim(sql, job)
    before = row(sql, job)
    add(sql, job, ERROR, state)

    assert row(sql, job) == before
    assert [
        (late_result["outcome"], late_result["claimed_at"], late_result["row_attempt"]) for late_result in late(sql)
    ] == [("failed", None, 3)]


PASSES: dict[str, object] = {
    "of the row's attempt": {**ERROR, "attempt": 2},
    "of the row's attempt, as another number": {**ERROR, "attempt": 2.0},
    "without an attempt": {"error": "by hand"},
    "with an attempt that is no number": {**ERROR, "attempt": "1"},
    "with no attempt": {**ERROR, "attempt": None},
    "a text": "by hand",
    "a list": [1],
    "null": None,
}


@pytest.mark.parametrize("error", PASSES)
def test_every_other_error_passes(sql: Connection, job: int, error: str) -> None:
    """Rescuers, ours and River's, and workers write the row's own attempt; people write what they like."""
    add(sql, job, PASSES[error])

    assert (row(sql, job)["state"], row(sql, job)["errors"]) == ("retryable", [PASSES[error]])
    assert late(sql) == []


@pytest.mark.parametrize(
    "text",
    [
        "state = 'available', errors = ARRAY[%(e)s, %(e)s]",
        "state = 'available', errors = NULL",
        "state = 'available', errors = '{}'",
        "state = 'cancelled', finalized_at = now()",
        "errors = ARRAY[[%(e)s]]",
    ],
)
def test_what_is_not_one_more_error_passes(sql: Connection, job: int, text: str) -> None:
    """Written anew, emptied, or left as they are."""
    values = {"e": Jsonb(ERROR)}
    assert sql.execute(f"UPDATE river_job SET {text}", values).rowcount == 1  # noqa: S608 - one of the texts above
    assert late(sql) == []


def test_an_error_beside_a_row_that_does_not_run_passes(sql: Connection, job: int) -> None:
    """Nothing is ended by it."""
    rescue(sql, job)
    add(sql, job, ERROR, "available")

    assert row(sql, job)["errors"] == [ERROR]
    assert late(sql) == []


def test_a_token_that_was_taken_back_leaves_the_error_to_be_judged(sql: Connection, job: int) -> None:
    """As a batch's member may write it."""
    sql.execute(
        "UPDATE river_job SET state = 'retryable', errors = array_append(errors, %(e)s), metadata = %(m)s",
        {"e": Jsonb(ERROR), "m": Jsonb({TOKEN: None})},
    )

    assert row(sql, job)["state"] == "running"
    assert len(late(sql)) == 1
