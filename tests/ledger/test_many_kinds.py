"""More kinds than can have series of their own: every job is still counted once, under its kind or under `other`."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from fixtures.ledger_replica import Replica, page, read, settle
from fixtures.simulated_river import LATE, START
from riverkeeper.ledger import ledger
from riverkeeper.ledger.names import OTHER
from riverkeeper.ledger.update import Totals
from riverkeeper.postgres.connection import Session

pytestmark = pytest.mark.long  # more initial_values
SEEDS = 200 if os.environ.get("RIVERKEEPER_TEST_LONG") else 1
MANY = 30_000
STEADY = ["one", "two"]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four kinds are distinguished at a time, two have series of their own."""
    monkeypatch.setattr(ledger, "LEAST_PAIRS", 4)


@pytest.fixture(params=[True, False], ids=["keeper schema", "memory"])
def replica(request: pytest.FixtureRequest, installed_url: str) -> Iterator[Replica]:
    with Replica(installed_url, durable=request.param, max_pairs=2) as replica:
        yield replica


def finish(sql: Session, now: float, kinds: list[str]) -> None:
    """One job of each of the kinds ends at `now`, after a second."""
    sql.execute(
        "INSERT INTO river_job (state, attempt, kind, queue, scheduled_at, attempted_at, finalized_at)"
        " SELECT 'completed', 1, kind, 'q', at - interval '1 s', at - interval '1 s', at"
        " FROM unnest(%(kinds)s::text[]) AS kind, to_timestamp(%(now)s::float8) AS at",
        {"kinds": kinds, "now": now},
    )


def collect(replica: Replica, now: float) -> Totals:
    return settle(replica, read(replica, now))


def quiet(replica: Replica, now: float) -> Totals:
    """Collections until every slot has had its last visit."""
    for step in range(int(LATE // 15) + 3):
        totals = collect(replica, now + 15 * step)
    return totals


def jobs(totals: Totals) -> Counter[str]:
    """Completed jobs by kind; the histograms hold as many, of a second each."""
    counted: Counter[str] = Counter()
    for pair in page(totals).pairs:
        counted[pair.kind] += pair.outcomes["completed"]
        assert sum(pair.run.counts) == pair.outcomes["completed"] == pair.run.seconds
    return counted


@pytest.mark.usefixtures("few")
def test_a_kind_that_has_a_cell_keeps_it_when_the_slot_overflows(replica: Replica, sql: Session) -> None:
    """In the rest it would be counted once more."""
    collect(replica, START)
    finish(sql, START + 1, ["early"])
    assert jobs(collect(replica, START + 2)) == {"early": 1}
    finish(sql, START + 3, [f"kind {n}" for n in range(5) for _ in range(2)])
    assert jobs(collect(replica, START + 4)).total() == 11
    finish(sql, START + 5, ["early", "late"])

    counted = jobs(quiet(replica, START + 6))
    assert counted["early"] == 2
    assert counted.total() == 13


@pytest.mark.usefixtures("few")
def test_who_has_a_name_keeps_it_in_the_flood(replica: Replica, sql: Session) -> None:
    """Somebody writes an id into the kind: the series of the others go on, although each of them is as rare."""
    collect(replica, START)
    finish(sql, START + 1, STEADY)
    collect(replica, START + 5)
    for step in range(20):
        finish(sql, START + 10 * step + 11, STEADY + [f"id {step} {n}" for n in range(10)])
        totals = collect(replica, START + 10 * step + 15)

    assert jobs(totals) == {"one": 21, "two": 21, OTHER: 200}


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("seed", range(SEEDS))
def test_random_floods_are_counted_once(replica: Replica, installed_url: str, sql: Session, seed: int) -> None:
    """Slots that overflow early, late or never, late rows, and a second replica that reads at the same moment."""
    random, now, all_of_it = Random(seed), START, Counter[str]()
    collect(replica, now)
    with Replica(installed_url, durable=replica.durable, max_pairs=2) as other:
        for _ in range(30):
            now += random.choice([1, 4, 15])
            kinds = random.choices(STEADY + [f"id {random.random()}" for _ in range(6)], k=random.choice([0, 2, 9]))
            for kind in kinds:
                finish(sql, now - random.choice([0, 0, 5, 60]), [kind])
            all_of_it.update(kinds)
            if replica.durable and random.random() < 0.5:
                theirs = read(other, now)
                finish(sql, now - 1, late := random.choices(["one", "id x", "id y", f"id {random.random()}"], k=2))
                all_of_it.update(late)
                settle(replica, read(replica, now))
                settle(other, theirs)
            else:
                collect(replica, now)
        counted = jobs(quiet(replica, now))

    assert counted.total() == all_of_it.total()
    assert all(counted[kind] <= all_of_it[kind] for kind in counted if kind != OTHER)


def test_what_is_read_does_not_grow_with_the_kinds(installed_url: str, sql: Session) -> None:
    """Tens of thousands between two scrapes: as many cells as for two thousand, and no job lost."""
    sql.execute("DROP INDEX river_job_args_index, river_job_metadata_index, river_job_kind")  # to fill it faster
    with Replica(installed_url, durable=True) as replica:
        collect(replica, START)
        finish(sql, START + 1, [f"id {number}" for number in range(MANY)])
        began = time.process_time()
        reading = read(replica, START + 9)
        totals = settle(replica, reading)
        cost = time.process_time() - began

    assert len(reading.cells) == 2 * 1000 + 2, "the pairs that are distinguished, the rest, and the waits"
    assert jobs(totals).total() == MANY
    assert cost < 1.0  # seconds of our own: a tenth of it here, ten times as much when each kind had its cell
