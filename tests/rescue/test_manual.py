"""An operator's rescue of jobs named by id: the same guards, and what an explicit action may force."""

from __future__ import annotations

from typing import Any

from conformance.floor import Event
from fixtures.contract import beat
from fixtures.rescue import KEEPER, SCHEMAS, Scene
from riverkeeper.config.tiers import Action
from riverkeeper.rescue.manual import ManualRescue, rescue_manually
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.rescue.request import Rescued


def refusal(outcome: object) -> Refusal:
    assert isinstance(outcome, Skipped), outcome
    return outcome.refusal


def rescued(scene: Scene, *claims: Event, **changes: Any) -> list[ManualRescue]:
    ids = [claim["job_id"] for claim in claims]
    return list(rescue_manually(scene.database, SCHEMAS, ids, scene.policy(), KEEPER, lambda _: scene.order(**changes)))


def test_a_manual_rescue(scene: Scene) -> None:
    """Each job by its own verdict: the lost one is rescued, the healthy and the unknown are refused, with reasons."""
    unknown, healthy, lost = scene.claim(), scene.claim(), scene.stale()
    scene.sql.execute("UPDATE river_job SET attempted_by = '{nobody}' WHERE id = %(job_id)s", unknown)
    beat(scene.sql, [healthy])
    gone = {"job_id": 1 << 40}
    handled = {item.job_id: item.outcome for item in rescued(scene, lost, unknown, healthy, gone)}

    assert isinstance(handled[lost["job_id"]], Rescued)
    assert refusal(handled[unknown["job_id"]]) is Refusal.UNKNOWN
    assert refusal(handled[healthy["job_id"]]) is Refusal.BEAT
    assert refusal(handled[gone["job_id"]]) is Refusal.GONE


def test_an_operator_may_force_what_is_unknown_never_what_beats(scene: Scene) -> None:
    """An explicit action stands in for what nobody knows, or policy holds; a fresh beat is knowledge."""
    unknown, healthy = scene.claim(), scene.claim()
    scene.sql.execute("UPDATE river_job SET attempted_by = '{nobody}' WHERE id = %(job_id)s", unknown)
    beat(scene.sql, [healthy])
    forced, kept = (item.outcome for item in rescued(scene, unknown, healthy, action=Action.RETRY))

    assert isinstance(forced, Rescued)
    assert (scene.job(unknown)["state"], refusal(kept)) == ("retryable", Refusal.BEAT)
    assert scene.rescues(healthy) == scene.ours(healthy) == 0


def test_a_manual_retry_never_discards(scene: Scene) -> None:
    """Where attempts are used up it takes the word discard."""
    claim = scene.stale(max_attempts=1)
    [retry] = rescued(scene, claim, action=Action.RETRY)
    assert refusal(retry.outcome) is Refusal.EXHAUSTED
    [discard] = rescued(scene, claim, action=Action.DISCARD)
    assert isinstance(discard.outcome, Rescued)
    assert scene.job(claim)["state"] == "discarded"
