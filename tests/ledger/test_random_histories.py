"""Random histories on a real table, against a naive count of the same jobs."""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random

import pytest

from fixtures.ledger_replica import Replica, equals_naive, page
from fixtures.simulated_river import LATE, World
from riverkeeper.ledger.update import Totals
from riverkeeper.postgres.connection import Session
from riverkeeper.schema.install import install

pytestmark = pytest.mark.long  # many more histories
LONG = bool(os.environ.get("RIVERKEEPER_TEST_LONG"))
SEEDS = range(60 if LONG else 1)
STEPS = 150 if LONG else 40


def step(world: World, random: Random) -> None:
    """Something happens, and time passes."""
    world.work(random.randint(0, 15))
    what = random.random()
    if what < 0.3:
        world.retry(random.randint(1, 4))
    elif what < 0.35:
        world.delete(1)
    elif what < 0.4:
        world.clean(random.choice((60, 900, 86_400)))
    elif what < 0.43:
        world.outage(random.choice((100, 200, 500, 3000)))
    world.pass_time(random.choice((2, 15, 15, 15, 30, 60)))


def finish(world: World, replica: Replica) -> Totals:
    """A quiet late window, and what was ahead of its time."""
    ends = world.now + 3 * LATE
    while world.now < ends:
        world.pass_time(60)
        totals = replica.collect(world)
    return totals


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("durable", [False, True], ids=["memory", "keeper"])
def test_every_finish_is_counted_once(river_url: str, sql: Session, seed: int, durable: bool) -> None:
    """Whatever clocks, delays, retries, cleaners and outages do; and no counter ever falls on the way."""
    if durable:
        install(river_url, None, None)
    world, random = World(sql, seed), Random(seed)
    step(world, random)
    with Replica(river_url, durable) as replica:
        for _ in range(STEPS):
            step(world, random)
            replica.collect(world)
            if durable and random.random() < 0.1:
                replica.restart()
        totals = finish(world, replica)

    assert totals.epoch == 1
    equals_naive(world, totals)


@pytest.mark.parametrize("seed", SEEDS)
def test_replicas_export_the_same_committed_numbers(installed_url: str, sql: Session, seed: int) -> None:
    """Two exporters read and commit in any order, and restart: what one shows is what the other would show."""
    world, random = World(sql, seed), Random(seed)
    with Replica(installed_url, durable=True) as first, Replica(installed_url, durable=True) as other:
        for _ in range(STEPS):
            step(world, random)
            reads = [
                (replica, replica.read(world)) for replica in random.choices((first, other), k=random.randint(1, 3))
            ]
            for replica, read in random.sample(reads, len(reads)):
                shown = replica.settle(world, read)
                assert page(shown) == page(first.committed()), "what is shown is not what is committed"
            if random.random() < 0.1:
                random.choice((first, other)).restart()
        totals = finish(world, first)

        assert page(other.collect(world)) == page(totals)
    assert totals.epoch == 1
    equals_naive(world, totals)


def test_the_world_is_rich_enough(new_database: Callable[[], str]) -> None:
    """The histories hold what they are meant to hold: late rows, retried ones, deleted ones, clocks that differ."""
    with Session(new_database()) as sql:
        world, random = World(sql, 0), Random(0)
        for _ in range(60):
            step(world, random)

    gone = [finish for finish in world.finishes if finish.gone < float("inf")]
    late = [finish for finish in world.finishes if finish.visible - finish.finalized > 100]
    ahead = [finish for finish in world.finishes if finish.finalized > finish.visible]
    assert min(len(gone), len(late), len(ahead)) > 30
