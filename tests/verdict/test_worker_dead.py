"""The verdict worker_dead: by proof alone, and it only adds to the other verdicts."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fixtures.running_jobs import ALIVE, ALL_LIMITS, FRESH, JOB, LIMITS, NOW, OPEN, jobs, moments, tiers
from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import Action, Tier
from riverkeeper.evidence.pods import EndCause
from riverkeeper.evidence.proof import Terminated
from riverkeeper.verdict.job import RunningJob
from riverkeeper.verdict.judge import judge
from riverkeeper.verdict.tiers import action_for
from riverkeeper.verdict.verdict import Reason, Verdict

END = Terminated("u1", "jobs/api-1", "worker", EndCause.OOM_KILLED, 137, None, NOW - 900, NOW - 3, "containerd://1")
BEFORE = replace(FRESH, beat_at=NOW - 4)


def judged(job: RunningJob, tier: Tier | None = None, path_ok_since: float | None = None) -> Verdict:
    policy = Policy({"standard": tier or Tier("standard")})
    return judge(job, policy, LIMITS, NOW, path_ok_since)


def test_a_process_that_has_ended_is_dead_at_once() -> None:
    """Three seconds after its end, while its last heartbeat is still fresh, and whether the path is verified or not."""
    found = judged(replace(JOB, beat=BEFORE, terminated=END))

    assert (found.reason, found.value) == (Reason.WORKER_DEAD, 3.0)
    assert found.limit is not None
    assert found.limit.origin == END.sentence


def test_a_beat_after_the_end_refutes_it() -> None:
    """Then another process holds the job, whatever the pod shows; also where only its client's process beats."""
    assert judged(replace(JOB, beat=replace(FRESH, beat_at=NOW - 1.9), terminated=END)).reason is Reason.OK
    assert judged(replace(JOB, instances=(ALIVE,), claimed_at=NOW - 5, terminated=END)).reason is not Reason.WORKER_DEAD


def test_a_worker_that_never_beat_is_held_unless_the_tier_has_retry() -> None:
    """Until a week of dry run shows otherwise, an operator decides."""
    assert action_for(Tier("t"), Reason.WORKER_DEAD, beats=True) is Action.RETRY
    assert action_for(Tier("t"), Reason.WORKER_DEAD, beats=False) is Action.HOLD
    assert action_for(Tier("t", on_worker_dead=Action.RETRY), Reason.WORKER_DEAD, beats=False) is Action.RETRY
    assert action_for(Tier("t", on_worker_dead=Action.HOLD), Reason.WORKER_DEAD, beats=True) is Action.HOLD


def test_proof_that_is_held_hides_no_act() -> None:
    """A job that is over its budget, which the tier retries, is retried still."""
    tier, job = Tier("standard", on_over_budget=Action.RETRY), replace(JOB, terminated=END)
    policy = Policy({"standard": tier})

    assert judge(job, policy, ALL_LIMITS, NOW, None).reason is Reason.OVER_BUDGET
    assert judge(job, policy, LIMITS, NOW, None).reason is Reason.WORKER_DEAD


ends = st.builds(replace, st.just(END), finished_at=moments)


@given(jobs, ends, tiers, st.none() | st.just(OPEN))
def test_evidence_only_adds(job: RunningJob, end: Terminated, tier: Tier, path_ok_since: float | None) -> None:
    """A verdict is what it is without proof, or worker_dead; and proof never takes an act away."""
    without, found = judged(job, tier, path_ok_since), judged(replace(job, terminated=end), tier, path_ok_since)

    if found != without:
        assert Reason.WORKER_DEAD in {found.reason, found.underlying}
        beats = [each.beat_at for each in job.instances] + ([job.beat.beat_at] if job.beat else [])
        assert all(beat_at <= end.finished_at + 1 for beat_at in beats)
        if without.reason.is_stuck and action_for(tier, without.reason, beats=job.has_beaten) is not Action.HOLD:
            assert action_for(tier, found.reason, beats=job.has_beaten) is not Action.HOLD or found.underlying


@given(jobs, tiers)
def test_without_proof_nobody_is_dead(job: RunningJob, tier: Tier) -> None:
    """However long a worker is stale."""
    assert judged(job, tier, OPEN).reason is not Reason.WORKER_DEAD
