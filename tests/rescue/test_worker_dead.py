"""The rescue of a job whose process has ended: at once, judged again under the lock, and with its evidence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance.floor import Event
from fixtures.contract import beat
from fixtures.rescue import TIER, Scene
from riverkeeper.config.tiers import Action
from riverkeeper.evidence.pods import EndCause
from riverkeeper.evidence.proof import Terminated
from riverkeeper.rescue.decision import DEAD_FENCE
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.rescue.request import Rescued
from riverkeeper.verdict.judge import judge
from riverkeeper.verdict.limits import limits_of
from riverkeeper.verdict.verdict import Reason, StuckJob


def found_dead(scene: Scene, claim: Event, ended_ago: float = 0.0) -> StuckJob:
    """The claim as a scrape finds it that knows of the end of its process."""
    at = scene.now() - ended_ago
    end = Terminated("u1", "jobs/api-1", "worker", EndCause.OOM_KILLED, 137, None, at - 900, at, "containerd://1")
    job = replace(scene.found(claim).job, terminated=end)
    verdict = judge(job, scene.policy(), limits_of(scene.policy(), scene.tier, job.kind), scene.now(), None)
    assert verdict.reason is Reason.WORKER_DEAD
    return StuckJob(job, verdict)


def test_a_fenced_job_runs_again_at_once(scene: Scene) -> None:
    """Its last beat is fresh, and the heartbeat path is not verified: proof needs neither."""
    claim = scene.claim()
    beat(scene.sql, [claim])
    rescued = scene.rescue(claim, found_dead(scene, claim), path_ok_since=None)

    assert isinstance(rescued, Rescued)
    assert (rescued.state, rescued.reason) == ("available", Reason.WORKER_DEAD)
    assert rescued.scheduled_at is not None
    assert rescued.scheduled_at - rescued.at <= DEAD_FENCE
    [error] = scene.job(claim)["errors"]
    assert "worker_dead, container worker of pod jobs/api-1 was killed because it used more memory" in error["error"]
    [entry] = scene.audit()
    assert {"pod": "jobs/api-1", "cause": "OOMKilled", "exit_code": 137}.items() <= entry["evidence"].items()


def test_a_beat_after_the_end_refuses_the_rescue(scene: Scene) -> None:
    """It came between the scrape and the lock: then it was another process that ended."""
    claim = scene.claim()
    beat(scene.sql, [claim])
    found = found_dead(scene, claim)
    scene.sql.execute("UPDATE riverkeeper.heartbeat SET beat_at = beat_at + interval '2 seconds'")

    assert scene.rescue(claim, found) == Skipped(Refusal.BEAT)
    assert scene.job(claim)["state"] == "running"


def test_what_is_on_its_way_is_waited_for(scene: Scene) -> None:
    """Without a fence: the kernel of a dead process still sends what the process had written."""
    scene.tier = replace(TIER, on_worker_dead=Action.RETRY)
    claim = scene.never_beaten()
    scene.sql.execute("DELETE FROM riverkeeper.client")
    rescued = scene.rescue(claim, found_dead(scene, claim, ended_ago=2.0))

    assert isinstance(rescued, Rescued)
    assert rescued.scheduled_at is not None
    assert rescued.scheduled_at - (rescued.at - rescued.late_seconds) == pytest.approx(DEAD_FENCE, abs=0.01)  # type: ignore[operator]


def test_a_worker_that_never_beat_is_held(scene: Scene) -> None:
    """Until its tier has `on_worker_dead: retry`."""
    claim = scene.never_beaten()
    scene.sql.execute("DELETE FROM riverkeeper.client")

    assert scene.rescue(claim, found_dead(scene, claim)) == Skipped(Refusal.HOLD_BY_POLICY)
    assert scene.job(claim)["state"] == "running"
