"""The inbox on a real server: stored once, repeated, worked off, never lost and never widened."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from riverkeeper.postgres.connection import Database, Session
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.wakes import inbox
from riverkeeper.rescue.wakes.inbox import FinishedPass, close_finished_wakes
from riverkeeper.rescue.wakes.wake import Call, Scope, WakeEnd
from riverkeeper.verdict.verdict import VerdictSummary

SCHEMAS = {"keeper": "riverkeeper"}
HOUR = 3600.0


@pytest.fixture
def river_url(installed_url: str) -> str:
    return installed_url


@pytest.fixture
def database(river_url: str) -> Iterator[Database]:
    database = Database(river_url)
    yield database
    database.close()


@pytest.fixture
def tx(database: Database) -> Iterator[Transaction]:
    with database.writing(60, SCHEMAS) as transaction:
        yield transaction


def now(sql: Session) -> float:
    return float(sql.execute("SELECT extract(epoch FROM now())::double precision AS now")[0].now)


@pytest.fixture
def call(sql: Session) -> Call:
    """A call that began a minute ago."""
    return Call("0123456789abcdef", now(sql) - 60, "RiverJobsStuck", Scope("mail", "send", "urgent", "worker_lost"))


def test_a_call_is_kept_as_it_came(tx: Transaction, call: Call) -> None:
    """Every field of it is there again, to the microsecond, and NULL for any."""
    anything = replace(call, fingerprint="ff", scope=Scope())

    assert inbox.receive(tx, [call, anything], HOUR) == 2
    kept = [wake.call for wake in inbox.read_open_wakes(tx)]
    assert [replace(wake, starts_at=0) for wake in kept] == [replace(wake, starts_at=0) for wake in (call, anything)]
    assert [wake.starts_at for wake in kept] == pytest.approx([call.starts_at] * 2, abs=1e-6)


def test_a_repeated_wake_is_accepted_and_not_stored_again(tx: Transaction, call: Call) -> None:
    """Alertmanager repeats fingerprint and start: one wake, in one message or many; a repeat cannot widen it."""
    inbox.receive(tx, [call, call], HOUR)
    (first,) = inbox.read_open_wakes(tx)
    assert inbox.receive(tx, [replace(call, scope=Scope())], HOUR) == 1
    (again,) = inbox.read_open_wakes(tx)

    assert (again.id, again.call, again.received_at) == (first.id, first.call, first.received_at)
    assert again.last_received_at > first.last_received_at


def test_a_new_start_is_a_new_wake(tx: Transaction, call: Call) -> None:
    """The fingerprint stays the same for each recurrence of an alert."""
    inbox.receive(tx, [call], HOUR)
    inbox.receive(tx, [replace(call, starts_at=call.starts_at + 1)], HOUR)

    assert len(inbox.read_open_wakes(tx)) == 2


def test_a_closed_wake_that_is_received_again_opens_anew(tx: Transaction, call: Call) -> None:
    """The alert still fires, so something was left to do, or came up again."""
    inbox.receive(tx, [call], HOUR)
    (first,) = inbox.read_open_wakes(tx)

    assert inbox.close(tx, first.id, WakeEnd.DONE)
    assert not inbox.close(tx, first.id, WakeEnd.DONE)
    assert inbox.read_open_wakes(tx) == ()
    assert inbox.receive(tx, [call], HOUR) == 1
    again = [wake.id for wake in inbox.read_open_wakes(tx)]
    assert len(again) == 1
    assert again != [first.id]


def test_a_refused_wake_stays_open_with_its_reason(tx: Transaction, call: Call) -> None:
    """It is tried again; a closed one is not."""
    inbox.receive(tx, [call], HOUR)
    (wake,) = inbox.read_open_wakes(tx)

    assert inbox.refuse(tx, wake.id, "brake_rate")
    assert inbox.refuse(tx, wake.id, "brake_grace")
    (wake,) = inbox.read_open_wakes(tx)
    assert (wake.tries, wake.last_refusal) == (2, "brake_grace")
    inbox.close(tx, wake.id, WakeEnd.DONE)
    assert not inbox.refuse(tx, wake.id, "brake_rate")


def test_a_wake_stays_open_while_a_pass_proves_nothing(tx: Transaction, sql: Session, call: Call) -> None:
    """While missed beats do not count, a pass that found nothing proves little; later it closes the wake."""
    inbox.receive(tx, [call], HOUR)
    for since, left in ((None, 1), (now(sql) - HOUR, 0)):
        judged = VerdictSummary((), {}, (), (), frozenset(), since)
        close_finished_wakes(tx, inbox.read_open_wakes(tx), FinishedPass(now(sql), judged, (), ()))

        assert [wake.last_refusal is not None for wake in inbox.read_open_wakes(tx)] == [True] * left


@pytest.mark.parametrize("away", [2 * HOUR, 86400.0, -2 * HOUR, 6e10, -1e15])
def test_a_replay_wakes_nobody(tx: Transaction, call: Call, away: float) -> None:
    """A message of yesterday, or of a year that no timestamp holds; the others beside it are taken."""
    assert inbox.receive(tx, [replace(call, fingerprint="ff", starts_at=call.starts_at - away), call], HOUR) == 1


def test_wakes_expire(tx: Transaction, sql: Session, call: Call) -> None:
    """By when they were received: an alert that goes on is sent again, and then wakes anew or is too old."""
    inbox.receive(tx, [call, replace(call, fingerprint="ff")], HOUR)
    tx.execute("UPDATE riverkeeper.wake SET received_at = now() - interval '2 h' WHERE fingerprint = 'ff'")

    assert inbox.expire(tx, HOUR) == 1
    assert [wake.call.fingerprint for wake in inbox.read_open_wakes(tx)] == [call.fingerprint]


def test_ten_thousand_alerts_are_one_statement(tx: Transaction, call: Call) -> None:
    """All of them are stored, and all are read again."""
    many = [replace(call, fingerprint=f"{number:016x}") for number in range(10_000)]

    assert inbox.receive(tx, many, HOUR) == 10_000
    assert len(inbox.read_open_wakes(tx)) == 10_000


def test_two_peers_that_send_the_same_alerts_do_not_deadlock(river_url: str, call: Call) -> None:
    """Both Alertmanagers of a pair deliver after an outage, in any order: each alert is one wake."""
    calls = [replace(call, fingerprint=f"{number:016x}") for number in range(500)]
    start, counts = threading.Barrier(2), []

    def tell(mine: list[Call]) -> None:
        database = Database(river_url)
        start.wait()
        for _ in range(5):
            with database.writing(60, SCHEMAS) as transaction:
                transaction.execute("SET LOCAL lock_timeout = '30s'")
                counts.append(inbox.receive(transaction, mine, HOUR))
        database.close()

    threads = [threading.Thread(target=tell, args=(mine,)) for mine in (calls, calls[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert counts == [500] * 10
    database = Database(river_url)
    with database.reading(10, SCHEMAS) as transaction:
        assert len(inbox.read_open_wakes(transaction)) == 500
    database.close()
