"""The guarded transaction judges claims of a worker's clock by when they were first seen, as the scrape does."""

from __future__ import annotations

from conformance.floor import Event
from fixtures.contract import beat
from fixtures.rescue import KEEPER, SCHEMAS, Scene
from riverkeeper.rescue.manual import ManualRescue, rescue_manually
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.rescue.request import Rescued
from riverkeeper.verdict.verdict import Reason

JAVA = "java-0b9d3a52-4c1e-4f5e-9a43-2f1f6d1a7c10"


def dated(scene: Scene, minutes: int, client_id: str = JAVA) -> Event:
    """A claim that was made just now, by a process that beats; its worker's clock is so far behind."""
    claim = scene.claim()
    scene.sql.execute(
        "UPDATE river_job SET attempted_by = ARRAY[%s], attempted_at = attempted_at - make_interval(mins => %s)"
        " WHERE id = %s",
        [client_id, minutes, claim["job_id"]],
    )
    beat(scene.sql, [])
    scene.sql.execute("UPDATE riverkeeper.client SET client_id = %s", [client_id])
    return claim | {"attempted_at": scene.text_of(claim)}


def rescued(scene: Scene, claim: Event) -> ManualRescue:
    [found] = rescue_manually(
        scene.database, SCHEMAS, [claim["job_id"]], scene.policy(), KEEPER, lambda _: scene.order()
    )
    return found


def test_a_claim_of_a_clock_behind_is_not_taken(scene: Scene) -> None:
    """Four minutes behind, never beaten, and claimed a moment ago: its client is alive, and it is no orphan yet."""
    found = rescued(scene, dated(scene, 4))
    assert (found.verdict and found.verdict.reason) is Reason.OK
    assert isinstance(found.outcome, Skipped)
    assert found.outcome.refusal is Refusal.BEAT

    assert isinstance(rescued(scene, dated(scene, 4, "web-7d9f_2026_08_07T15_00_00_000000")).outcome, Rescued)
    assert isinstance(rescued(scene, dated(scene, 10)).outcome, Rescued)


def test_the_audit_records_when_the_claim_was_made_at_the_latest(scene: Scene) -> None:
    """With the moment that the worker's clock wrote."""
    claim = dated(scene, 10)
    rescued(scene, claim)
    [row] = scene.sql.execute(
        "SELECT evidence -> 'claimed_at' AS dated, evidence -> 'claimed_before' AS before, evidence -> 'now' AS now"
        " FROM riverkeeper.rescue WHERE job_id = %s",
        [claim["job_id"]],
    )
    assert row["before"] == row["dated"] + 300
    assert row["before"] < row["now"]
