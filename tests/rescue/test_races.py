"""A rescue meets everybody else, at every point between its first statement and its commit: one of them wins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC
from typing import cast

import pytest

from conformance.floor import Event
from fixtures.contenders import (
    COMPLETE,
    DELETE,
    FAIL,
    FETCH,
    JOB_CANCEL,
    JOB_RETRY,
    POINTS,
    RIVERS_RESCUE,
    SNOOZE,
    At,
    Other,
    beats,
    ends,
    runs,
)
from fixtures.contract import Connection, beat, connected
from fixtures.rescue import Scene, staged
from fixtures.waiting import until
from riverkeeper.postgres.connection import Database
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.rescue.request import Rescued
from riverkeeper.rescue.transaction import rescue_job

Work = Callable[[Connection, Event], int]


@pytest.fixture(scope="module")
def scene(postgres: object) -> Iterator[Scene]:
    with staged(postgres.database("rescue_races", template="river_template")) as scene:  # type: ignore[attr-defined]
        scene.lead()
        yield scene


def never_beaten(scene: Scene) -> Event:
    """A claim without a row, whose process has been stale for an hour."""
    claim = scene.claim()
    beat(scene.sql, [])
    scene.sql.execute("UPDATE riverkeeper.client SET beat_at = now() - interval '1 hour'")
    scene.sql.execute(
        "UPDATE river_job SET attempted_at = attempted_at - interval '1 hour' WHERE id = %s", [claim["job_id"]]
    )
    return claim | {"attempted_at": text_of(scene, claim)}


def text_of(scene: Scene, claim: Event) -> str:
    return (
        f"{scene.job(claim)['attempted_at'].astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
    )


def meet(scene: Scene, claim: Event, somebody: Other, point: str, work: Work) -> tuple[Rescued | Skipped, int | None]:
    """A rescue during which somebody else works at a point: what came of either (None: it never came there)."""
    stuck = scene.found(claim)
    assert stuck.verdict.reason.is_stuck
    with scene.keeping() as tx:
        met = At(tx, point, lambda: somebody.start(lambda sql: work(sql, claim)))
        outcome = rescue_job(cast(Transaction, met), stuck, scene.order())
        met.at("commit")
    return outcome, somebody.result()


# Each takes the job away from `running`, so that it and a rescue exclude each other.
EXCLUSIVE = {
    "complete": runs(COMPLETE),
    "fail": runs(FAIL),
    "snooze": runs(SNOOZE),
    "river's rescuer": runs(RIVERS_RESCUE),
    "fail and claim anew": runs(FAIL, FETCH),
    "complete and retry": runs(COMPLETE, JOB_RETRY),
    "complete, retry and claim anew": runs(COMPLETE, JOB_RETRY, FETCH),
    "complete and clean": runs(COMPLETE, DELETE),
}


@pytest.mark.parametrize("make", [Scene.stale, Scene.never_beaten], ids=["beaten", "never beaten"])
@pytest.mark.parametrize("what", EXCLUSIVE)
def test_who_ends_the_attempt_and_a_rescue_have_one_winner(
    scene: Scene, somebody: Other, make: Callable[[Scene], Event], what: str
) -> None:
    """Completer, a re-claim, JobRetry, the cleaner, River's rescuer: the row shows one of the two, whole."""
    won = set()
    for point in POINTS:
        claim = make(scene)
        outcome, changed = meet(scene, claim, somebody, point, EXCLUSIVE[what])
        rescued = isinstance(outcome, Rescued)
        if changed is not None:
            assert rescued == (changed == 0), (point, outcome)
            won.add(rescued)
        assert scene.rescues(claim) == scene.ours(claim) == rescued

    assert won == {True, False}


@pytest.mark.parametrize("make", [Scene.stale, Scene.never_beaten], ids=["beaten", "never beaten"])
def test_a_beat_and_a_rescue_have_one_winner(scene: Scene, somebody: Other, make: Callable[[Scene], Event]) -> None:
    """A beat that was taken keeps the rescue away; one that was not knows that the claim is lost."""
    won = set()
    for point in POINTS:
        claim = make(scene)
        outcome, heard = meet(scene, claim, somebody, point, beats)
        if heard is None:
            continue
        assert isinstance(outcome, Rescued) == (not heard), (point, outcome)
        assert scene.rescues(claim) == scene.ours(claim) == (not heard)
        assert (scene.job(claim)["state"] == "running") == heard
        won.add(bool(heard))

    assert won == {True, False}


def test_a_cancel_request_is_seen_or_stays_on_the_row(scene: Scene, somebody: Other) -> None:
    """JobCancel on a running job: seen in time it makes the rescue a cancel, else the rescue stands as a retry."""
    seen = set()
    for point in POINTS:
        claim = scene.stale()
        outcome, changed = meet(scene, claim, somebody, point, runs(JOB_CANCEL))
        assert isinstance(outcome, Rescued)
        state = scene.job(claim)["state"]
        if changed is not None:
            assert state == ("cancelled" if changed else "available")
            seen.add(state)

    assert seen == {"cancelled", "available"}


def test_a_late_end_never_hides_that_the_worker_lived(scene: Scene, somebody: Other) -> None:
    """`end` may come at any point, before or after the claim is lost: it is written, and no rescue is undone."""
    for point in POINTS:
        claim = scene.stale()
        outcome, _ = meet(scene, claim, somebody, point, ends)
        row = scene.row(claim)
        assert row
        assert isinstance(outcome, Rescued) or outcome.refusal is Refusal.LOCKED
        if point != "rescue/place_tombstones":  # where nothing happens: the claim has a row
            assert row["outcome"] == "completed"


def test_two_replicas_rescue_once(scene: Scene, somebody: Other) -> None:
    """At any point a second replica's rescue of the same claim is refused, or is the one that was made."""
    for make in (Scene.stale, Scene.never_beaten):
        for point in POINTS:
            claim = make(scene)
            second = Database(scene.url, "second keeper")
            stuck, order = scene.found(claim), scene.order()
            outcomes: list[Rescued | Skipped] = []

            def rescue_too(database: Database = second, into: list[Rescued | Skipped] = outcomes) -> None:
                with scene.keeping(database) as tx:
                    into.append(rescue_job(tx, stuck, order))  # noqa: B023

            with scene.keeping() as tx:
                met = At(tx, point, rescue_too)
                outcomes.append(rescue_job(cast(Transaction, met), stuck, order))
                met.at("commit")
            second.close()
            assert sum(isinstance(outcome, Rescued) for outcome in outcomes) == 1, (point, outcomes)
            assert scene.rescues(claim) == scene.ours(claim) == 1


@pytest.mark.parametrize("lock", ["FOR NO KEY UPDATE", "FOR UPDATE", "FOR SHARE"])
def test_a_job_that_somebody_has_locked_is_left_to_them(scene: Scene, somebody: Other, lock: str) -> None:
    """A worker's own transaction (JobCompleteTx, verify_claim.sql) holds the row: counted as locked, nobody waits."""
    claim = scene.stale()
    stuck = scene.found(claim)
    with scene.sql.transaction():
        scene.sql.execute(f"SELECT id FROM river_job WHERE id = %(job_id)s {lock}", claim)  # noqa: S608
        assert scene.rescue(claim, stuck) == Skipped(Refusal.LOCKED, "its row in the job table")
    assert scene.rescues(claim) == 0
    assert isinstance(scene.rescue(claim, stuck), Rescued)


def test_a_users_foreign_key_does_not_hide_the_job(scene: Scene) -> None:
    """An open insert that refers to the job locks its key only: the rescue goes through."""
    scene.sql.execute("CREATE TABLE IF NOT EXISTS receipt (job_id bigint REFERENCES river_job (id))")
    claim = scene.stale()
    stuck = scene.found(claim)
    with scene.sql.transaction():
        scene.sql.execute("INSERT INTO receipt VALUES (%(job_id)s)", claim)
        assert isinstance(scene.rescue(claim, stuck), Rescued)
    scene.sql.execute("DROP TABLE receipt")


def test_a_first_beat_that_commits_meanwhile_counts(scene: Scene, somebody: Other) -> None:
    """The tombstone waits for it, and then reads it: the worker lives, which no database error shows."""
    claim = never_beaten(scene)
    stuck = scene.found(claim)
    outcomes: list[Rescued | Skipped] = []

    def rescue_it() -> None:
        with scene.keeping() as tx:
            tx.execute("SET LOCAL lock_timeout = '20s'")
            outcomes.append(rescue_job(tx, stuck, scene.order()))

    with connected(scene.url) as beating, ThreadPoolExecutor(1) as pool:
        with beating.transaction():
            beat(beating, [claim])
            rescuing = pool.submit(rescue_it)
            until(lambda: _waits(scene), "the tombstone to wait")
        rescuing.result(30)

    assert outcomes == [Skipped(Refusal.BEAT)]
    assert scene.rescues(claim) == 0


def _waits(scene: Scene) -> bool:
    asked = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return scene.sql.execute(asked).fetchone() is not None


def test_nobody_waits_for_a_beat_under_way(scene: Scene) -> None:
    """A beat that holds its row for long (a slow disk) is left to itself at once, also by the tombstone's insert."""
    claim = scene.stale()
    stuck = scene.found(claim)
    with connected(scene.url) as beating, beating.transaction():
        beat(beating, [claim])
        for found in (stuck, replace(stuck, job=replace(stuck.job, beat=None))):
            assert scene.rescue(claim, found) == Skipped(Refusal.LOCKED, "its heartbeat row is being written")
    assert scene.rescues(claim) == 0
