"""The guarded transaction judges claims of a worker's clock by when they were first seen, as the scrape does."""

from __future__ import annotations

import pytest

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


def cancelled(scene: Scene, claim: Event, seconds_ago: int) -> ManualRescue:
    """A cancel was requested so long ago, by the database's clock."""
    scene.sql.execute(
        "UPDATE river_job SET metadata = jsonb_build_object('cancel_attempted_at', now() - make_interval(secs => %s))"
        " WHERE id = %s",
        [seconds_ago, claim["job_id"]],
    )
    return rescued(scene, claim)


@pytest.mark.parametrize(
    ("minutes_behind", "seconds_ago", "state"),
    [(-5, 60, "cancelled"), (5, 7260, "running"), (5, 90000, "available"), (0, 60, "cancelled")],
)
def test_a_cancel_of_a_claim_that_a_worker_s_clock_dates(
    scene: Scene, minutes_behind: int, seconds_ago: int, state: str
) -> None:
    """The claim was made two hours ago. Its first heartbeat bounds it; what that leaves open is for an operator."""
    claim = scene.stale()
    scene.sql.execute(
        "WITH moved AS (UPDATE river_job SET attempted_by = ARRAY[%(java)s],"
        " attempted_at = now() - make_interval(hours => 2, mins => %(behind)s) RETURNING id, attempted_at)"
        " UPDATE riverkeeper.heartbeat AS h SET attempted_at = m.attempted_at,"
        " first_beat_at = now() - interval '2 hours' + interval '10 s' FROM moved AS m WHERE h.job_id = m.id",
        {"java": JAVA, "behind": minutes_behind},
    )
    found = cancelled(scene, claim, seconds_ago)

    assert scene.job(claim)["state"] == state
    if state == "running":
        assert found.outcome == Skipped(Refusal.CANCEL_UNKNOWN)


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
