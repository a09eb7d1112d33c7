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
    assert verdict.is_of(Reason.WORKER_DEAD)
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


def killed_again(scene: Scene, claim: Event, attempt: int) -> Event:
    """The next worker took the job, and its container is killed too."""
    scene.sql.execute(
        "UPDATE river_job SET state = 'running', attempt = %s, attempted_at = clock_timestamp()", [attempt]
    )
    claim = claim | {"attempt": attempt, "attempted_at": scene.text_of(claim)}
    beat(scene.sql, [claim])
    return claim


def test_a_job_that_kills_each_worker_is_held(scene: Scene) -> None:
    """It runs again at once after each kill, and is an operator's after `max_rescues` of them."""
    scene.tier = replace(TIER, on_rescue_loop=Action.HOLD)
    claim = scene.claim()
    beat(scene.sql, [claim])
    for attempt in (2, 3, 4):
        assert isinstance(scene.rescue(claim, found_dead(scene, claim), cooldown=0.0), Rescued)
        claim = killed_again(scene, claim, attempt)
    fourth = found_dead(scene, claim)

    assert fourth.verdict.reason is Reason.RESCUE_LOOP
    assert scene.rescue(claim, fourth, cooldown=0.0) == Skipped(Refusal.MAX_RESCUES)
    assert scene.job(claim)["state"] == "running"
    assert [entry["evidence"]["cause"] for entry in scene.audit()] == ["OOMKilled"] * 3


def test_the_last_act_on_such_a_job_has_its_evidence_too(scene: Scene) -> None:
    """Where the tier discards a job in a loop: the audit still names what killed its worker."""
    scene.tier = replace(TIER, on_rescue_loop=Action.DISCARD)
    claim = scene.claim()
    beat(scene.sql, [claim])
    for attempt in (2, 3, 4):
        scene.rescue(claim, found_dead(scene, claim), cooldown=0.0)
        claim = killed_again(scene, claim, attempt)
    discarded = scene.rescue(claim, found_dead(scene, claim), cooldown=0.0)

    assert isinstance(discarded, Rescued)
    assert (discarded.state, discarded.reason) == ("discarded", Reason.RESCUE_LOOP)
    assert scene.audit()[-1]["evidence"]["cause"] == "OOMKilled"


def test_a_job_without_attempts_left_is_held(scene: Scene) -> None:
    """Each kill uses an attempt up: after the last one it is not run again, however few rescues it had."""
    scene.tier = replace(TIER, on_exhausted=Action.HOLD)
    claim = scene.claim(max_attempts=1)
    beat(scene.sql, [claim])

    assert scene.rescue(claim, found_dead(scene, claim)) == Skipped(Refusal.EXHAUSTED)
    assert scene.job(claim)["state"] == "running"
