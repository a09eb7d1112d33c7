"""Lost work and resumed attempts on real tables: each attempt counts once, and what nobody saw is not counted as 0."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from random import Random

import pytest

from conformance.floor import Event
from conformance.world import CLAIM_AGAIN
from fixtures.contract import Connection, ask, beat, claims_of, connected, save
from fixtures.ledger_replica import SECONDS, Replica, page, read, settle
from fixtures.simulated_attempts import AttemptWorld, LiveJob
from riverkeeper.ledger.totals import FinishedPair, WorkTotals
from riverkeeper.ledger.update import Totals
from riverkeeper.postgres.connection import Session

LONG = bool(os.environ.get("RIVERKEEPER_TEST_LONG"))
SEEDS = range(20 if LONG else 1)
STEPS = 80 if LONG else 6
RACES = 400 if LONG else 40  # attempts of each of two workers that resume while two replicas count
LOST = 7  # seconds that each attempt of a random history beats

# What an attempt left behind, in seconds before now.
ENDED = """
WITH job AS (
    INSERT INTO river_job (state, queue, kind, attempt, max_attempts, attempted_at, scheduled_at, finalized_at, errors)
    SELECT %(state)s::river_job_state, 'q', %(kind)s, 1, 9, now() - interval '100 s', now(),
        CASE WHEN %(state)s <> 'retryable' THEN now() END,
        ARRAY[jsonb_build_object('attempt', 1, 'at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
            'error', 'boom')]
    RETURNING id, attempted_at
),
client AS (
    INSERT INTO riverkeeper.client (instance, client_id, beat_at, beat_interval, fences, software, started_at)
    SELECT %(instance)s::uuid, %(client)s, now(), '10 s', true, 't', now() WHERE %(client)s::text <> ''
),
beat AS (
    INSERT INTO riverkeeper.heartbeat
        (job_id, attempted_at, attempt, instance, beat_interval, beat_at, first_beat_at, ended_at, outcome)
    SELECT id, attempted_at, 1, %(instance)s::uuid, make_interval(secs => %(interval)s),
        now() - make_interval(secs => %(beat)s), now() - interval '80 s',
        now() - make_interval(secs => %(ended)s), %(outcome)s
    FROM job WHERE %(beat)s::float8 IS NOT NULL
)
INSERT INTO riverkeeper.checkpoint (job_id, attempted_at, generation, attempt, value, saved_at, number)
SELECT id, attempted_at, 1, 1, '1', now() - make_interval(secs => %(saved)s), 1
FROM job WHERE %(saved)s::float8 IS NOT NULL
"""
USUAL = {"state": "retryable", "client": "host", "interval": 10, "beat": 10, "saved": None, "ended": None,
         "outcome": None}  # fmt: skip
# Kind -> what differs from the usual attempt, and the seconds of its lost work; None: not known, or none of a failure.
ATTEMPTS: dict[str, tuple[dict[str, object], float | None]] = {
    "from its beginning": ({}, 90),
    "from its checkpoint": ({"saved": 40}, 30),
    "saved after its last beat": ({"saved": 9}, 0),
    "to its reported end": ({"ended": 4, "outcome": "failed"}, 96),
    "abandoned": ({"ended": 10, "outcome": "abandoned"}, 90),
    "discarded": ({"state": "discarded"}, 90),
    "claimed by its worker's clock": ({"client": "ruby-host-4711-0123456789ab"}, 70),
    "of a forgotten process": ({"client": ""}, 70),
    "never beat": ({"beat": None}, None),
    "tombstone": ({"interval": 0}, None),
    "snoozed before": ({"outcome": "snoozed"}, None),
    "cancelled": ({"state": "cancelled"}, None),
}


@pytest.fixture
def sql(installed_url: str) -> Iterator[Connection]:
    with connected(installed_url) as connection:
        yield connection


@pytest.fixture
def replica(installed_url: str, sql: Connection) -> Iterator[Replica]:
    """A ledger that has made its first step a while ago."""
    with Replica(installed_url, durable=True) as made:
        settle(made, read(made, database_now(sql) - 200))
        yield made


def database_now(sql: Connection) -> float:
    row = sql.execute("SELECT extract(epoch FROM clock_timestamp())::float8 AS now").fetchone()
    assert row is not None
    return float(row["now"])


def collect(replica: Replica, sql: Connection) -> Totals:
    return settle(replica, read(replica, database_now(sql)))


def pairs(totals: Totals) -> dict[str, FinishedPair]:
    return {pair.kind: pair for pair in page(totals).pairs}


def resumed(totals: Totals) -> int:
    return sum(pair.work.resumed for pair in page(totals).pairs if pair.work)


def again(sql: Connection, claim: Event) -> Event:
    """The next attempt of the job."""
    return dict(sql.execute(CLAIM_AGAIN, [claim["job_id"]]).fetchone() or {})


def saved_claim(sql: Connection) -> Event:
    """A claim that beats and has saved a checkpoint."""
    [claim] = claims_of(sql, 1)
    beat(sql, [claim])
    save(sql, [claim], number=41)
    return claim


def test_lost_work_goes_from_the_last_checkpoint_to_the_last_sign_of_life(replica: Replica, sql: Connection) -> None:
    """An attempt that nobody saw does not count as one that lost nothing."""
    for number, (kind, (differs, _)) in enumerate(ATTEMPTS.items()):
        instance = f"00000000-0000-0000-0000-{number:012d}"
        sql.execute(ENDED, USUAL | differs | {"kind": kind, "instance": instance})
    found = pairs(collect(replica, sql))
    measured = {kind: pair.work for kind, pair in found.items()}

    assert {kind: work and (work.measured, round(work.lost_seconds, 3)) for kind, work in measured.items()} == {
        kind: (0, 0) if lost is None else (1, lost) for kind, (_, lost) in ATTEMPTS.items() if kind in found
    }
    assert ATTEMPTS.keys() - found.keys() <= {"cancelled"}  # it has no name yet: it finished nothing and failed nothing


class BeatingWorld(AttemptWorld):
    """Each attempt that is written while it runs beats for seven seconds."""

    def __init__(self, sql: Session, seed: int) -> None:
        super().__init__(sql, seed)
        self.beaten: set[tuple[int, float | None]] = set()
        self.lost: Counter[tuple[str, str]] = Counter()
        self._snoozed: list[tuple[int, float | None]] = []

    def snooze(self, job: LiveJob) -> None:
        self._snoozed.append((job.id, job.claimed))
        super().snooze(job)

    def write(self) -> None:
        super().write()
        self.beaten |= {(job.id, job.claimed) for job in self.jobs if job.state == "running"}
        self.sql.execute(
            "INSERT INTO riverkeeper.heartbeat"
            " (job_id, attempted_at, attempt, instance, beat_interval, beat_at, first_beat_at)"
            " SELECT id, attempted_at, attempt, gen_random_uuid(), '10 s',"
            " attempted_at + make_interval(secs => %(lost)s), attempted_at"
            " FROM river_job WHERE state = 'running' ON CONFLICT DO NOTHING",
            {"lost": LOST},
        )
        for job_id, claimed in self._snoozed:
            self.sql.execute(
                "UPDATE riverkeeper.heartbeat SET outcome = 'snoozed'"
                " WHERE job_id = %(job_id)s AND attempted_at = to_timestamp(%(claimed)s::float8)",
                {"job_id": job_id, "claimed": claimed},
            )
        self._snoozed.clear()

    def _end(self, job: LiveJob, text: str, at: float, outcome: str, state: str) -> None:
        if outcome and (job.id, job.claimed) in self.beaten:
            self.lost[job.queue, job.kind] += LOST
        super()._end(job, text, at, outcome, state)


@pytest.mark.parametrize("seed", SEEDS)
def test_replicas_measure_each_attempt_once(installed_url: str, seed: int) -> None:
    """They read the same rows and commit in any order; one is restarted. A reading may be old."""
    random = Random(seed)
    with (
        Session(installed_url, "test") as sql,
        Replica(installed_url, durable=True) as left,
        Replica(installed_url, durable=True) as right,
    ):
        world = BeatingWorld(sql, seed)
        world.insert(12)
        world.write()
        settle(left, read(left, world.now))
        for _ in range(STEPS):
            world.step(random.randint(1, 30))
            readings = [(replica, read(replica, world.now)) for replica in (left, right, left)]
            for replica, reading in random.sample(readings, len(readings)):
                shown = settle(replica, reading)
            world.now += random.choice((15, 15, 700))
            if random.random() < 0.2:
                random.choice((left, right)).restart()
        found = {
            (pair.queue, pair.kind): (pair.work.measured * LOST, pair.work.lost_seconds)
            for pair in page(shown).pairs
            if pair.work and pair.work.measured
        }

    assert found == {pair: (lost, lost) for pair, lost in world.lost.items()}


def test_attempts_that_resume_while_replicas_count_are_counted_once(installed_url: str, sql: Connection) -> None:
    """Each by one of them, on real connections; and nothing waits for anything for long."""
    claims = [saved_claim(sql) for _ in range(4)]
    ended = threading.Event()

    def resume(mine: list[Event]) -> None:
        with connected(installed_url) as connection:
            for number in range(RACES):
                mine[number % 2] = again(connection, mine[number % 2])
                ask(connection, "resume", mine[number % 2])

    def count(replica: Replica) -> None:
        with connected(installed_url) as connection:
            while not ended.is_set():
                collect(replica, connection)

    with (
        Replica(installed_url, durable=True) as left,
        Replica(installed_url, durable=True) as right,
        ThreadPoolExecutor(4) as threads,
    ):
        collect(left, sql)
        counting = [threads.submit(count, replica) for replica in (left, right)]
        try:
            for working in [threads.submit(resume, claims[:2]), threads.submit(resume, claims[2:])]:
                working.result(SECONDS * 4)
        finally:
            ended.set()
        for each in counting:
            each.result(SECONDS)
        assert resumed(collect(left, sql)) == resumed(collect(right, sql)) == 2 * RACES


class _Aborted(Exception):
    """The step ends before its commit."""


def test_what_did_not_commit_is_counted_by_the_next_step(replica: Replica, sql: Connection) -> None:
    """The mark and the totals stand or fall together."""
    ask(sql, "resume", again(sql, saved_claim(sql)))
    reading = read(replica, database_now(sql))
    with suppress(_Aborted), replica.writing() as tx:
        assert resumed(replica.ledger.settle(tx, reading, {})) == 1
        raise _Aborted

    assert resumed(collect(replica, sql)) == 1
    assert resumed(collect(replica, sql)) == 1


def test_what_resumed_before_the_first_step_is_known_not_counted(installed_url: str, sql: Connection) -> None:
    """A jump at the start would be read as a rate."""
    claim = again(sql, saved_claim(sql))
    ask(sql, "resume", claim)
    with Replica(installed_url, durable=True) as replica:
        assert resumed(collect(replica, sql)) == 0
        ask(sql, "resume", again(sql, claim))
        assert resumed(collect(replica, sql)) == 1


def test_without_checkpoints_nothing_is_known(replica: Replica, sql: Connection) -> None:
    """An older keeper schema, or a login that may not mark what is counted: no number, rather than a 0."""
    ask(sql, "resume", again(sql, saved_claim(sql)))
    assert [pair.work for pair in page(collect(replica, sql)).pairs] == [WorkTotals(1, 0, 0.0)]
    replica.ledger.store.counts_work = False

    assert [pair.work for pair in page(collect(replica, sql)).pairs] == [None]


RESCUED = """
INSERT INTO riverkeeper.rescue (at, dry_run, job_id, attempted_at, attempt, queue, kind, priority, tier, reason,
    action, evidence, woken_by, keeper)
VALUES (now() + make_interval(secs => %s), %s, %s, %s, %s, 'q', 'k', 1, 'standard', 'worker_lost', %s, '{}',
    'supervisor', gen_random_uuid())
"""


def audited(sql: Connection) -> list[object]:
    rows = sql.execute("SELECT resumed - 'saved_at' - 'at' AS resumed FROM riverkeeper.rescue ORDER BY id").fetchall()
    return [row["resumed"] for row in rows]


def test_the_audit_of_a_rescue_gets_the_checkpoint_that_the_job_resumed_from(replica: Replica, sql: Connection) -> None:
    """Of the last rescue before; not a dry run, not a stop, and never the value."""
    first = saved_claim(sql)
    for dry_run, action in ((False, "stop"), (False, "retry"), (True, "retry")):
        sql.execute(RESCUED, [0, dry_run, first["job_id"], first["attempted_at"], first["attempt"], action])
    ask(sql, "resume", again(sql, first))
    assert audited(sql) == [None] * 3
    collect(replica, sql)

    assert audited(sql) == [None, {"attempt": 1, "number": 41}, None]


def test_a_row_of_the_audit_that_is_locked_holds_up_nothing(
    installed_url: str, replica: Replica, sql: Connection
) -> None:
    """The follow-up of a rescue writes the same row: the resume counts with the next step, and the audit gets it."""
    first, other = saved_claim(sql), saved_claim(sql)
    sql.execute(RESCUED, [0, False, first["job_id"], first["attempted_at"], first["attempt"], "retry"])
    for claim in (first, other):
        ask(sql, "resume", again(sql, claim))
    with connected(installed_url) as following, following.transaction():
        following.execute("SELECT FROM riverkeeper.rescue FOR UPDATE")
        assert resumed(collect(replica, sql)) == 1
    assert resumed(collect(replica, sql)) == 2

    assert audited(sql) == [{"attempt": 1, "number": 41}]


def test_a_table_that_is_locked_does_not_hold_up_the_ledger(
    installed_url: str, replica: Replica, sql: Connection
) -> None:
    """An ALTER TABLE of the audit: finished jobs are counted, and the resumes with a later step."""
    ask(sql, "resume", again(sql, saved_claim(sql)))
    with connected(installed_url) as altering, altering.transaction():
        altering.execute("LOCK TABLE riverkeeper.rescue")
        assert resumed(collect(replica, sql)) == 0

    assert resumed(collect(replica, sql)) == 1


def test_a_checkpoint_that_was_saved_after_the_rescue_was_not_rescued(replica: Replica, sql: Connection) -> None:
    """The attempt after the rescue began from its start; a later one resumed from what that attempt saved."""
    first = saved_claim(sql)
    sql.execute("UPDATE riverkeeper.checkpoint SET saved_at = now() + interval '1 hour'")
    sql.execute(RESCUED, [0, False, first["job_id"], first["attempted_at"], first["attempt"], "retry"])
    ask(sql, "resume", again(sql, first))
    collect(replica, sql)

    assert audited(sql) == [None]
