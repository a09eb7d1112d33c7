"""A beat that waits for another transaction sees its result, not the state before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import psycopg
import pytest

from conformance.rescue import JOB, MARK, STALE, TOMBSTONE, WRITE, rescue
from fixtures.contract import Connection, age, ask, beat, claims_of, connected, wait_for_a_lock


class Sessions:
    """A worker, a rescuer and an observer, each with a session."""

    def __init__(self, sessions: list[Connection], pool: ThreadPoolExecutor) -> None:
        self.worker, self.rescuer, self.observer = sessions
        self._pool = pool
        [self.claim] = claims_of(self.observer, 1)
        self.values = {**self.claim, "timeout": 60}

    def waiting(self, session: Connection, work: Callable[[], object]) -> Future[object]:
        """Start it, and return once it waits for another session's lock."""
        future = self._pool.submit(work)
        wait_for_a_lock(self.observer, session)
        return future


@pytest.fixture
def sessions(installed_url: str) -> Iterator[Sessions]:
    with ExitStack() as stack, ThreadPoolExecutor(1) as pool:
        yield Sessions([stack.enter_context(connected(installed_url)) for _ in range(3)], pool)


def rescue_openly(sessions: Sessions) -> None:
    """All of a rescue but its commit."""
    for sql in (STALE, JOB, MARK, WRITE):
        sessions.rescuer.execute(sql, sessions.values)


@pytest.mark.parametrize(("commits", "standing"), [(True, "lost"), (False, "held")])
def test_a_beat_waits_for_an_open_rescue(sessions: Sessions, commits: bool, standing: str) -> None:
    """Its snapshot is older than the rescue, and still shows the job running; the heartbeat row decides."""
    beat(sessions.worker, [sessions.claim])
    age(sessions.observer)
    with sessions.rescuer.transaction(force_rollback=not commits):
        rescue_openly(sessions)
        answer = sessions.waiting(sessions.worker, lambda: beat(sessions.worker, [sessions.claim]))

    assert answer.result(10) == {sessions.claim["job_id"]: standing}


@pytest.mark.parametrize(("commits", "standing"), [(True, "lost"), (False, "held")])
def test_a_first_beat_waits_for_an_open_tombstone(sessions: Sessions, commits: bool, standing: str) -> None:
    """The row that is not there yet is the arbiter too."""
    with sessions.rescuer.transaction(force_rollback=not commits):
        sessions.rescuer.execute(TOMBSTONE, sessions.values)
        answer = sessions.waiting(sessions.worker, lambda: beat(sessions.worker, [sessions.claim]))

    assert answer.result(10) == {sessions.claim["job_id"]: standing}


def test_a_tombstone_waits_for_a_first_beat(sessions: Sessions) -> None:
    """The other order: the claim has beaten after all, and is not rescued."""
    with sessions.worker.transaction():
        beat(sessions.worker, [sessions.claim])
        answer = sessions.waiting(sessions.rescuer, lambda: rescue(sessions.rescuer, sessions.claim, 0, tombstone=True))

    assert answer.result(10) is False
    assert beat(sessions.worker, [sessions.claim]) == {sessions.claim["job_id"]: "held"}


def test_a_rescue_passes_by_what_a_beat_has_locked(sessions: Sessions) -> None:
    """It does not wait, for who holds the row is alive."""
    beat(sessions.worker, [sessions.claim])
    age(sessions.observer)
    with sessions.worker.transaction():
        beat(sessions.worker, [sessions.claim])
        assert rescue(sessions.rescuer, sessions.claim, 60) is False


def test_a_held_claim_cannot_be_taken(sessions: Sessions) -> None:
    """verify_claim.sql locks the job until the effect has committed; a rescue passes it by."""
    beat(sessions.worker, [sessions.claim])
    age(sessions.observer)
    with sessions.worker.transaction():
        assert ask(sessions.worker, "verify_claim", sessions.claim) == [{"held": 1}]
        assert rescue(sessions.rescuer, sessions.claim, 60) is False
    assert rescue(sessions.rescuer, sessions.claim, 60) is True
    assert ask(sessions.worker, "verify_claim", sessions.claim) == []


def test_a_rescue_of_two_claims_at_once_can_deadlock_with_a_beat(sessions: Sessions) -> None:
    """Why a rescue takes one claim a transaction: two tombstones out of order, and a beat between them."""
    first, second = claims_of(sessions.observer, 2)
    deadlocks = 0
    try:
        with sessions.rescuer.transaction():
            sessions.rescuer.execute(TOMBSTONE, second)
            answer = sessions.waiting(sessions.worker, lambda: beat(sessions.worker, [first, second]))
            sessions.rescuer.execute(TOMBSTONE, first)
    except psycopg.errors.DeadlockDetected:
        deadlocks += 1
    deadlocks += isinstance(answer.exception(10), psycopg.errors.DeadlockDetected)

    assert deadlocks == 1
