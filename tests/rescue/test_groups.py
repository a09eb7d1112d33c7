"""Several claims in one transaction: each comes to what it would have come to alone."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from conformance.floor import Event
from fixtures.contenders import (
    COMPLETE,
    FAIL,
    FETCH,
    JOB_CANCEL,
    POINTS,
    REFUSES_ONE,
    At,
    Dying,
    Other,
    beats,
    runs,
)
from fixtures.contract import beat, connected
from fixtures.rescue import Scene, held_by
from riverkeeper.brakes.rules import Brake
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.decision import Act
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.rescue.request import Rescued, RescueItem
from riverkeeper.rescue.transaction import rescue_jobs

Make = Callable[[Scene], Event]
BEATEN_OR_NOT = pytest.mark.parametrize("make", [Scene.stale, Scene.never_beaten], ids=["beaten", "never beaten"])
OTHERS = {"beat": beats, "complete": runs(COMPLETE), "fail and claim anew": runs(FAIL, FETCH)}
STATEMENTS = 8  # the actor's lock, beats or tombstones, jobs, jobs read, marks or processes, jobs, audit, commit
TERMINATE = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE application_name = 'riverkeeper' AND datname = current_database()
"""


def several(scene: Scene, make: Make, count: int = 3) -> list[Event]:
    return [make(scene) for _ in range(count)]


def requested(scene: Scene, claims: Sequence[Event], **changes: Any) -> list[RescueItem]:
    return [RescueItem(scene.found(claim, **changes), scene.order(**changes)) for claim in claims]


def together(scene: Scene, claims: Sequence[Event], **changes: Any) -> list[Rescued | Skipped] | None:
    items = requested(scene, claims, **changes)
    with scene.keeping() as tx:
        return rescue_jobs(tx, items)


def whole(scene: Scene, claim: Event) -> bool:
    """Whether the claim was rescued, which job, heartbeat row and audit say alike."""
    rescued = scene.rescues(claim)
    assert scene.ours(claim) == rescued in {0, 1}
    return rescued == 1


@BEATEN_OR_NOT
def test_each_is_rescued_as_if_it_were_alone(scene: Scene, make: Make) -> None:
    """State, error, count, audit: equal to those of a claim that was rescued by itself, but for moments and names."""
    alone, *claims = several(scene, make, 4)
    scene.rescue(alone)
    outcomes = together(scene, claims)

    assert outcomes is not None
    assert all(isinstance(outcome, Rescued) for outcome in outcomes)
    answers = [
        {key: row[key] for key in ("reason", "action", "state_after", "tier", "woken_by", "dry_run", "kind", "queue")}
        | {"evidence": sorted(row["evidence"])}
        for row in scene.audit()
    ]
    assert answers == [answers[0]] * 4
    jobs = [scene.job(claim) for claim in (alone, *claims)]
    assert len({(job["state"], job["attempt"], len(job["errors"]), str(job["metadata"])) for job in jobs}) == 1
    assert [outcome.claim.job_id for outcome in outcomes if isinstance(outcome, Rescued)] == [
        claim["job_id"] for claim in claims
    ]


@BEATEN_OR_NOT
@pytest.mark.parametrize("what", OTHERS)
def test_one_that_somebody_touches_at_any_point_has_one_winner(
    scene: Scene, somebody: Other, make: Make, what: str
) -> None:
    """The two beside it are rescued all the same, in this transaction or, where that cannot be, in their own.

    But for a beat where none has beaten yet: a process that beats is no lost worker of the others either.
    """
    work, won = OTHERS[what], set()
    for point in POINTS:
        claims = several(scene, make)
        items = requested(scene, claims)
        with scene.keeping() as tx:
            met = At(tx, point, lambda: somebody.start(lambda sql: work(sql, claims[1])))  # noqa: B023
            outcomes = rescue_jobs(cast(Transaction, met), items)
            met.at("commit")
        theirs = somebody.result()
        rescued = [whole(scene, claim) for claim in claims]
        if outcomes is None:
            assert rescued == [False] * 3, point
            rescued = [
                isinstance(scene.rescue(claim, each.stuck), Rescued) for claim, each in zip(claims, items, strict=True)
            ]
        spoken = bool(theirs) and what == "beat" and make is Scene.never_beaten
        assert rescued[0] == rescued[2] == (not spoken), (point, outcomes)
        if theirs is not None:
            assert rescued[1] == (not theirs), (point, outcomes)
            won.add(rescued[1])

    assert won == {True, False}


@BEATEN_OR_NOT
def test_a_connection_ended_between_any_two_statements_leaves_none(scene: Scene, make: Make) -> None:
    """All of them or nothing: a replica that dies has rescued no half of its group."""
    for statement in range(STATEMENTS):
        claims = several(scene, make)
        items = requested(scene, claims)
        with pytest.raises(DatabaseError):
            rescue_and_die(scene, items, statement)
        assert not any(whole(scene, claim) for claim in claims)
        assert together(scene, claims) is not None


def rescue_and_die(scene: Scene, items: list[RescueItem], statement: int) -> None:
    with scene.keeping() as tx:
        dying = Dying(tx, statement, lambda: scene.sql.execute(TERMINATE))
        rescue_jobs(cast(Transaction, dying), items)
        dying.query("commit")


@BEATEN_OR_NOT
def test_a_brake_has_room_for_some(scene: Scene, make: Make) -> None:
    """Rate and slow start count each of them: the first two are rescued, and the others are as they were."""
    claims = several(scene, make, 4)
    outcomes = together(scene, claims, read_brakes=held_by(Brake.RATE, room=2))

    if make is Scene.never_beaten:  # no tombstone may stand for those that are left alone
        assert outcomes is None
        assert not any(scene.row(claim) for claim in claims)
        return
    assert outcomes is not None
    assert [isinstance(outcome, Rescued) for outcome in outcomes] == [True, True, False, False]
    assert outcomes[2:] == [Skipped(Refusal.BRAKE_RATE, "because")] * 2
    assert [whole(scene, claim) for claim in claims] == [True, True, False, False]


def test_a_tombstone_never_stands_for_one_that_lives(scene: Scene) -> None:
    """A claim that beats by metadata has no row; one of three has beaten since it was found."""
    claims = several(scene, Scene.never_beaten)
    items = requested(scene, claims)
    now = "UPDATE river_job SET metadata = jsonb_build_object('health_check_at', to_jsonb(now())) WHERE id = %s"
    scene.sql.execute(now, [claims[1]["job_id"]])
    with scene.keeping() as tx:
        assert rescue_jobs(tx, items) is None

    assert not any(scene.row(claim) for claim in claims)
    assert beat(scene.sql, [claims[1]]) == {claims[1]["job_id"]: "held"}


def test_one_error_leaves_all_to_be_tried_alone(scene: Scene) -> None:
    """A trigger of the user's refuses one of the jobs: nothing is half done, and the others do not wait for it."""
    claims = several(scene, Scene.stale)
    scene.sql.execute(REFUSES_ONE.format(job_id=claims[1]["job_id"]))
    assert together(scene, claims) is None
    assert not any(whole(scene, claim) for claim in claims)

    outcomes = [scene.rescue(claim) for claim in claims]
    assert [isinstance(outcome, Rescued) for outcome in outcomes] == [True, False, True]
    scene.sql.execute("DROP FUNCTION refuse CASCADE")


def test_one_that_was_rescued_before_leaves_all_to_be_tried_alone(scene: Scene) -> None:
    """By the audit, although its mark is gone and it looks lost again: the others are not reported as rescued."""
    claims = several(scene, Scene.stale)
    scene.rescue(claims[1])
    scene.sql.execute("UPDATE river_job SET state = 'running', errors = NULL")
    scene.sql.execute("UPDATE riverkeeper.heartbeat SET lost_at = NULL")

    assert together(scene, claims, cooldown=0.0) is None
    assert len(scene.audit()) == 1
    assert {scene.job(claim)["state"] for claim in claims} == {"running"}


def test_stops_retries_and_cancels_go_together(scene: Scene) -> None:
    """Each by its own act: one hangs, one lost its worker, one was to be cancelled, one beats and is refused."""
    hung = scene.hung()
    lost, cancelled = scene.stale(), scene.stale()
    runs(JOB_CANCEL)(scene.sql, cancelled)
    scene.sql.execute("UPDATE riverkeeper.heartbeat SET beat_at = now() WHERE job_id = %(job_id)s", hung)
    items = requested(scene, [hung, lost, cancelled])
    living = scene.claim()
    beat(scene.sql, [living])
    items += requested(scene, [living])
    with scene.keeping() as tx:
        outcomes = rescue_jobs(tx, items)

    assert outcomes is not None
    assert [outcome.act for outcome in outcomes if isinstance(outcome, Rescued)] == [Act.STOP, Act.RETRY, Act.CANCEL]
    assert outcomes[3] == Skipped(Refusal.BEAT)
    states = [scene.job(claim)["state"] for claim in (hung, lost, cancelled, living)]
    assert states == ["running", "available", "cancelled", "running"]
    row = scene.row(hung)
    assert row
    assert row["stop_requested_at"]
    assert row["lost_at"] is None


@BEATEN_OR_NOT
def test_a_dry_run_writes_each_down_once(scene: Scene, make: Make) -> None:
    """And changes nothing: no job, no mark, no tombstone."""
    scene.dry_run = True
    claims = several(scene, make)
    assert together(scene, claims) is not None
    more = [*claims, make(scene)]
    outcomes = together(scene, more)

    assert outcomes is not None
    assert outcomes[:3] == [Skipped(Refusal.RECORDED)] * 3
    assert isinstance(outcomes[3], Rescued)
    assert [(row["job_id"], row["dry_run"]) for row in scene.audit()] == [(claim["job_id"], True) for claim in more]
    rows = [scene.row(claim) for claim in more]
    assert all(row is None or row["lost_at"] is None for row in rows)
    assert {scene.job(claim)["state"] for claim in more} == {"running"}


def test_tombstones_are_laid_in_the_order_in_which_beats_come(scene: Scene) -> None:
    """By job id, as beats insert: a rescue that waits for a first beat under way is not waited for by it."""
    claims = several(scene, Scene.never_beaten, 20)
    assert together(scene, random.Random(5).sample(claims, len(claims))) is not None

    laid = scene.sql.execute("SELECT job_id FROM riverkeeper.heartbeat ORDER BY ctid").fetchall()
    assert [row["job_id"] for row in laid] == [claim["job_id"] for claim in claims]


def test_a_first_beat_under_way_wins(scene: Scene) -> None:
    """It is waited for as long as for any lock, and then no tombstone stands, for it or for the claims beside it."""
    claims = several(scene, Scene.never_beaten)
    items = requested(scene, claims)
    with connected(scene.url) as beating, beating.transaction():
        beat(beating, [claims[1]])
        with scene.keeping() as tx:
            outcomes = rescue_jobs(tx, items)

    assert outcomes is None
    rows = [scene.row(claim) for claim in claims]
    assert [row is not None and row["lost_at"] is None for row in rows] == [False, True, False]
