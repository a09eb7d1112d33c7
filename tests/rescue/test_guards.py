"""What keeps a rescue from being made, what a dry run leaves behind, and what an operator may force."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from conformance.floor import Event
from fixtures.contract import beat
from fixtures.rescue import SCHEMAS, TIER, Scene, held_by
from riverkeeper.brakes.rules import Brake
from riverkeeper.config.tiers import Action
from riverkeeper.postgres.connection import Database
from riverkeeper.rescue.decision import Act
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.rescue.request import Rescued
from riverkeeper.rescue.transaction import rescue_job
from riverkeeper.verdict.verdict import Reason


def untouched(scene: Scene, claim: Event) -> bool:
    """Neither the job, nor the claim, nor the audit knows of a rescue."""
    job, row = scene.job(claim), scene.row(claim)
    unmarked = row is None or (row["lost_at"], row["stop_requested_at"]) == (None, None)
    return (job["state"], job["errors"]) == ("running", None) and unmarked


def refusal(outcome: object) -> Refusal:
    assert isinstance(outcome, Skipped), outcome
    return outcome.refusal


@pytest.mark.parametrize("brake", Brake)
def test_every_brake_holds(scene: Scene, brake: Brake) -> None:
    """A brake is read under the leader's lock, in this transaction; its sentence comes with the refusal."""
    claim = scene.stale()
    outcome = scene.rescue(claim, read_brakes=held_by(brake))

    assert outcome == Skipped(Refusal.of_brake(brake), "because")
    assert untouched(scene, claim)
    assert str(outcome).endswith(": because")


def test_while_another_replica_leads_nothing_is_rescued(scene: Scene) -> None:
    """While one transaction acts, every other is refused at once."""
    claim, other = scene.stale(), scene.stale()
    found, too = scene.found(claim), scene.found(other)
    second = Database(scene.url)
    with scene.keeping() as tx:
        rescue_job(tx, found, scene.order())
        with scene.keeping(second) as late:
            assert refusal(rescue_job(late, too, scene.order())) is Refusal.NOT_ACTOR
    second.close()
    assert untouched(scene, other)


def test_another_river_in_the_same_database_has_its_own_leadership(scene: Scene, installed_url: str) -> None:
    """The lock is the table's: two Rivers do not wait for each other, two keeper schemas of one River do."""
    scene.sql.execute("CREATE SCHEMA other CREATE TABLE river_job (id bigint)")
    second = Database(installed_url)
    with scene.database.writing(5, SCHEMAS) as tx:
        assert tx.query("rescue/try_rescue_lock")[0].acquired
        with second.writing(5, SCHEMAS | {"river": "other"}) as too:
            assert too.query("rescue/try_rescue_lock")[0].acquired
        with second.writing(5, SCHEMAS | {"keeper": "elsewhere"}) as too:
            assert not too.query("rescue/try_rescue_lock")[0].acquired
    second.close()
    scene.sql.execute("DROP SCHEMA other CASCADE")


def test_a_fresh_beat_since_it_was_found(scene: Scene) -> None:
    """What was found may be seconds old: the beat that came meanwhile counts."""
    claim = scene.stale()
    found = scene.found(claim)
    beat(scene.sql, [claim])

    assert refusal(scene.rescue(claim, found)) is Refusal.BEAT
    assert untouched(scene, claim)


def test_a_fresh_beat_in_the_metadata_since_it_was_found(scene: Scene) -> None:
    """A claim that beats both ways, or only there: the later one counts."""
    for make in (Scene.stale, Scene.never_beaten):
        claim = make(scene)
        found = scene.found(claim)
        scene.sql.execute("UPDATE river_job SET metadata = jsonb_build_object('health_check_at', now())")

        assert refusal(scene.rescue(claim, found)) is Refusal.BEAT
        assert untouched(scene, claim)


def test_a_first_beat_since_it_was_found(scene: Scene) -> None:
    """The same for a claim that had not beaten yet."""
    claim = scene.never_beaten()
    found = scene.found(claim)
    beat(scene.sql, [claim])

    assert refusal(scene.rescue(claim, found)) is Refusal.BEAT
    assert untouched(scene, claim)


def test_missed_beats_count_only_from_a_verified_path_on(scene: Scene) -> None:
    """After an outage every claim has a full timeout, whatever was found before it."""
    claim = scene.stale()
    found = scene.found(claim)
    for path_ok_since in (scene.now() - TIER.heartbeat_timeout + 5, None):
        assert refusal(scene.rescue(claim, found, path_ok_since=path_ok_since)) is Refusal.UNKNOWN
    assert untouched(scene, claim)


def test_another_reason_than_it_was_found_for(scene: Scene) -> None:
    """Found lost, now hung: the policy for the one is not the policy for the other."""
    claim = scene.stale()
    found = scene.found(claim)
    beat(scene.sql, [claim])
    scene.sql.execute("UPDATE riverkeeper.heartbeat SET progress_at = now() - interval '1 hour'")

    assert refusal(scene.rescue(claim, found)) is Refusal.CHANGED
    assert untouched(scene, claim)


def test_the_locked_interval_counts_not_the_one_that_was_found(scene: Scene) -> None:
    """A client that declares meanwhile that it beats every hour is not lost after 35 s."""
    claim = scene.stale()
    found = scene.found(claim)
    scene.sql.execute("UPDATE riverkeeper.heartbeat SET beat_interval = '1 hour'")

    assert refusal(scene.rescue(claim, found)) is Refusal.BEAT


def test_a_claim_put_back_manually(scene: Scene) -> None:
    """Its mark is final, and so is its audit row: a claim is rescued once."""
    claim = scene.stale()
    found = scene.found(claim)
    assert isinstance(scene.rescue(claim, found), Rescued)
    scene.sql.execute("UPDATE river_job SET state = 'running'")
    assert refusal(scene.rescue(claim, found)) is Refusal.LOST_ALREADY
    assert len(scene.audit()) == 1


def test_the_audit_alone_keeps_a_second_rescue_away(scene: Scene) -> None:
    """Also where the mark is gone and the claim looks lost again."""
    claim = scene.stale()
    found = scene.found(claim)
    assert isinstance(scene.rescue(claim, found), Rescued)
    scene.sql.execute("UPDATE river_job SET state = 'running', errors = NULL")
    scene.sql.execute("UPDATE riverkeeper.heartbeat SET lost_at = NULL")

    assert refusal(scene.rescue(claim, found, cooldown=0.0)) is Refusal.RESCUED_ALREADY
    assert untouched(scene, claim)


def test_cooldown_and_rescue_loop(scene: Scene) -> None:
    """One job is rescued so often in a day, and not at once again; an operator decides then."""
    scene.tier = replace(TIER, on_rescue_loop=Action.HOLD)
    claim = scene.stale()
    again = "UPDATE river_job SET state = 'running', attempt = attempt + 1, attempted_at = clock_timestamp()"
    for turn in range(3):
        assert isinstance(scene.rescue(claim, cooldown=0.0), Rescued)
        scene.sql.execute(again)
        claim = claim | {"attempt": turn + 2, "attempted_at": scene.text_of(claim)}
        beat(scene.sql, [claim])
        scene.sql.execute("UPDATE riverkeeper.heartbeat SET beat_at = now() - interval '1 hour' WHERE lost_at IS NULL")
        if turn < 2:
            assert refusal(scene.rescue(claim)) is Refusal.COOLDOWN
    assert scene.found(claim).verdict.reason is Reason.RESCUE_LOOP
    assert refusal(scene.rescue(claim, cooldown=0.0)) is Refusal.MAX_RESCUES

    scene.tier = replace(TIER, on_rescue_loop=Action.DISCARD)
    assert isinstance(scene.rescue(claim, cooldown=0.0), Rescued)
    assert scene.job(claim)["state"] == "discarded"


@pytest.mark.parametrize("action", [Action.HOLD, Action.DISCARD, Action.CANCEL, Action.RETRY])
def test_the_tier_s_action(scene: Scene, action: Action) -> None:
    """Each is what is done, and hold is nothing, decided before any lock."""
    scene.tier = replace(TIER, on_worker_lost=action)
    claim = scene.stale()
    outcome = scene.rescue(claim)
    states = {Action.DISCARD: "discarded", Action.CANCEL: "cancelled", Action.RETRY: "available"}
    if action is Action.HOLD:
        assert refusal(outcome) is Refusal.HOLD_BY_POLICY
        assert untouched(scene, claim)
    else:
        assert scene.job(claim)["state"] == states[action]


def test_a_hung_job_is_requested_to_stop_first(scene: Scene) -> None:
    """Stop, once; then stop_grace in which nothing is done; then the rescue, with River's back-off."""
    claim = scene.hung(errors=['{"at": "2026-01-01T00:00:00Z", "attempt": 1, "error": "no", "trace": ""}'])
    done = scene.rescue(claim)
    assert isinstance(done, Rescued)
    assert (done.act, done.reason, done.state) == (Act.STOP, Reason.HUNG, None)
    assert beat(scene.sql, [claim]) == {claim["job_id"]: "stop"}
    assert scene.job(claim)["state"] == "running"
    assert refusal(scene.rescue(claim)) is Refusal.STOPPING

    scene.sql.execute("UPDATE riverkeeper.heartbeat SET stop_requested_at = now() - interval '61 s'")
    done = scene.rescue(claim)
    assert isinstance(done, Rescued)
    assert done.scheduled_at is not None
    assert done.scheduled_at - done.at == pytest.approx(16, rel=0.1)  # two errors to the fourth
    assert (scene.job(claim)["state"], beat(scene.sql, [claim])) == ("retryable", {claim["job_id"]: "lost"})
    assert [row["action"] for row in scene.audit()] == ["stop", "retry"]


def test_a_hung_job_that_moves_again_is_skipped(scene: Scene) -> None:
    """Progress after the request: it is not stuck any more."""
    claim = scene.hung()
    found = scene.found(claim)
    scene.rescue(claim, found)
    scene.sql.execute(
        "UPDATE riverkeeper.heartbeat SET stop_requested_at = now() - interval '61 s', progress_at = now()"
    )
    assert refusal(scene.rescue(claim, found)) is Refusal.BEAT


@pytest.mark.parametrize("make", [Scene.stale, Scene.never_beaten, Scene.hung])
def test_a_dry_run_leaves_a_row_and_nothing_else(scene: Scene, make: Any) -> None:
    """The same path, judgement and values as live; one audit row a claim and reason; no mark, no tombstone."""
    claim = make(scene)
    before, row = scene.job(claim), scene.row(claim)
    dry = scene.rescue(claim, dry_run=True)
    assert refusal(scene.rescue(claim, dry_run=True)) is Refusal.RECORDED
    assert (scene.job(claim), scene.row(claim)) == (before, row)
    assert untouched(scene, claim)
    [audited] = scene.audit()
    assert (audited["dry_run"], audited["state_after"], audited["scheduled_at"]) == (True, None, None)

    live = scene.rescue(claim)
    assert isinstance(dry, Rescued)
    assert isinstance(live, Rescued)
    assert (dry.act, dry.reason, dry.state) == (live.act, live.reason, live.state)
    assert audited["evidence"].get("state") == live.state


def test_an_old_river_without_unique_states(scene: Scene) -> None:
    """Migrations 4 and 5 have no such column: the job is not unique by state, and is rescued all the same."""
    scene.sql.execute("ALTER TABLE river_job DROP COLUMN unique_states")
    claim = scene.stale()
    scene.sql.execute("UPDATE riverkeeper.client SET fences = false")

    assert isinstance(scene.rescue(claim), Rescued)
    assert scene.job(claim)["state"] == "retryable"
