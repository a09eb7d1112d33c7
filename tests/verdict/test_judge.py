"""The verdict: every reason of the design, and what must hold for any input whatever."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.running_jobs import (
    ALIVE,
    ALL_LIMITS,
    FRESH,
    JOB,
    LIMITS,
    NOW,
    OPEN,
    POLICY,
    SILENT,
    STANDARD,
    jobs,
    moments,
    policies,
)  # fmt: skip
from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import Action
from riverkeeper.verdict.job import Beat, Instance, RunningJob
from riverkeeper.verdict.judge import judge
from riverkeeper.verdict.limits import limits_of
from riverkeeper.verdict.verdict import Limit, Limits, Reason, Verdict

patient = settings(max_examples=200)
OTHER_KIND = replace(SILENT, beats_for_kind=False)
# Reasons that rest on silence, which counts only while the way of a beat was open.
OF_SILENCE = {Reason.WORKER_LOST, Reason.ORPHANED, Reason.HUNG}


def verdict(job: RunningJob, limits: Limits = LIMITS, since: float | None = OPEN, policy: Policy = POLICY) -> Verdict:
    return judge(job, policy, limits, NOW, since)


def reason(job: RunningJob, limits: Limits = LIMITS, since: float | None = OPEN, policy: Policy = POLICY) -> Reason:
    return verdict(job, limits, since, policy).reason


def beaten(**beat: float | str | None) -> RunningJob:
    return replace(JOB, beat=replace(FRESH, **beat))  # type: ignore[arg-type]


def never(*instances: Instance, **job: float | None) -> RunningJob:
    return replace(JOB, instances=instances, **job)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("job", "limits", "expected"),
    [
        (JOB, LIMITS, Reason.UNKNOWN),
        (beaten(), LIMITS, Reason.OK),
        (beaten(beat_at=NOW - 35), LIMITS, Reason.OK),
        (beaten(beat_at=NOW - 35.001), LIMITS, Reason.WORKER_LOST),
        (beaten(beat_at=NOW - 44, interval=15), LIMITS, Reason.OK),
        (beaten(beat_at=NOW - 46, interval=15), LIMITS, Reason.WORKER_LOST),
        (beaten(beat_at=NOW - 49, lease=40), LIMITS, Reason.OK),
        (beaten(beat_at=NOW - 51, lease=40), LIMITS, Reason.WORKER_LOST),
        (beaten(beat_at=NOW - 500, lost_at=NOW - 9), ALL_LIMITS, Reason.UNKNOWN),
        (never(SILENT), LIMITS, Reason.WORKER_LOST),
        (never(SILENT, SILENT), LIMITS, Reason.WORKER_LOST),
        (never(SILENT, OTHER_KIND), LIMITS, Reason.WORKER_LOST),
        (never(SILENT, ALIVE), LIMITS, Reason.ORPHANED),
        (never(ALIVE), LIMITS, Reason.ORPHANED),
        (never(OTHER_KIND), LIMITS, Reason.UNKNOWN),
        (never(SILENT, claimed_at=NOW - 34), LIMITS, Reason.UNKNOWN),
        (beaten(beat_at=NOW - 50, ended_at=NOW - 11, outcome="abandoned"), LIMITS, Reason.ABANDONED),
        (beaten(ended_at=NOW - 11, outcome="failed"), ALL_LIMITS, Reason.ABANDONED),
        (beaten(beat_at=NOW - 50, ended_at=NOW - 10, outcome="abandoned"), ALL_LIMITS, Reason.OK),
        (beaten(beat_at=NOW - 50, ended_at=NOW - 11, outcome="completed"), LIMITS, Reason.WORKER_LOST),
        (beaten(beat_at=NOW - 50, ended_at=NOW - 11, outcome="abandoned", lost_at=NOW - 9), LIMITS, Reason.UNKNOWN),
        (replace(beaten(beat_at=NOW - 50), seen_at=NOW - 35), LIMITS, Reason.BEATS_MISSING),
        (replace(beaten(beat_at=NOW - 80), seen_at=NOW - 36), LIMITS, Reason.WORKER_LOST),
        (replace(beaten(), seen_at=NOW - 1), LIMITS, Reason.OK),
        (never(SILENT, seen_at=NOW - 3), LIMITS, Reason.BEATS_MISSING),
        (never(ALIVE, claimed_at=NOW - 34), LIMITS, Reason.OK),
        (never(replace(ALIVE, interval=20), claimed_at=NOW - 59), LIMITS, Reason.OK),
        (never(replace(ALIVE, interval=20), claimed_at=NOW - 61), LIMITS, Reason.ORPHANED),
        (beaten(progress_at=NOW - 59), replace(ALL_LIMITS, run=None), Reason.OK),
        (beaten(progress_at=NOW - 61), replace(ALL_LIMITS, run=None), Reason.HUNG),
        (beaten(progress_at=NOW - 61), LIMITS, Reason.OK),
        (beaten(progress_at=NOW - 89, interval=30), replace(ALL_LIMITS, run=None), Reason.OK),
        (beaten(progress_at=None), replace(ALL_LIMITS, run=None), Reason.OK),
        (beaten(), ALL_LIMITS, Reason.OVER_BUDGET),
        (JOB, ALL_LIMITS, Reason.OVER_BUDGET),
        (replace(beaten(), claimed_at=NOW - 299), ALL_LIMITS, Reason.OK),
        (never(suspect_since=NOW - 36), LIMITS, Reason.WORKER_SUSPECT),
        (never(suspect_since=NOW - 34), LIMITS, Reason.UNKNOWN),
        (never(suspect_since=NOW - 900, claimed_at=NOW - 34), LIMITS, Reason.UNKNOWN),
        (never(OTHER_KIND, suspect_since=NOW - 36), LIMITS, Reason.UNKNOWN),
        (replace(beaten(), suspect_since=NOW - 36), LIMITS, Reason.OK),
    ],
)  # fmt: skip
def test_each_reason_and_its_edge(job: RunningJob, limits: Limits, expected: Reason) -> None:
    """At the limit a job is fine, past it it is stuck, and for the reason of the design."""
    assert reason(job, limits) is expected


def test_a_verdict_holds_what_was_compared_with_which_limit() -> None:
    """The evidence is the value, the limit, and where the limit came from."""
    found = verdict(beaten(beat_at=NOW - 50, interval=15))

    assert found.value == 50
    assert found.limit is not None
    assert found.limit.seconds == 45
    assert found.limit.origin == "tier standard, raised to three declared intervals of 15 s"
    assert found.limit.raised
    assert found.passed_for == 5


def test_a_metadata_beat_contradicts_nobody() -> None:
    """Its interval is our own configuration, so the limit is higher without a policy being called wrong."""
    found = verdict(replace(JOB, beat=replace(FRESH, beat_at=NOW - 91, interval=30.0, by_metadata=True)))

    assert found.limit is not None
    assert (found.reason, found.limit.seconds, found.limit.raised) == (Reason.WORKER_LOST, 90.0, False)


def test_what_would_be_rescued_again_and_again_is_a_loop() -> None:
    """Rescued max_rescues times within a day: an operator must look; what policy holds anyway keeps its name."""
    job = replace(beaten(beat_at=NOW - 50), rescues=3)
    found = verdict(job)
    hold = Policy({"standard": replace(STANDARD, on_worker_lost=Action.HOLD)})

    assert (found.reason, found.underlying) == (Reason.RESCUE_LOOP, Reason.WORKER_LOST)
    assert (found.limit, found.value) == (verdict(replace(job, rescues=2)).limit, 50)
    assert reason(replace(job, rescues=2)) is Reason.WORKER_LOST
    assert reason(job, policy=hold) is Reason.WORKER_LOST
    assert reason(replace(beaten(), rescues=3)) is Reason.OK


def test_after_an_outage_every_claim_has_a_full_timeout() -> None:
    """Beats that could not get through are no proof, and results on their way through River have their grace."""
    silent = beaten(beat_at=NOW - 3600)

    assert reason(silent, since=NOW - 34) is Reason.PATH_UNVERIFIED
    assert reason(silent, since=NOW - 36) is Reason.WORKER_LOST
    assert reason(silent, since=None) is Reason.PATH_UNVERIFIED


@patient
@given(jobs, policies, moments, st.none() | moments)
def test_any_input_has_a_verdict(job: RunningJob, policy: Policy, now: float, since: float | None) -> None:
    """Nothing raises, evidence is there for whatever is stuck or suspected, and it is past its limit."""
    found = judge(job, policy, _limits(job, policy), now, since)

    assert found.tier == "standard"
    if found.reason.is_stuck or found.reason.is_suspected:
        assert found.limit is not None
        assert found.value is not None
        assert found.value > found.limit.seconds
        assert math.isfinite(found.value)
    else:
        assert found.limit is None
    assert bool(found.missing) == found.reason.is_suspected


@patient
@given(jobs, policies, st.none() | moments)
def test_silence_needs_an_open_way(job: RunningJob, policy: Policy, since: float | None) -> None:
    """No reason of missed beats where the path is not verified, or for less than the limit."""
    found = judge(job, policy, _limits(job, policy), NOW, since)

    if found.reason in OF_SILENCE or found.underlying in OF_SILENCE:
        assert since is not None
        assert found.limit is not None
        assert NOW - since > found.limit.seconds


@patient
@given(jobs, policies, st.none() | moments)
def test_what_an_open_path_would_prove_is_suspected_until_then(
    job: RunningJob, policy: Policy, since: float | None
) -> None:
    """A job that is lost by a path verified for long is never shown as well while the path is not: nothing is green
    because it could not be seen.
    """
    limits = _limits(job, policy)
    proven, now = judge(job, policy, limits, NOW, OPEN), judge(job, policy, limits, NOW, since)

    if Reason.WORKER_LOST in {proven.reason, proven.underlying}:
        assert now.reason.is_stuck or now.reason.is_suspected


@patient
@given(jobs, policies, st.none() | moments)
def test_who_is_seen_at_work_is_never_lost(job: RunningJob, policy: Policy, since: float | None) -> None:
    """Whatever else is known: a client that River saw a moment ago lives, and only its heartbeats are missing."""
    found = judge(replace(job, seen_at=NOW), policy, _limits(job, policy), NOW, since)

    assert Reason.WORKER_LOST not in {found.reason, found.underlying}


@patient
@given(jobs, policies, st.none() | moments)
def test_a_claim_that_was_given_up_needs_no_path(job: RunningJob, policy: Policy, since: float | None) -> None:
    """Its own client reported it: whatever is known of the path, the verdict is the same."""
    ended = replace(job, beat=replace(job.beat or FRESH, lost_at=None, ended_at=NOW - 20, outcome="failed"))

    assert judge(ended, policy, LIMITS, NOW, since) == judge(ended, policy, LIMITS, NOW, None)


@patient
@given(jobs, policies, st.none() | moments, st.floats(0, 100))
def test_what_is_fresh_is_never_stuck(job: RunningJob, policy: Policy, since: float | None, young: float) -> None:
    """A beat, progress and claim younger than every limit in force: no reason whatever applies."""
    limits = _limits(job, policy)
    shortest = min((limit.seconds for limit in _all(limits) if not math.isnan(limit.seconds)), default=0.0)
    recent = NOW - max(min(young, shortest - 1e-3), 0.0)  # a float of today holds no more than microseconds
    beat = replace(job.beat or FRESH, beat_at=recent, lost_at=None, progress_at=recent, outcome=None)

    assert not judge(replace(job, beat=beat, claimed_at=recent), policy, limits, NOW, since).reason.is_stuck


@patient
@given(jobs, policies, moments)
def test_the_row_wins(job: RunningJob, policy: Policy, since: float) -> None:
    """The heartbeat limit in a verdict is never below three declared intervals, nor below lease + drain."""
    found = judge(job, policy, LIMITS, NOW, since)

    if found.reason is Reason.WORKER_LOST and job.beat is not None and found.limit is not None:
        assert not found.limit.seconds < 3 * job.beat.interval
        lease = job.beat.lease or 0.0
        assert not lease > 0 or not found.limit.seconds < lease + policy.tiers["standard"].drain


@patient
@given(jobs, policies, moments)
def test_lost_claims_are_skipped(job: RunningJob, policy: Policy, since: float) -> None:
    """One that was taken away is not judged again, for no reason at all."""
    lost = replace(job, beat=replace(job.beat or FRESH, lost_at=NOW - 1))

    assert judge(lost, policy, _limits(job, policy), NOW, since).reason is Reason.UNKNOWN


@patient
@given(jobs, policies, moments, st.integers(1, 25))
def test_attempts_and_cancels_are_not_the_verdicts_business(
    job: RunningJob, policy: Policy, since: float, attempts: int
) -> None:
    """What becomes of a stuck job with its attempts used up, or cancelled, is decided by the rescue."""
    other = replace(job, max_attempts=attempts, cancel_requested=not job.cancel_requested)

    assert judge(job, policy, ALL_LIMITS, NOW, since) == judge(other, policy, ALL_LIMITS, NOW, since)


def test_moments_that_are_none_prove_nothing() -> None:
    """An infinite or missing beat is not fresh and not stale; a beat ahead of now is as good as now."""
    for moment in (math.nan, math.inf, -math.inf):
        assert reason(beaten(beat_at=moment)) is Reason.UNKNOWN
        assert reason(never(replace(SILENT, beat_at=moment))) is Reason.UNKNOWN
    assert reason(beaten(beat_at=NOW + 86_400)) is Reason.OK
    assert judge(JOB, POLICY, ALL_LIMITS, math.nan, OPEN).reason is Reason.UNKNOWN


def _limits(job: RunningJob, policy: Policy) -> Limits:
    beat = job.beat or Beat(NOW, math.nan)
    return limits_of(policy, policy.tiers["standard"], job.kind, None, beat.interval, beat.lease)


def _all(limits: Limits) -> list[Limit]:
    return [limit for limit in (limits.heartbeat, limits.progress, limits.run) if limit is not None]
