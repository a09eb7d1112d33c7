"""When a verdict changes next: held against judging at many moments."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fixtures.running_jobs import ALIVE, ALL_LIMITS, FRESH, JOB, NOW, OPEN, POLICY, STANDARD, jobs, moments, policies
from riverkeeper.config.policy import Policy
from riverkeeper.verdict.changes import STEP, Course, VerdictChange, find_changes, find_next_change
from riverkeeper.verdict.job import Beat, RunningJob
from riverkeeper.verdict.judge import judge
from riverkeeper.verdict.limits import limits_of
from riverkeeper.verdict.tiers import tier_of
from riverkeeper.verdict.verdict import Limits, Reason

ROUNDING = 1e-4  # seconds; a Unix time as float has a quarter of a microsecond


def changes(job: RunningJob, limits: Limits = ALL_LIMITS, path: float | None = OPEN) -> list[tuple[float, str, str]]:
    """Seconds from now, reason and course of each change."""
    return [
        (round(change.at - NOW, 3), change.verdict.reason.value, change.course.value)
        for change in find_changes(job, POLICY, limits, NOW, path)
    ]


@given(job=jobs, policy=policies, path=st.none() | moments, later=st.lists(st.floats(0, 4000), min_size=5))
def test_until_the_change_nothing_changes(
    job: RunningJob, policy: Policy, path: float | None, later: list[float]
) -> None:
    """Judging at any moment before it gives the present reason. Where no change is known, at any moment at all."""
    limits = limits_of(policy, tier_of(policy, job.queue, job.kind, job.priority), job.kind)
    change = find_next_change(job, policy, limits, NOW, path, Course.NO_BEAT)
    present = judge(job, policy, limits, NOW, path).reason
    end = change.at - ROUNDING if change is not None else NOW + 5000

    for seconds in later:
        if NOW + seconds < end:
            assert judge(job, policy, limits, NOW + seconds, path).reason is present


@given(job=jobs, policy=policies, path=st.none() | moments)
def test_at_the_change_the_verdict_is_the_one_that_was_given(
    job: RunningJob, policy: Policy, path: float | None
) -> None:
    """By the same judge, right after the moment; and it is another reason."""
    limits = limits_of(policy, tier_of(policy, job.queue, job.kind, job.priority), job.kind)
    change = find_next_change(job, policy, limits, NOW, path, Course.NO_BEAT)
    if change is not None:
        assert change.at > NOW
        assert judge(job, policy, limits, change.at + STEP, path) == change.verdict
        assert change.verdict.reason is not judge(job, policy, limits, NOW, path).reason


@given(job=jobs, policy=policies, path=st.none() | moments)
def test_no_job_raises(job: RunningJob, policy: Policy, path: float | None) -> None:
    """Whatever clocks and clients wrote; the changes come in their order."""
    limits = limits_of(policy, tier_of(policy, job.queue, job.kind, job.priority), job.kind)
    found: tuple[VerdictChange, ...] = find_changes(job, policy, limits, NOW, path)

    assert [change.at for change in found] == sorted(change.at for change in found)


def test_a_healthy_job_is_lost_when_its_beats_are_missed() -> None:
    """Its last beat is one second old, the timeout 35 s."""
    job = replace(JOB, claimed_at=NOW - 20, beat=FRESH)

    assert changes(job) == [(34.0, "worker_lost", "no_beat"), (280.0, "over_budget", "all_well")]


def test_a_job_with_progress_may_also_hang() -> None:
    """Its beats go on then; the limit of its run comes in any case."""
    beat = Beat(beat_at=NOW - 1, interval=10.0, progress_at=NOW - 20)
    job = replace(JOB, claimed_at=NOW - 20, beat=beat)

    assert changes(job) == [
        (34.0, "worker_lost", "no_beat"),
        (40.0, "hung", "no_progress"),
        (280.0, "over_budget", "all_well"),
    ]


def test_a_declared_interval_moves_the_moment() -> None:
    """Three intervals of 60 s are more than the tier's 35 s."""
    job = replace(JOB, claimed_at=NOW - 20, beat=Beat(NOW - 10, 60.0))

    assert changes(job, replace(ALL_LIMITS, run=None)) == [(170.0, "worker_lost", "no_beat")]


def test_while_the_path_is_not_verified_the_job_is_suspected() -> None:
    """And no moment is given when it is lost: nobody knows when the path is verified again."""
    job = replace(JOB, beat=FRESH)

    assert changes(job, replace(ALL_LIMITS, run=None), path=None) == [(34.0, "path_unverified", "no_beat")]
    assert changes(replace(JOB, beat=Beat(NOW - 40, 10.0)), replace(ALL_LIMITS, run=None), path=None) == []


def test_a_suspected_job_is_lost_once_the_path_was_verified_for_long_enough() -> None:
    """The path has been verified for 15 of the 35 s."""
    job = replace(JOB, beat=Beat(NOW - 90, 10.0))

    assert changes(job, replace(ALL_LIMITS, run=None), path=NOW - 15) == [(20.0, "worker_lost", "all_well")]


def test_a_job_that_never_beat_beside_a_live_client() -> None:
    """It is orphaned when it is older than the limit, whether its client beats on or not."""
    job = replace(JOB, claimed_at=NOW - 10, instances=(ALIVE,))

    assert changes(job, replace(ALL_LIMITS, run=None)) == [
        (25.0, "orphaned", "all_well"),
    ]


def test_work_that_was_given_up_is_abandoned_when_its_result_does_not_come() -> None:
    """Ten seconds after the report, whatever its client does."""
    beat = Beat(NOW - 5, 10.0, ended_at=NOW - 4, outcome="abandoned")

    assert changes(replace(JOB, beat=beat)) == [(6.0, "abandoned", "all_well")]


def test_a_job_of_which_nothing_is_known_has_only_the_limit_of_its_run() -> None:
    """Nothing beats, and no process of its client is known."""
    assert changes(replace(JOB, claimed_at=NOW - 100)) == [(200.0, "over_budget", "all_well")]
    assert changes(JOB, replace(ALL_LIMITS, run=None)) == []


def test_a_stuck_job_that_is_acted_on_stays_so() -> None:
    """A lost worker is not called something else as time goes on."""
    assert judge(replace(JOB, beat=Beat(NOW - 90, 10.0)), POLICY, ALL_LIMITS, NOW, OPEN).reason is Reason.WORKER_LOST
    assert changes(replace(JOB, beat=Beat(NOW - 90, 10.0))) == []
    assert tier_of(POLICY, JOB.queue, JOB.kind, JOB.priority) == STANDARD
