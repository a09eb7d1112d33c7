"""What a rescue writes into River's table, the heartbeat table and the audit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conformance.floor import Event
from fixtures.contract import beat
from fixtures.rescue import KEEPER, UNIQUE, Scene
from riverkeeper.config.tiers import Action
from riverkeeper.rescue.decision import Act
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.rescue.request import Rescued
from riverkeeper.verdict.verdict import Reason

UNTOUCHED = ("id", "attempt", "max_attempts", "attempted_at", "attempted_by", "created_at", "priority", "args", "kind",
             "queue", "tags", "unique_key", "unique_states")  # fmt: skip


def seconds(job: Event, since: Event) -> float:
    """From the rescue until the next attempt may begin."""
    return float((job["scheduled_at"] - datetime.fromisoformat(since["errors"][-1]["at"])).total_seconds())


def test_a_lost_worker_s_job_is_retried(scene: Scene) -> None:
    """The error, the count and the state are River's; nothing else of the row changes. The claim is marked lost."""
    claim = scene.stale()
    before = scene.job(claim)
    done = scene.rescue(claim)
    job = scene.job(claim)

    assert isinstance(done, Rescued)
    assert (done.act, done.reason, done.state) == (Act.RETRY, Reason.WORKER_LOST, "available")
    assert {name: job[name] for name in UNTOUCHED} == {name: before[name] for name in UNTOUCHED}
    assert (job["state"], job["finalized_at"], job["metadata"]) == ("available", None, {"river:rescue_count": 1})
    [error] = job["errors"]
    assert error.keys() == {"at", "attempt", "error", "trace"}
    assert (error["attempt"], error["trace"]) == (1, "")
    assert error["error"].startswith("Stuck job rescued by Riverkeeper: worker_lost, 36")
    at = datetime.fromisoformat(error["at"])
    assert abs(at - datetime.now(UTC)) < timedelta(minutes=1)
    assert job["scheduled_at"] == at + timedelta(seconds=10)
    row = scene.row(claim)
    assert row
    assert row["lost_at"] is not None
    assert beat(scene.sql, [claim]) == {claim["job_id"]: "lost"}


def test_the_audit_records_what_was_done_and_why(scene: Scene) -> None:
    """Claim, tier, reason, action, the state before and after, and the facts that were judged."""
    claim = scene.stale(metadata={"river:rescue_count": 4})
    scene.rescue(claim, woken_by="person ada")
    [row] = scene.audit()

    assert (row["job_id"], row["attempt"], row["queue"], row["kind"]) == (claim["job_id"], 1, "default", "report")
    assert (row["dry_run"], row["tier"], row["reason"]) == (False, "standard", "worker_lost")
    assert (row["action"], row["state_after"], row["woken_by"]) == ("retry", "available", "person ada")
    assert (row["keeper"], row["closed_at"], row["old_worker"]) == (KEEPER, None, None)
    assert row["scheduled_at"] == scene.job(claim)["scheduled_at"]
    assert row["late_seconds"] == pytest.approx(3600 - 35, abs=30)
    facts = row["evidence"]
    assert facts["now"] - facts["beat_at"] == pytest.approx(3600, abs=30)
    assert (facts["limit"], facts["limit_seconds"], facts["limit_origin"]) == ("heartbeat", 35.0, "tier standard")
    assert (facts["beats"], facts["fences"], facts["interval"], facts["client_id"]) == ("table", True, 10.0, "worker")
    assert scene.job(claim)["metadata"] == {"river:rescue_count": 5}


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, {"river:rescue_count": 1}),
        ({"a": 1, "river:rescue_count": "three"}, {"a": 1, "river:rescue_count": 1}),
        ({"river:rescue_count": 1.5}, {"river:rescue_count": 1}),
        ({"river:rescue_count": None}, {"river:rescue_count": 1}),
        ({"river:rescue_count": 99_999_999_999}, {"river:rescue_count": 1}),
        ({"river:rescue_count": -3}, {"river:rescue_count": 1}),
        ({"river:rescue_count": {"deep": [1]}}, {"river:rescue_count": 1}),
        ({"cancel_attempted_at": "2026-01-01"}, {"cancel_attempted_at": "2026-01-01", "river:rescue_count": 1}),
        ([1, 2], [1, 2]),
        ("text", "text"),
        (7, 7),
        (None, None),
    ],
)  # fmt: skip
def test_metadata_that_trips_river_s_own_rescuer_is_no_trouble(scene: Scene, metadata: Any, expected: Any) -> None:
    """A count that is none begins anew, which fixes the row; metadata that is no object stays as it is."""
    claim = scene.stale(metadata=metadata)

    assert isinstance(scene.rescue(claim), Rescued)
    assert scene.job(claim)["metadata"] == expected
    assert scene.job(claim)["state"] == "available"


@pytest.mark.parametrize(
    ("fences", "leads", "mask", "state", "wait"),
    [
        (True, True, None, "available", 10),
        (False, True, None, "retryable", 60),
        (False, False, None, "available", 60),
        (False, True, "11110001", "retryable", 60),
        (False, True, "11010001", "available", 60),
    ],
)
def test_the_state_is_one_that_the_job_can_wait_in(
    scene: Scene, fences: bool, leads: bool, mask: str | None, state: str, wait: float
) -> None:
    """`retryable` only where somebody leads and the key stays held; a client that cannot fence waits longer."""
    scene.sql.execute(UNIQUE)
    if not leads:
        scene.sql.execute("UPDATE river_leader SET expires_at = now() - interval '1 s'")
    claim = scene.stale()
    scene.sql.execute("UPDATE riverkeeper.client SET fences = %s", [fences])
    if mask is not None:
        scene.sql.execute("UPDATE river_job SET unique_key = 'k', unique_states = %s::bit(8)", [mask])
    scene.rescue(claim)
    job = scene.job(claim)

    assert job["state"] == state
    assert seconds(job, job) == wait


def test_one_process_that_cannot_fence_is_enough_for_the_longer_wait(scene: Scene) -> None:
    """Two processes share the client's id, and either may hold a claim that never beat."""
    claim = scene.never_beaten()
    scene.sql.execute(
        "INSERT INTO riverkeeper.client (instance, client_id, beat_at, beat_interval, fences, software, started_at)"
        " SELECT gen_random_uuid(), client_id, beat_at, beat_interval, false, software, started_at"
        " FROM riverkeeper.client"
    )
    scene.rescue(claim)

    assert seconds(scene.job(claim), scene.job(claim)) == 60


def test_a_unique_key_stays_held(scene: Scene) -> None:
    """Whatever the mask: no duplicate gets in while the rescued job waits, so River discards neither."""
    scene.sql.execute(UNIQUE)
    scene.tier = replace(scene.tier, fence=60)
    for number, mask in enumerate(("11110001", "11010001", "11111111")):
        claim = scene.stale(unique_key=bytes([number]))
        scene.sql.execute("UPDATE river_job SET unique_states = %s::bit(8) WHERE id = %s", [mask, claim["job_id"]])
        assert isinstance(scene.rescue(claim), Rescued)
        with pytest.raises(Exception, match="duplicate key"):
            scene.sql.execute(
                "INSERT INTO river_job (kind, unique_key, unique_states) VALUES ('report', %s, %s::bit(8))",
                [bytes([number]), mask],
            )


def test_a_key_that_somebody_else_holds_refuses_the_rescue(scene: Scene) -> None:
    """A mask without `running` lets two in; the second cannot leave that state: nothing is half written."""
    scene.sql.execute(UNIQUE)
    claim = scene.stale()
    scene.sql.execute("UPDATE river_job SET unique_key = 'k', unique_states = '10110001'")
    scene.sql.execute("INSERT INTO river_job (kind, unique_key, unique_states) VALUES ('report', 'k', '10110001')")

    assert scene.rescue(claim) == Skipped(Refusal.UNIQUE)
    assert_untouched(scene, claim)


def assert_untouched(scene: Scene, claim: Event) -> None:
    """Neither the job nor the claim nor the audit knows of a rescue."""
    job, row = scene.job(claim), scene.row(claim)
    assert (job["state"], job["errors"]) == ("running", None)
    assert row is None or (row["lost_at"], row["stop_requested_at"]) == (None, None)
    assert scene.audit() == []


def test_the_previous_worker_s_lease_is_waited_out(scene: Scene) -> None:
    """The next attempt begins when the lease of the last beat and the drain are over, if that is later."""
    claim = scene.stale()
    scene.sql.execute("UPDATE riverkeeper.heartbeat SET beat_at = now() - interval '2 min', lease = '4 min'")
    scene.tier = replace(scene.tier, drain=30)
    assert scene.found(claim).verdict.reason is Reason.OK  # lease + drain raise the timeout above everything

    scene.sql.execute("UPDATE riverkeeper.heartbeat SET beat_at = now() - interval '4 min 31 s'")
    scene.rescue(claim)
    assert seconds(scene.job(claim), scene.job(claim)) == 10


def test_attempts_used_up(scene: Scene) -> None:
    """Held for a lost worker unless the tier discards; then discarded as River does."""
    claim = scene.stale(max_attempts=1)
    assert scene.rescue(claim) == Skipped(Refusal.EXHAUSTED)
    assert_untouched(scene, claim)

    before = scene.job(claim)
    scene.tier = replace(scene.tier, on_exhausted=Action.DISCARD)
    assert isinstance(scene.rescue(claim), Rescued)
    job = scene.job(claim)
    assert (job["state"], job["scheduled_at"]) == ("discarded", before["scheduled_at"])
    assert job["finalized_at"] == datetime.fromisoformat(job["errors"][-1]["at"])
    assert job["metadata"] == {"river:rescue_count": 1}


@pytest.mark.parametrize(
    ("after", "state"),
    [
        (timedelta(seconds=2), "cancelled"),
        (timedelta(seconds=-4), "cancelled"),  # by a clock that is a little behind
        (timedelta(minutes=-4), "running"),  # by a clock that is behind, or of an earlier attempt: an operator decides
        (timedelta(minutes=-6), "available"),
        (timedelta(hours=-1), "available"),
    ],
)
def test_a_cancel_that_was_requested(scene: Scene, after: timedelta, state: str) -> None:
    """A request for this claim ends it as cancelled; one that an earlier attempt left behind does not."""
    claim = scene.stale()
    asked = datetime.fromisoformat(claim["attempted_at"]) + after
    scene.change(claim, metadata={"cancel_attempted_at": asked.isoformat()})
    scene.rescue(claim)
    job = scene.job(claim)

    assert job["state"] == state
    assert (job["finalized_at"] is None) == (state != "cancelled")


def test_a_claim_that_never_beat(scene: Scene) -> None:
    """Its process is stale: a tombstone takes the row's place, and a first beat that comes later reads `lost`."""
    claim = scene.never_beaten()
    done = scene.rescue(claim)

    assert isinstance(done, Rescued), done
    assert done.reason is Reason.WORKER_LOST
    assert seconds(scene.job(claim), scene.job(claim)) == 10  # every process of that client fences
    assert beat(scene.sql, [claim]) == {claim["job_id"]: "lost"}


@pytest.mark.parametrize(("outcome", "at_once"), [("abandoned", True), ("failed", False)])
def test_a_claim_that_was_given_up_is_retried(scene: Scene, outcome: str, at_once: bool) -> None:
    """At once where its worker gave it up; after River's back-off where the work itself had failed."""
    claim = scene.stale()
    scene.sql.execute("UPDATE riverkeeper.heartbeat SET outcome = %s, ended_at = now() - interval '1 min'", [outcome])
    done = scene.rescue(claim)

    assert isinstance(done, Rescued)
    assert (done.reason, done.act) == (Reason.ABANDONED, Act.RETRY)
    assert done.scheduled_at is not None
    assert (done.scheduled_at - done.at < 0.001) is at_once
    assert scene.job(claim)["state"] == "available"
