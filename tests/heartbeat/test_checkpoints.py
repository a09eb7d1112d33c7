"""Checkpoints in Python: what the statements take, what a rescue leaves, and what a job gets back."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import psycopg
import pytest
from psycopg import errors

from conformance.floor import Event
from conformance.rescue import rescue
from conformance.world import CLAIM_AGAIN
from fixtures.beating_job import Scene, opened
from fixtures.contract import Connection, age, ask, beat, claims_of, connected, end, save, wait_for_a_lock
from fixtures.waiting import until
from heartbeat.test_vectors import read_vectors
from riverkeeper.heartbeat import Beater, Claim, ClaimLost, HeartbeatTier, NoCheckpoints, TransactionCheckpoint
from riverkeeper.heartbeat.checkpoints import ClaimCheckpoints, encode_checkpoint

RACES = 80  # each of four claims
AT_ONCE = 4
BAD = object()


@pytest.fixture
def sql(installed_url: str) -> Iterator[Connection]:
    with connected(installed_url) as connection:
        yield connection


@pytest.fixture
def scene(installed_url: str) -> Iterator[Scene]:
    with opened(installed_url) as made:
        yield made


def values(sql: Connection) -> list[object]:
    """What is saved, by job and generation."""
    rows = sql.execute("SELECT value FROM riverkeeper.checkpoint ORDER BY job_id, generation").fetchall()
    return [json.loads(row["value"]) for row in rows]


def held_claim(sql: Connection) -> Event:
    [claim] = claims_of(sql, 1)
    beat(sql, [claim])
    return claim


def again(sql: Connection, claim: Event) -> Event:
    """The next attempt of the job."""
    row = sql.execute(CLAIM_AGAIN, [claim["job_id"]]).fetchone()
    assert row is not None
    return dict(row)


def save_in_transaction(connection: Connection, claim: Event, number: int, text: str) -> bool:
    return bool(ask(connection, "checkpoint_tx", {**claim, "number": number, "val": text}))


def test_python_sends_checkpoints_as_the_vectors_have_them() -> None:
    """What is no JSON, or too large, is an error at the call."""
    wrong = []
    for case in read_vectors("checkpoints"):
        given = float(case["given"]) if case.get("needs") == "numbers" else case["given"]
        given = given * case["times"] if "times" in case else given
        try:
            sent: str | None = encode_checkpoint(given)
        except ValueError:
            sent = None
        if (str(len(sent)) if sent and "times" in case else sent) != case["sent"]:
            wrong.append(case["name"])
        elif sent is not None and json.loads(sent) != given:
            wrong.append(f"{case['name']} does not come back")

    assert wrong == []


@pytest.mark.parametrize("value", [BAD, {1, 2}, b"bytes", [float("nan")], {"a": BAD}])
def test_what_is_no_json_is_refused(value: object) -> None:
    """With a ValueError, whatever Python's own library raises."""
    with pytest.raises(ValueError, match="must be JSON"):
        encode_checkpoint(value)


def test_only_a_claim_that_is_held_saves(sql: Connection) -> None:
    """Not one that never beat, not one of a job that moved on, not a lost one, not a value above 8 kB."""
    never, moved, lost, large, kept = claims_of(sql, 5)
    beat(sql, [moved, lost, large, kept])
    sql.execute("UPDATE river_job SET state = 'retryable' WHERE id = %s", [moved["job_id"]])
    sql.execute("UPDATE riverkeeper.heartbeat SET lost_at = now() WHERE job_id = %s", [lost["job_id"]])
    taken = save(sql, [never, moved, lost, kept]) | save(sql, [large], text='"' + "x" * 8191 + '"')

    assert taken == {
        claim["job_id"]: "taken" if claim is kept else "refused" for claim in (never, moved, lost, large, kept)
    }
    assert values(sql) == [1]


def test_an_older_value_never_replaces_a_newer_one(sql: Connection) -> None:
    """By its number: it may still be on its way when a transaction of the job has written the next one."""
    claim = held_claim(sql)
    assert save_in_transaction(sql, claim, 2, "2")
    assert save(sql, [claim], 1, "1") == {claim["job_id"]: "taken"}
    assert values(sql) == [2]
    save(sql, [claim], 3, "3")
    assert save_in_transaction(sql, claim, 2, "2")

    assert values(sql) == [3]


def test_the_same_value_is_not_written_again(sql: Connection) -> None:
    """The row stays as it is, whatever number comes."""
    claim = held_claim(sql)
    save(sql, [claim], 1)
    before = sql.execute("SELECT xmin, saved_at FROM riverkeeper.checkpoint").fetchall()
    save(sql, [claim], 2)

    assert sql.execute("SELECT xmin, saved_at FROM riverkeeper.checkpoint").fetchall() == before


def test_the_newest_claim_counts_whatever_the_clocks_say(sql: Connection) -> None:
    """A worker's clock may date a later claim before an earlier one, and the server's clock may be set back."""
    first = held_claim(sql)
    save(sql, [first], 1, '"first"')
    sql.execute("UPDATE riverkeeper.checkpoint SET saved_at = now() + interval '1 hour'")
    assert rescue(sql, first, -3600)
    sql.execute(
        "UPDATE river_job SET attempted_at = attempted_at - interval '1 minute', attempt = 2, state = 'running'"
    )
    row = sql.execute("""SELECT id AS job_id, attempt, to_char(attempted_at AT TIME ZONE 'UTC',
                      'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS attempted_at FROM river_job""").fetchone()
    assert row is not None
    second = dict(row)
    beat(sql, [second])
    assert ask(sql, "resume", second)[0]["val"] == '"first"'
    save(sql, [second], 1, '"second"')
    third = again(sql, second)

    assert ask(sql, "resume", third)[0]["val"] == '"second"'


def test_a_claim_that_resumes_is_counted_once(sql: Connection) -> None:
    """Not the claim that saved it, and a claim that asks again not twice."""
    claim = held_claim(sql)
    save(sql, [claim])
    ask(sql, "resume", claim)
    for _ in range(2):
        claim = again(sql, claim)
        for _ in range(2):
            assert ask(sql, "resume", claim)[0]["val"] == "1"

    assert sql.execute("SELECT resumes FROM riverkeeper.checkpoint").fetchall() == [{"resumes": 2}]


def test_a_lost_claim_reads_nothing(sql: Connection) -> None:
    """No row, also where the job has no checkpoint."""
    claim = held_claim(sql)
    save(sql, [claim])
    later = again(sql, claim)

    assert ask(sql, "resume", claim) == []
    assert ask(sql, "resume", later)[0]["val"] == "1"
    beat(sql, [later])
    sql.execute("UPDATE riverkeeper.heartbeat SET lost_at = now()")
    assert ask(sql, "resume", later) == []


def test_a_checkpoint_holds_its_job_until_the_end_of_the_transaction(sql: Connection, installed_url: str) -> None:
    """A rescue skips the job meanwhile; and where the rescue was first, the checkpoint is refused."""
    claim = held_claim(sql)
    age(sql)
    with connected(installed_url) as own:
        with own.transaction():
            assert save_in_transaction(own, claim, 1, "1")
            assert rescue(sql, claim, 60.0) is False
        assert rescue(sql, claim, 60.0) is True
        with own.transaction():
            assert save_in_transaction(own, claim, 2, "2") is False

    assert values(sql) == [1]


def test_a_hostile_path_changes_no_name_in_the_users_transaction(sql: Connection) -> None:
    """Its search_path is the user's, so that every name is qualified."""
    claim = held_claim(sql)
    sql.execute("CREATE SCHEMA trap")
    sql.execute("""CREATE FUNCTION trap.is_less(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS
                $$ BEGIN RAISE 'trapped'; END $$""")
    sql.execute("CREATE OPERATOR trap.< (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = trap.is_less)")
    sql.execute("CREATE OPERATOR trap.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = trap.is_less)")
    sql.execute("CREATE FUNCTION trap.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz'")
    sql.execute("SET search_path = trap, public, pg_catalog")
    for number in (1, 2):
        assert save_in_transaction(sql, claim, number, "1")
    sql.execute("RESET search_path")

    assert values(sql) == [1]


def together(pool: ThreadPoolExecutor, *works: Callable[[], object]) -> None:
    """Run them at the same moment."""
    gate = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        gate.wait(10)
        work()

    for done in [pool.submit(run, work) for work in works]:
        done.result(60)


def test_a_checkpoint_and_a_rescue_have_one_order(installed_url: str) -> None:
    """Taken and there, or refused and not there: the next attempt resumes from what was taken."""
    chance, won = random.Random(5), {"taken": 0, "refused": 0}
    with ExitStack() as stack:
        mine, rescuer = (stack.enter_context(connected(installed_url)) for _ in range(2))
        pool = stack.enter_context(ThreadPoolExecutor(2))
        for _ in range(RACES):
            claims = claims_of(mine, AT_ONCE)
            beat(mine, claims)
            save(mine, claims, 1, '"before"')
            age(mine)
            taken: dict[int, str] = {}
            delay = chance.random() * 0.004

            def save_all(claims: list[Event] = claims, taken: dict[int, str] = taken, delay: float = delay) -> None:
                threading.Event().wait(delay)
                taken.update(save(mine, claims, 2, '"after"'))

            def rescue_all(claims: list[Event] = claims) -> None:
                for claim in chance.sample(claims, AT_ONCE):
                    until(partial(rescue, rescuer, claim, 60.0), "the rescue")

            together(pool, save_all, rescue_all)
            for claim in claims:
                resumed = ask(mine, "resume", again(mine, claim))[0]["val"]
                assert resumed == ('"after"' if taken[claim["job_id"]] == "taken" else '"before"')
                won[taken[claim["job_id"]]] += 1

    assert min(won.values()) > RACES / 20, f"it was no race: {won}"


def test_a_rescue_that_is_open_decides_before_the_checkpoint(sql: Connection, installed_url: str) -> None:
    """The statement waits for the row, and reads it anew: by its old snapshot the claim would be held."""
    claim = held_claim(sql)
    age(sql)
    with connected(installed_url) as rescuer, connected(installed_url) as worker, ThreadPoolExecutor(1) as pool:
        with rescuer.transaction():
            assert rescue(rescuer, claim, 60.0)
            taken = pool.submit(save, worker, [claim])
            wait_for_a_lock(sql, worker)
        assert taken.result(30) == {claim["job_id"]: "refused"}

    assert values(sql) == []


def test_ticks_ends_and_checkpoints_never_deadlock(installed_url: str) -> None:
    """They lock heartbeats in one order, whatever order they are given."""
    with ExitStack() as stack:
        first, other = (stack.enter_context(connected(installed_url)) for _ in range(2))
        pool = stack.enter_context(ThreadPoolExecutor(2))
        claims = claims_of(first, 500)
        beat(first, claims)
        reverse = claims[::-1]
        for number in range(1, 9):
            together(pool, partial(save, first, claims, number, str(number)), partial(beat, other, reverse))
            together(pool, partial(save, first, reverse, number, "0"), partial(end, other, claims))


def test_an_unsent_checkpoint_is_pending_until_it_is_saved() -> None:
    """Also where the newest value is again the one that was saved before another was sent."""
    mine = ClaimCheckpoints()
    assert mine.is_saved()
    mine.put("1")
    assert mine.pending() == (1, "1")
    mine.mark_sent()
    mine.record_answer(1, "1")
    mine.put("1")
    assert mine.is_saved()
    mine.put("2")
    mine.mark_sent()  # and no answer comes
    mine.put("1")
    assert mine.pending() == (4, "1")
    mine.record_answer(3, "2")
    assert mine.pending() == (4, "1")


def test_an_answer_that_is_older_than_a_transaction_saves_nothing() -> None:
    """The transaction has replaced the value; whether it was committed is not known."""
    mine = ClaimCheckpoints()
    mine.put("1")
    mine.mark_sent()
    assert mine.number_in_transaction() == 2
    assert mine.is_saved()
    mine.record_answer(1, "1")
    mine.put("1")

    assert mine.pending() == (3, "1")


def test_a_block_resumes_where_the_last_one_failed(scene: Scene) -> None:
    """With the newest checkpoint, though no tick came between it and the failure."""
    with pytest.raises(ZeroDivisionError), scene.beater.beating(**scene.job) as beat:  # noqa: PT012
        assert beat.resume() is None
        beat.checkpoint({"step": 41})
        raise ZeroDivisionError
    later = again(scene.sql, scene.job)
    with scene.beater.beating(**later) as beat:
        assert beat.resume() == {"step": 41}


def test_a_task_resumes_where_the_last_one_failed(scene: Scene) -> None:
    """The event loop is not blocked meanwhile."""

    async def fail() -> None:
        async with scene.beater.beating_async(**scene.job) as beat:
            beat.checkpoint({"step": 41})
            raise ZeroDivisionError

    async def resume() -> object:
        async with scene.beater.beating_async(**again(scene.sql, scene.job)) as beat:
            return await beat.resume_async()

    with pytest.raises(ZeroDivisionError):
        asyncio.run(fail())
    assert asyncio.run(resume()) == {"step": 41}


def test_abandoned_work_keeps_its_checkpoint(installed_url: str, sql: Connection) -> None:
    """A process that ends sends it with its last tick."""
    with Beater(installed_url, "worker", tier=HeartbeatTier(20.0)) as beater:
        until(lambda: beater.beats, "the first beat")
        active = beater.begin(Claim(**held_claim(sql)))
        active.checkpoint(2)
        active.named = True
        beater.abandon(active)

    assert values(sql) == [2]


def test_a_checkpoint_in_a_transaction(scene: Scene, installed_url: str) -> None:
    """There with a commit; refused once the claim is lost, so that the effect is rolled back."""
    with psycopg.connect(installed_url) as own, pytest.raises(ClaimLost), scene.beater.beating(**scene.job) as beat:  # noqa: PT012
        scene.beaten()
        beat.checkpoint_tx({"step": 1}).run(lambda sql, values: own.execute(sql, values).fetchone())
        own.commit()
        scene.rescue()
        beat.checkpoint_tx({"step": 2}).run(lambda sql, values: own.execute(sql, values).fetchone())

    assert values(scene.sql) == [{"step": 1}]


def test_without_a_table_only_the_transaction_is_refused(installed_url: str, sql: Connection) -> None:
    """A job that relies on it must not have its effect twice; one that only loses time goes on."""
    sql.execute("DROP TABLE riverkeeper.checkpoint")
    sql.execute("UPDATE riverkeeper.meta SET version = 7")
    with opened(installed_url) as scene, scene.beater.beating(**scene.job) as beat:
        scene.beaten()
        beat.checkpoint(1)
        assert beat.resume("nothing") == "nothing"
        with pytest.raises(NoCheckpoints):
            beat.checkpoint_tx(1)


def test_a_right_that_is_missing_is_no_answer(sql: Connection, installed_url: str) -> None:
    """A job that would begin anew has its effects twice: it must not take an error for `nothing found`."""
    sql.execute("ALTER TABLE riverkeeper.checkpoint RENAME COLUMN value TO hidden")
    with opened(installed_url) as scene, scene.beater.beating(**scene.job) as beat, pytest.raises(Exception) as raised:  # noqa: PT011
        beat.resume()

    assert "value" in str(raised.value)
    assert isinstance(TransactionCheckpoint(scene.claim, 1, "1").sql, str)
    with pytest.raises(errors.UndefinedColumn):
        ask(sql, "resume", scene.job)
