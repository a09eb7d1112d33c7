"""The fence: a result of an earlier attempt is dropped by the database, and nothing else is touched."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from fixtures.contract import Connection, connected
from fixtures.fence import RESULTS, TOKEN, claim, late, reclaim, rescue, result, row, token_of

RECORDED = {**{outcome: outcome for outcome in RESULTS}, "failed at once": "failed"}


@pytest.fixture
def sql(installed_url: str) -> Iterator[Connection]:
    with connected(installed_url) as connection:
        yield connection


@pytest.mark.parametrize("outcome", RESULTS)
def test_a_late_result_never_reaches_the_next_attempt(sql: Connection, outcome: str) -> None:
    """Whatever the earlier attempt ended with: the row stays as the next one left it, and what came is recorded."""
    job = claim(sql)["job_id"]
    first = token_of(sql, job)
    rescue(sql, job)
    reclaim(sql, job)
    before = row(sql, job)

    assert result(sql, job, outcome, **{TOKEN: first, "output": 1}) == 0
    assert row(sql, job) == before
    [recorded] = late(sql)
    assert recorded["outcome"] == RECORDED[outcome]
    assert (recorded["job_id"], recorded["queue"], recorded["kind"]) == (job, "default", "report")
    assert (recorded["row_state"], recorded["row_attempt"], recorded["counted_at"]) == ("running", 2, None)
    assert recorded["claimed_at"] < before["attempted_at"]


@pytest.mark.parametrize("outcome", RESULTS)
def test_a_result_of_the_present_claim_is_written_without_its_token(sql: Connection, outcome: str) -> None:
    """The rest of its metadata is kept, and nothing is recorded."""
    job = claim(sql)["job_id"]

    assert result(sql, job, outcome, **{TOKEN: token_of(sql, job), "output": 1}) == 1
    found = row(sql, job)
    assert found["state"] != "running"
    assert found["metadata"] == {"output": 1}
    assert late(sql) == []


def test_a_late_result_before_the_next_attempt_changes_metadata_only(sql: Connection) -> None:
    """Rescued and not yet claimed again: River merges metadata there, and only there. The token does not stay."""
    job = claim(sql)["job_id"]
    first = token_of(sql, job)
    rescue(sql, job)
    result(sql, job, "completed", **{TOKEN: first, "output": 1})

    assert (row(sql, job)["state"], row(sql, job)["metadata"]) == ("available", {"output": 1})
    assert [(late_result["outcome"], late_result["row_state"]) for late_result in late(sql)] == [
        ("unknown", "available")
    ]


def test_a_late_result_between_rescue_and_claim_leaves_no_trap(sql: Connection) -> None:
    """A token that stayed would have every later update judged by it: the job could never be rescued again."""
    job = claim(sql)["job_id"]
    first = token_of(sql, job)
    rescue(sql, job)
    result(sql, job, "completed", **{TOKEN: first})
    reclaim(sql, job)
    rescue(sql, job)  # the second worker died too

    assert row(sql, job)["state"] == "available"
    second = reclaim(sql, job)
    assert result(sql, job, "completed", **{TOKEN: second}) == 1


def test_a_late_result_of_an_ended_job_is_dropped(sql: Connection) -> None:
    """The next attempt is over already: its output is not overwritten by that of an earlier one."""
    job = claim(sql)["job_id"]
    first = token_of(sql, job)
    rescue(sql, job)
    second = reclaim(sql, job)
    result(sql, job, "completed", **{TOKEN: second, "output": 2})
    result(sql, job, "completed", **{TOKEN: first, "output": 1})

    assert row(sql, job)["metadata"] == {"output": 2}
    assert [late_result["row_state"] for late_result in late(sql)] == ["completed"]


def test_a_job_that_completed_itself_is_no_late_result(sql: Connection) -> None:
    """In its own transaction, and once more by the client: both under the claim."""
    job = claim(sql)["job_id"]
    token = token_of(sql, job)
    result(sql, job, "completed", **{TOKEN: token})
    result(sql, job, "completed", **{TOKEN: token, "output": 1})

    assert row(sql, job)["metadata"] == {"output": 1}
    assert late(sql) == []


def test_a_snoozed_attempt_is_distinguished_from_the_next_by_its_time(sql: Connection) -> None:
    """A snooze puts `attempt` back: the number alone would let the old result in."""
    job = claim(sql)["job_id"]
    first = token_of(sql, job)
    result(sql, job, "snoozed", **{TOKEN: first})
    reclaim(sql, job)

    assert row(sql, job)["attempt"] == 1
    assert result(sql, job, "completed", **{TOKEN: first}) == 0


GARBAGE: dict[str, Any] = {
    "a number": 17, "a list": [1], "true": True, "nothing": "", "words": "a b",
    "a time by name": "now", "no such day": "2026-02-31T00:00:00.000000Z", "far": "9999999-01-01T00:00:00.000000Z",
    "milliseconds": "2026-01-01T00:00:00.123Z", "a zone": "2026-01-01T00:00:00.123456+01:00", "large": "x" * 1_000_000,
}  # fmt: skip


@pytest.mark.parametrize("token", GARBAGE)
def test_a_token_that_is_no_claim_is_late(sql: Connection, token: str) -> None:
    """Never an error: a client may use one to suppress its result. It is recorded without a claim."""
    job = claim(sql)["job_id"]

    assert result(sql, job, "completed", **{TOKEN: GARBAGE[token]}) == 0
    assert (row(sql, job)["state"], row(sql, job)["metadata"]) == ("running", {})
    assert [late_result["claimed_at"] for late_result in late(sql)] == [None]


@pytest.mark.parametrize("token", [None, {}, {"0": "2026-01-01T00:00:00.000000Z"}])
def test_a_token_that_was_taken_back_is_none(sql: Connection, token: object) -> None:
    """JSON null, which is all that a client can do about one it has set; and one that is of other jobs only."""
    job = claim(sql)["job_id"]

    assert result(sql, job, "completed", **{TOKEN: token}) == 1
    assert (row(sql, job)["metadata"], late(sql)) == ({}, [])


def test_tokens_of_a_batch_are_judged_job_by_job(sql: Connection) -> None:
    """River writes the metadata of one member into the result of each: an object names the claim of every job."""
    jobs = [claim(sql)["job_id"] for _ in range(3)]
    tokens = {str(job): token_of(sql, job) for job in jobs}
    for job in jobs[:2]:
        rescue(sql, job)
    reclaim(sql, jobs[0])
    for job in jobs:
        result(sql, job, "completed", **{TOKEN: tokens, "output": 1})

    assert [row(sql, job)["state"] for job in jobs] == ["running", "available", "completed"]
    assert [row(sql, job)["metadata"] for job in jobs] == [{}, {"output": 1}, {"output": 1}]
    assert [(late_result["job_id"], late_result["claimed_at"] is None) for late_result in late(sql)] == [
        (jobs[0], False),
        (jobs[1], False),
    ]


def test_a_token_for_a_row_without_a_claim_is_late(sql: Connection) -> None:
    """attempted_at may be NULL: nothing fits that."""
    job = claim(sql)["job_id"]
    token = token_of(sql, job)
    sql.execute("UPDATE river_job SET attempted_at = NULL")

    assert result(sql, job, "completed", **{TOKEN: token}) == 0
    assert len(late(sql)) == 1


METADATA = {
    "a list": [1, 2], "a list of our word": [TOKEN], "a text": "text", "our word": TOKEN, "a number": 17, "null": None,
    "nothing": {}, "an empty key": {"": ""}, "deep": {"a": {TOKEN: "x"}}, "large": {"a": "x" * 2_000_000},
}  # fmt: skip


@pytest.mark.parametrize("held", METADATA)
def test_every_update_without_a_token_passes(sql: Connection, held: str) -> None:
    """Whatever the metadata holds, before and after: the row is what the statement made of it."""
    job = claim(sql)["job_id"]
    for text in ("metadata = %(m)s", "metadata = %(m)s, state = 'available'", "attempted_at = NULL", "attempt = 7"):
        sql.execute(f"UPDATE river_job SET {text} WHERE id = %(job)s", {"m": Jsonb(METADATA[held]), "job": job})  # noqa: S608
    found = row(sql, job)

    assert (found["metadata"], found["state"], found["attempted_at"], found["attempt"]) == (
        METADATA[held], "available", None, 7,
    )  # fmt: skip
    assert late(sql) == []


@pytest.mark.parametrize("held", METADATA)
def test_a_token_beside_anything_is_judged(sql: Connection, held: str) -> None:
    """What River would make of it by `||`; of what is no object it makes a list, in which no key is read."""
    job = claim(sql)["job_id"]
    sql.execute("UPDATE river_job SET metadata = %(m)s", {"m": Jsonb(METADATA[held])})
    changed = result(sql, job, "completed", **{TOKEN: "2020-01-01T00:00:00.000000Z"})

    assert changed == (0 if isinstance(METADATA[held], dict) else 1)
    assert len(late(sql)) == 1 - changed


def test_a_token_in_the_row_from_before_the_fence_judges_nobody(sql: Connection) -> None:
    """It goes with the row's next update; until then a write without a token passes."""
    job = claim(sql)["job_id"]
    sql.execute("ALTER TABLE river_job DISABLE TRIGGER riverkeeper_fence_strip")
    sql.execute("ALTER TABLE river_job DISABLE TRIGGER riverkeeper_fence")
    sql.execute("UPDATE river_job SET metadata = %(m)s", {"m": Jsonb({TOKEN: "2020-01-01T00:00:00.000000Z"})})
    sql.execute("ALTER TABLE river_job ENABLE TRIGGER riverkeeper_fence_strip")
    sql.execute("ALTER TABLE river_job ENABLE TRIGGER riverkeeper_fence")
    rescue(sql, job)

    assert (row(sql, job)["state"], row(sql, job)["metadata"], late(sql)) == ("available", {}, [])


def test_of_many_rows_in_one_statement_each_is_judged_by_itself(sql: Connection) -> None:
    """River writes results in batches: the late ones are dropped, the others written."""
    jobs = [claim(sql)["job_id"] for _ in range(6)]
    tokens = [token_of(sql, job) for job in jobs]
    for job in jobs[:3]:
        rescue(sql, job)
        reclaim(sql, job)
    text = """UPDATE river_job SET state = 'completed', finalized_at = now(), metadata = metadata || g.m
        FROM unnest(%(jobs)s::bigint[], %(m)s::jsonb[]) AS g (id, m) WHERE g.id = river_job.id"""
    changed = sql.execute(text, {"jobs": jobs, "m": [Jsonb({TOKEN: token}) for token in tokens]}).rowcount

    assert changed == 3
    assert [row(sql, job)["state"] for job in jobs] == ["running"] * 3 + ["completed"] * 3
    assert [late_result["job_id"] for late_result in late(sql)] == jobs[:3]


def test_ten_thousand_late_results_and_none_is_written(sql: Connection) -> None:
    """And without the fence every one of them."""
    sql.execute(
        "INSERT INTO river_job (kind, state, attempt, attempted_at) "
        "SELECT 'report', 'running', 2, clock_timestamp() FROM generate_series(1, 10000)"
    )
    ends = """UPDATE river_job SET state = 'completed', finalized_at = now(),
        metadata = metadata || jsonb_build_object('riverkeeper:claim', to_char(
            (attempted_at - interval '1 microsecond') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))"""

    assert sql.execute(ends).rowcount == 0
    assert len(late(sql)) == 10_000
    sql.execute("ALTER TABLE river_job DISABLE TRIGGER riverkeeper_fence")
    assert sql.execute(ends).rowcount == 10_000


def test_a_result_that_waited_for_a_rescue_is_judged_by_what_the_rescue_left(
    installed_url: str, sql: Connection
) -> None:
    """The row as it is once the lock is free counts, not as it was when the statement began."""
    job = claim(sql)["job_id"]
    first = token_of(sql, job)
    with connected(installed_url) as rescuer, connected(installed_url) as worker:
        rescuer.execute("BEGIN")
        rescue(rescuer, job)
        reclaim(rescuer, job)
        changed: list[int] = []
        waiting = threading.Thread(target=lambda: changed.append(result(worker, job, "completed", **{TOKEN: first})))
        waiting.start()
        waiting.join(0.2)
        rescuer.execute("COMMIT")
        waiting.join()

    assert changed == [0]
    assert (row(sql, job)["state"], row(sql, job)["attempt"]) == ("running", 2)
