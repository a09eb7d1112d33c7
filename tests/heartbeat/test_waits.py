"""A beat that waits for another's transaction is told how that one ended, not how things stood before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import psycopg
import pytest

from conformance.rescue import JOB, MARK, STALE, TOMBSTONE, WRITE, rescue
from fixtures.contract import Connection, age, ask, beat, claims_of, connected, wait_for_a_lock
from riverkeeper.schema.install import install


class Stage:
    """A worker, a keeper and an onlooker, each with a session."""

    def __init__(self, sessions: list[Connection], pool: ThreadPoolExecutor) -> None:
        self.worker, self.keeper, self.onlooker = sessions
        self._pool = pool
        [self.claim] = claims_of(self.onlooker, 1)
        self.values = {**self.claim, "timeout": 60}

    def waiting(self, session: Connection, work: Callable[[], object]) -> Future[object]:
        """Start it, and return once it waits for another session's lock."""
        future = self._pool.submit(work)
        wait_for_a_lock(self.onlooker, session)
        return future


@pytest.fixture
def stage(river_url: str) -> Iterator[Stage]:
    install(river_url, None, None)
    with ExitStack() as stack, ThreadPoolExecutor(1) as pool:
        yield Stage([stack.enter_context(connected(river_url)) for _ in range(3)], pool)


def rescue_openly(stage: Stage) -> None:
    """All of a rescue but its commit."""
    for sql in (STALE, JOB, MARK, WRITE):
        stage.keeper.execute(sql, stage.values)


@pytest.mark.parametrize(("commits", "standing"), [(True, "lost"), (False, "held")])
def test_a_beat_waits_for_an_open_rescue(stage: Stage, commits: bool, standing: str) -> None:
    """Its snapshot is older than the rescue, and still shows the job running; the heartbeat row decides."""
    beat(stage.worker, [stage.claim])
    age(stage.onlooker)
    with stage.keeper.transaction(force_rollback=not commits):
        rescue_openly(stage)
        answer = stage.waiting(stage.worker, lambda: beat(stage.worker, [stage.claim]))

    assert answer.result(10) == {stage.claim["job_id"]: standing}


@pytest.mark.parametrize(("commits", "standing"), [(True, "lost"), (False, "held")])
def test_a_first_beat_waits_for_an_open_tombstone(stage: Stage, commits: bool, standing: str) -> None:
    """The row that is not there yet is the arbiter too."""
    with stage.keeper.transaction(force_rollback=not commits):
        stage.keeper.execute(TOMBSTONE, stage.values)
        answer = stage.waiting(stage.worker, lambda: beat(stage.worker, [stage.claim]))

    assert answer.result(10) == {stage.claim["job_id"]: standing}


def test_a_tombstone_waits_for_a_first_beat(stage: Stage) -> None:
    """The other order: the claim has beaten after all, and is not rescued."""
    with stage.worker.transaction():
        beat(stage.worker, [stage.claim])
        answer = stage.waiting(stage.keeper, lambda: rescue(stage.keeper, stage.claim, 0, tombstone=True))

    assert answer.result(10) is False
    assert beat(stage.worker, [stage.claim]) == {stage.claim["job_id"]: "held"}


def test_a_rescue_passes_by_what_a_beat_has_locked(stage: Stage) -> None:
    """It does not wait, for who holds the row is alive."""
    beat(stage.worker, [stage.claim])
    age(stage.onlooker)
    with stage.worker.transaction():
        beat(stage.worker, [stage.claim])
        assert rescue(stage.keeper, stage.claim, 60) is False


def test_a_held_claim_cannot_be_taken(stage: Stage) -> None:
    """verify_claim.sql locks the job until the effect has committed; a rescue passes it by."""
    beat(stage.worker, [stage.claim])
    age(stage.onlooker)
    with stage.worker.transaction():
        assert ask(stage.worker, "verify_claim", stage.claim) == [{"held": 1}]
        assert rescue(stage.keeper, stage.claim, 60) is False
    assert rescue(stage.keeper, stage.claim, 60) is True
    assert ask(stage.worker, "verify_claim", stage.claim) == []


def test_a_keeper_that_takes_two_claims_at_once_can_deadlock_with_a_beat(stage: Stage) -> None:
    """Why a rescue takes one claim a transaction: two tombstones out of order, and a beat between them."""
    first, second = claims_of(stage.onlooker, 2)
    deadlocks = 0
    try:
        with stage.keeper.transaction():
            stage.keeper.execute(TOMBSTONE, second)
            answer = stage.waiting(stage.worker, lambda: beat(stage.worker, [first, second]))
            stage.keeper.execute(TOMBSTONE, first)
    except psycopg.errors.DeadlockDetected:
        deadlocks += 1
    deadlocks += isinstance(answer.exception(10), psycopg.errors.DeadlockDetected)

    assert deadlocks == 1
