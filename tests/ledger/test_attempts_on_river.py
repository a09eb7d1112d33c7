"""Failed and rescued attempts on a real table: each counts once, through restarts, by one replica or by several."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest

from fixtures.ledger_replica import Replica, page, read, settle
from fixtures.simulated_attempts import START, AttemptWorld, LiveJob, counted
from riverkeeper.ledger import attempts
from riverkeeper.ledger.update import Totals
from riverkeeper.postgres.connection import Session
from riverkeeper.schema.install import install

LONG = bool(os.environ.get("RIVERKEEPER_TEST_LONG"))
SEEDS = range(40 if LONG else 1)
STEPS = 120 if LONG else 25

# Every entry with every metadata.
ODD_ROWS = """
INSERT INTO river_job (state, kind, attempt, max_attempts, attempted_at, scheduled_at, errors, metadata)
SELECT 'retryable', 'k', 1, 5, to_timestamp(%(now)s::float8 + 1), to_timestamp(%(now)s::float8 + 9), e.errors,
    m.metadata
FROM (VALUES
    (ARRAY['1']::jsonb[]),
    ('{}'),
    (ARRAY['{"attempt": "1"}']::jsonb[]),
    (ARRAY['{"attempt": 1, "at": 5}', '[]']::jsonb[]),
    (ARRAY['{"attempt": 99, "at": "2099-01-01T00:00:00Z"}']::jsonb[])
) AS e (errors), (VALUES
    ('[1]'::jsonb), ('"x"'), ('{"river:rescue_count": 1.5}'), ('{"river:rescue_count": 99999999999}')
) AS m (metadata)
"""


def collect(replica: Replica, world: AttemptWorld) -> Totals:
    return settle(replica, read(replica, world.now))


@contextmanager
def counting_one_job(river_url: str, sql: Session) -> Iterator[tuple[Replica, AttemptWorld, LiveJob]]:
    """A durable ledger that has made its first step, and a job that waits."""
    install(river_url, None, None)
    world = AttemptWorld(sql, 1)
    world.insert(1)
    with Replica(river_url, durable=True) as replica:
        collect(replica, world)
        yield replica, world, world.jobs[0]


def collect_for_an_hour(replica: Replica, world: AttemptWorld) -> Totals:
    """Often enough that nothing is missed, and so long that what is stored of a job is deleted."""
    for _ in range(36):
        world.now += 100
        totals = collect(replica, world)
    return totals


def stored(sql: Session) -> int:
    return int(sql.execute("SELECT count(*) FROM riverkeeper.ledger_attempt")[0][0])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("durable", [False, True], ids=["memory", "keeper"])
def test_every_attempt_counts_once(river_url: str, sql: Session, seed: int, durable: bool) -> None:
    """As it ends, whatever its job does next. Each step counts the truth, after quiet hours and restarts too."""
    if durable:
        install(river_url, None, None)
    world, random = AttemptWorld(sql, seed), Random(seed)
    world.insert(12)
    world.write()
    with Replica(river_url, durable) as replica:
        collect(replica, world)
        for _ in range(STEPS):
            world.step(random.randint(1, 30))
            if random.random() < 0.1:
                collect(replica, world)
                world.now += random.choice((900, 4000))
                world.step(3)
            totals = collect(replica, world)
            if durable and random.random() < 0.2:
                replica.restart()
            assert counted(totals) == +world.truth
            world.now += 15

    assert totals.epoch == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_replicas_count_an_attempt_once(river_url: str, sql: Session, seed: int) -> None:
    """They read the same rows, commit in any order, and one of them deletes what is old between the two."""
    install(river_url, None, None)
    world, random = AttemptWorld(sql, seed), Random(seed)
    world.insert(12)
    world.write()
    with Replica(river_url, durable=True) as left, Replica(river_url, durable=True) as right:
        collect(left, world)
        for _ in range(STEPS):
            world.step(random.randint(1, 30))
            readings = [(replica, read(replica, world.now)) for replica in (left, right, left)]
            for replica, reading in random.sample(readings, len(readings)):
                shown = settle(replica, reading)
                assert page(shown) == page(replica.committed())
            world.now += random.choice((15, 15, 15, 700))
            if random.random() < 0.2:
                random.choice((left, right)).restart()
        assert counted(collect(left, world)) == +world.truth


def test_a_reading_from_before_the_rows_were_deleted_counts_nothing_again(river_url: str, sql: Session) -> None:
    """A replica froze between its reading and its commit, and another one deleted what was stored."""
    with counting_one_job(river_url, sql) as (other, world, job), Replica(river_url, durable=True) as frozen:
        world.happen(job)
        world.fail(job)
        world.write()
        reading = read(frozen, world.now)
        collect(other, world)
        totals = collect_for_an_hour(other, world)
        assert stored(sql) == 0
        assert counted(settle(frozen, reading)) == counted(totals) == world.truth


def test_what_failed_before_the_first_step_is_known_not_counted(river_url: str, sql: Session) -> None:
    """A jump at the start would be read as a rate. What fails afterwards counts, however long it ran before."""
    install(river_url, None, None)
    world = AttemptWorld(sql, 1)
    world.insert(2)
    old, running = world.jobs
    world.happen(old)
    world.fail(old)
    world.happen(running)
    world.write()
    world.truth.clear()
    world.now += 5000
    with Replica(river_url, durable=True) as replica:
        assert counted(collect(replica, world)) == {}
        world.now += 5000
        collect(replica, world)
        world.fail(running)
        world.write()
        assert counted(collect(replica, world)) == world.truth


def test_an_attempt_that_runs_for_days_counts_when_it_fails(river_url: str, sql: Session) -> None:
    """The entry's time is the start of the attempt: older than all that is stored of other jobs."""
    with counting_one_job(river_url, sql) as (replica, world, job):
        world.now += 1
        world.happen(job)
        world.write()
        world.now += 1000
        collect(replica, world)
        for _ in range(60):
            world.now += 800
            collect(replica, world)
            assert stored(sql) == 1, "a failure before the next step would not count"
        world.fail(job)
        world.write()
        assert counted(collect(replica, world)) == world.truth


def test_what_is_stored_goes_with_time(river_url: str, sql: Session) -> None:
    """A retry that waits for days is not stored for days, and does not count again when it fails again."""
    with counting_one_job(river_url, sql) as (replica, world, job):
        for _ in range(3):
            world.now += 1
            world.happen(job)
            world.fail(job)
            job.state, job.finalized = "retryable", None
            world.write()
            collect(replica, world)
            assert stored(sql) == 1
            totals = collect_for_an_hour(replica, world)
            assert stored(sql) == 0
    assert counted(totals) == world.truth


def test_beyond_the_bound_attempts_count_later_and_once(
    river_url: str, sql: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The jobs that are due first are read; the others when they come to the front, or end."""
    monkeypatch.setattr(attempts, "BUDGETS", dict.fromkeys(attempts.BUDGETS, 10))
    install(river_url, None, None)
    world = AttemptWorld(sql, 1)
    with Replica(river_url, durable=True) as replica:
        collect(replica, world)
        for number in range(1, 41):
            world.now += 0.1
            job = LiveJob(number, "q", "k", world.now)
            world.jobs.append(job)
            world.happen(job)
            world.fail(job)
            job.state, job.finalized, job.scheduled = "retryable", None, world.now + number
        world.write()
        totals = collect(replica, world)
        assert sum(counted(totals).values()) == 10
        for job in world.jobs[:25]:
            world.happen(job)
            world.complete(job)
        world.write()
        assert sum(counted(collect(replica, world)).values()) == 35
        for job in world.jobs[25:]:
            world.happen(job)
            world.complete(job)
        world.write()
        assert counted(collect(replica, world)) == world.truth


def test_an_older_keeper_schema_counts_no_attempts(river_url: str, sql: Session) -> None:
    """Their numbers are absent, not 0; with the table they begin."""
    install(river_url, None, None)
    world = AttemptWorld(sql, 1)
    with Replica(river_url, durable=True) as replica:
        replica.ledger.store.counts_attempts = False
        collect(replica, world)
        sql.execute(
            "INSERT INTO river_job (state, kind, attempt, attempted_at, finalized_at, max_attempts)"
            " SELECT 'completed', 'k', 1, at, at, 5 FROM to_timestamp(%(now)s::float8 + 1) AS at",
            {"now": START},
        )
        world.now += 15
        (pair,) = page(collect(replica, world)).pairs
        assert (pair.ended, pair.rescued) == ({}, {})
        replica.ledger.store.counts_attempts = True
        world.now += 15
        (pair,) = page(collect(replica, world)).pairs
        assert pair.ended == {"completed": 1, "failed": 0, "rescued": 0}
        assert pair.rescued == {"retried": 0, "discarded": 0, "cancelled": 0, "unknown_kind": 0}


def test_odd_errors_and_metadata_are_read_for_what_they_are(river_url: str, sql: Session) -> None:
    """Nothing that a user can write there fails the step, or counts as many."""
    world = AttemptWorld(sql, 1)
    with Replica(river_url, durable=False) as replica:
        collect(replica, world)
        sql.execute(ODD_ROWS, {"now": START})
        world.now += 15
        assert counted(collect(replica, world)) == {}
