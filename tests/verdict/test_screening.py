"""Screening misses no stuck job, and selects no group of a healthy fleet."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.running_jobs import ALIVE, FRESH, JOB, NOW, OPEN, POLICY, STANDARD, jobs, moments, policies
from riverkeeper.config.policy import Policy
from riverkeeper.verdict.job import GAVE_UP, Beat, RunningJob, RunningPair
from riverkeeper.verdict.judge import judge
from riverkeeper.verdict.limits import Learned, limits_of
from riverkeeper.verdict.screening import Thresholds, group_jobs, limits_used, screen_group
from riverkeeper.verdict.verdict import LimitName, Reason

patient = settings(max_examples=100)
learned = st.none() | st.builds(
    Learned, samples=st.integers(0, 500), quantile=st.just(0.99), seconds=st.floats(0.1, 500), window=st.just(86400.0)
)


def finite(job: RunningJob) -> RunningJob:
    """As the database can hold it: moments are numbers, and intervals are not negative."""
    beat = job.beat
    if beat is not None:
        beat = replace(
            beat,
            beat_at=_finite(beat.beat_at),
            interval=abs(beat.interval) if math.isfinite(beat.interval) else 10.0,
            lease=beat.lease and (abs(beat.lease) if math.isfinite(beat.lease) else None),
            progress_at=beat.progress_at and _finite(beat.progress_at),
            ended_at=beat.ended_at and _finite(beat.ended_at),
            by_metadata=False,
        )
    return replace(job, claimed_at=_finite(job.claimed_at), beat=beat, priority=1)


def _finite(moment: float) -> float:
    return moment if math.isfinite(moment) and 0 <= moment < 4e9 else NOW - 100


def group(running: Iterable[RunningJob]) -> RunningPair:
    """Jobs as river/sql/read_running.sql adds them up."""
    every = list(running)
    beats = [job.beat for job in every if job.beat is not None]
    awaited = [beat for beat in beats if beat.lost_at is None
               and not (beat.outcome in GAVE_UP and beat.ended_at is not None)]  # fmt: skip
    return RunningPair(
        queue=JOB.queue, kind=JOB.kind, priority=1, jobs=len(every), beating=len(beats), failing=0, last_attempt=0,
        cancel_pending=0, oldest_claim=min(job.claimed_at for job in every), last_claim=NOW,
        oldest_beat=min((min(beat.beat_at, NOW) for beat in awaited), default=None),
        oldest_progress=min((beat.progress_at for beat in awaited if beat.progress_at is not None), default=None),
        oldest_unbeaten=min((job.claimed_at for job in every if job.beat is None), default=None),
        longest_interval=max((beat.interval for beat in beats), default=None),
        longest_lease=max((beat.lease for beat in beats if beat.lease is not None), default=None),
        oldest_given_up=min((job.gave_up_at for job in every if job.gave_up_at is not None), default=None),
    )  # fmt: skip


def found_by(thresholds: Thresholds, job: RunningJob, policy: Policy) -> bool:
    """Whether the row is among those that river/sql/read_suspects.sql gives for these thresholds."""
    beat = job.beat
    if beat is None:
        return _over(NOW - job.claimed_at, thresholds.run) or _over(NOW - job.claimed_at, thresholds.never_beat)
    if beat.lost_at is not None:
        return False
    raised_to = max(3 * beat.interval, (beat.lease + thresholds.drain) if beat.lease is not None else 0.0)
    return (
        _over(NOW - job.claimed_at, thresholds.run)
        or (thresholds.heartbeat is not None and NOW - beat.beat_at > max(thresholds.heartbeat, raised_to))
        or (beat.progress_at is not None and _over(NOW - beat.progress_at, thresholds.progress))
        or (job.gave_up_at is not None and _over(NOW - job.gave_up_at, thresholds.result))
    )


def _over(value: float, threshold: float | None) -> bool:
    return threshold is not None and value > threshold


@patient
@given(st.lists(jobs, min_size=1, max_size=4), policies, learned, st.none() | moments)
def test_whatever_is_stuck_is_found(
    running: list[RunningJob], policy: Policy, past: Learned | None, since: float | None
) -> None:
    """Each job that judge calls stuck or suspected is in a selected group, and its row is found."""
    running = [finite(job) for job in running]
    (selected,) = group_jobs(policy, {JOB.kind: past} if past else {}, [group(running)])
    thresholds = screen_group(selected, NOW, since)
    limits = limits_of(policy, selected.tier, JOB.kind, past)

    for job in running:
        found = judge(job, policy, limits, NOW, since).reason
        if found.is_stuck or found.is_suspected:
            assert found_by(thresholds, job, policy)


@patient
@given(st.lists(jobs, min_size=1, max_size=4), policies, moments)
def test_what_is_used_up_and_what_is_stuck_agree(running: list[RunningJob], policy: Policy, since: float) -> None:
    """A group over its limit of silence holds a job that judge calls lost, or would but for its rescues."""
    running = [finite(job) for job in running]
    (selected,) = group_jobs(policy, {}, [group(running)])
    limits = limits_of(policy, selected.tier, JOB.kind)
    over = {used.limit for used in limits_used(selected, NOW, since) if used.ratio > 1 + 1e-9}
    verdicts = [judge(job, policy, limits, NOW, since) for job in running]

    if LimitName.HEARTBEAT in over:
        # Whose beats are missing while River sees its client at work may also be over its budget, and is called that.
        silent = {Reason.WORKER_LOST, Reason.BEATS_MISSING, Reason.OVER_BUDGET}
        assert silent & {verdict.underlying or verdict.reason for verdict in verdicts}
    if LimitName.RUN in over:
        judged = [v for v, job in zip(verdicts, running, strict=True) if v.reason.is_stuck or _is_excused(job)]
        assert judged


def _is_excused(job: RunningJob) -> bool:
    """Its claim was taken away or given up, or another clock dates it: its age is then less than attempted_at shows."""
    if job.claimed_before is not None:
        return True
    return job.beat is not None and (job.beat.lost_at is not None or job.gave_up_at is not None)


def test_a_healthy_fleet_is_not_looked_into() -> None:
    """Fresh beats, young claims: no group is selected, so no query is needed."""
    young = replace(JOB, claimed_at=NOW - 20, instances=(ALIVE,))
    (selected,) = group_jobs(POLICY, {}, [group([replace(JOB, beat=FRESH), young])])

    assert not screen_group(selected, NOW, OPEN).any_passed


def test_silence_is_looked_for_whatever_is_known_of_the_path() -> None:
    """A stale job is suspected, and shown, while the path is not verified; it is called hung only afterwards."""
    policy = Policy({"standard": replace(STANDARD, progress_timeout=60.0)})
    silent = replace(JOB, beat=Beat(NOW - 500, 10.0, progress_at=NOW - 500))
    (selected,) = group_jobs(policy, {}, [group([silent])])

    for since in (None, NOW - 34):
        thresholds = screen_group(selected, NOW, since)
        assert (thresholds.heartbeat, thresholds.progress) == (35.0, None)
    thresholds = screen_group(selected, NOW, NOW - 61)
    assert (thresholds.heartbeat, thresholds.progress) == (35.0, 60.0)
