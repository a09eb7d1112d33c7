"""Beats and rescues at the same moment, on real connections: one wins, and the loser learns it."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import pytest

from conformance.floor import Event
from conformance.rescue import rescue
from fixtures.contract import Connection, age, beat, claims_of, connected, end

RACES = 10_000 if os.environ.get("RIVERKEEPER_TEST_LONG") else 120  # each is of four claims
AT_ONCE = 4
LIMIT_SECONDS = 60.0  # a beat that is older is stale
pytestmark = [pytest.mark.long] if os.environ.get("RIVERKEEPER_TEST_LONG") else []


@pytest.fixture
def connections(installed_url: str) -> Iterator[list[Connection]]:
    """Three sessions on a database with both schemas."""
    with ExitStack() as stack:
        yield [stack.enter_context(connected(installed_url)) for _ in range(3)]


@pytest.fixture
def two() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def together(pool: ThreadPoolExecutor, *works: Callable[[], object]) -> None:
    """Run them at the same moment."""
    gate = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        gate.wait(10)
        work()

    for done in [pool.submit(run, work) for work in works]:
        done.result(60)


def stale_claims(connection: Connection) -> list[Event]:
    """Claims that have beaten, an hour ago."""
    claims = claims_of(connection, AT_ONCE)
    beat(connection, claims)
    age(connection)
    return claims


def rescue_all(connection: Connection, claims: list[Event], chance: random.Random) -> dict[int, tuple[float, bool]]:
    """Per job when its rescue began, and whether it was done; each in a transaction of its own."""
    done = {}
    for claim in chance.sample(claims, len(claims)):
        began = time.monotonic()
        done[claim["job_id"]] = (began, rescue(connection, claim, LIMIT_SECONDS))
    return done


def test_a_beat_and_a_rescue_have_one_winner(connections: list[Connection], two: ThreadPoolExecutor) -> None:
    """No claim is both held and rescued; a beat that was answered before keeps every later rescue away."""
    mine, rescuer, _ = connections
    chance, won = random.Random(1), {True: 0, False: 0}
    for _ in range(RACES):
        claims = stale_claims(mine)
        standings: dict[int, str] = {}
        rescues: dict[int, tuple[float, bool]] = {}
        delay = chance.random() * 0.006

        def beat_once(claims: list[Event] = claims, into: dict[int, str] = standings, delay: float = delay) -> None:
            threading.Event().wait(delay)
            into.update(beat(mine, claims))

        def rescue_them(claims: list[Event] = claims, into: dict[int, tuple[float, bool]] = rescues) -> None:
            into.update(rescue_all(rescuer, claims, chance))

        together(two, beat_once, rescue_them)
        rescued = {job: done for job, (_, done) in rescues.items()}
        assert {job: standing == "lost" for job, standing in standings.items()} == rescued
        assert {job: standing == "lost" for job, standing in beat(mine, claims).items()} == rescued
        for done in rescued.values():
            won[done] += 1

    assert min(won.values()) > RACES / 20, f"it was no race: {won}"


def test_a_first_beat_and_a_tombstone_have_one_winner(connections: list[Connection], two: ThreadPoolExecutor) -> None:
    """The same for claims that have not beaten yet."""
    mine, rescuer, _ = connections
    chance, won = random.Random(3), {True: 0, False: 0}
    for _ in range(RACES):
        claims = claims_of(mine, AT_ONCE)
        standings: dict[int, str] = {}
        rescued: dict[int, bool] = {}
        order = chance.sample(claims, AT_ONCE)
        delay = chance.random() * 0.006

        def beat_once(claims: list[Event] = claims, into: dict[int, str] = standings, delay: float = delay) -> None:
            threading.Event().wait(delay)
            into.update(beat(mine, claims))

        def rescue_them(order: list[Event] = order, into: dict[int, bool] = rescued) -> None:
            into.update({claim["job_id"]: rescue(rescuer, claim, 0, tombstone=True) for claim in order})

        together(two, beat_once, rescue_them)
        assert {job: standing == "lost" for job, standing in standings.items()} == rescued
        for done in rescued.values():
            won[done] += 1

    assert min(won.values()) > RACES / 20, f"it was no race: {won}"


def test_beaters_with_opposite_orders_never_deadlock(connections: list[Connection], two: ThreadPoolExecutor) -> None:
    """The statements lock in order of job id, whatever order they are given: first beats, later ones, and ends."""
    first, other, _ = connections
    for _ in range(max(8, RACES // 100)):
        claims = claims_of(first, 1000)  # so many that the statements meet
        for work in (beat, beat, end):
            for _ in range(8 if work is end else 1):  # an end is so quick that two seldom meet
                together(two, partial(work, first, claims), partial(work, other, claims[::-1]))
