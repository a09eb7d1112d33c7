"""No stuck job is missed because its group was not looked into; and a healthy fleet is not looked into at all."""

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
from riverkeeper.verdict.screening import Sought, cells, sought, used
from riverkeeper.verdict.verdict import LimitName, Reason

patient = settings(deadline=None, max_examples=200)
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


def found_by(one: Sought, job: RunningJob, policy: Policy) -> bool:
    """Whether the row is among those that river/sql/read_suspects.sql gives for what is sought."""
    beat = job.beat
    if beat is None:
        return _over(NOW - job.claimed_at, one.took) or _over(NOW - job.claimed_at, one.unbeaten)
    if beat.lost_at is not None:
        return False
    raised_to = max(3 * beat.interval, (beat.lease + one.drain) if beat.lease is not None else 0.0)
    return (
        _over(NOW - job.claimed_at, one.took)
        or (one.silent is not None and NOW - beat.beat_at > max(one.silent, raised_to))
        or (beat.progress_at is not None and _over(NOW - beat.progress_at, one.still))
        or (job.gave_up_at is not None and _over(NOW - job.gave_up_at, one.ended))
    )


def _over(value: float, threshold: float | None) -> bool:
    return threshold is not None and value > threshold


@patient
@given(st.lists(jobs, min_size=1, max_size=4), policies, learned, st.none() | moments)
def test_whatever_is_stuck_is_found(
    running: list[RunningJob], policy: Policy, past: Learned | None, since: float | None
) -> None:
    """For any jobs of a group: each one that judge calls stuck or suspected is looked for, and its row is found."""
    running = [finite(job) for job in running]
    (cell,) = cells(policy, {JOB.kind: past} if past else {}, [group(running)])
    one = sought(cell, NOW, since)
    limits = limits_of(policy, cell.tier, JOB.kind, past)

    for job in running:
        found = judge(job, policy, limits, NOW, since).reason
        if found.is_stuck or found.is_suspected:
            assert found_by(one, job, policy)


@patient
@given(st.lists(jobs, min_size=1, max_size=4), policies, moments)
def test_what_is_used_up_and_what_is_stuck_agree(running: list[RunningJob], policy: Policy, since: float) -> None:
    """A group over its limit of silence holds a job that judge calls lost, or would but for its rescues."""
    running = [finite(job) for job in running]
    (cell,) = cells(policy, {}, [group(running)])
    limits = limits_of(policy, cell.tier, JOB.kind)
    over = {one.limit for one in used(cell, NOW, since) if one.ratio > 1 + 1e-9}
    verdicts = [judge(job, policy, limits, NOW, since) for job in running]

    if LimitName.HEARTBEAT in over:
        # Whose beats are missing while River sees its client at work may also be over its budget, and is called that.
        silent = {Reason.WORKER_LOST, Reason.BEATS_MISSING, Reason.OVER_BUDGET}
        assert silent & {one.underlying or one.reason for one in verdicts}
    if LimitName.RUN in over:
        judged = [v for v, job in zip(verdicts, running, strict=True) if v.reason.is_stuck or _is_excused(job)]
        assert judged


def _is_excused(job: RunningJob) -> bool:
    """Its claim was taken away or given up."""
    return job.beat is not None and (job.beat.lost_at is not None or job.gave_up_at is not None)


def test_a_healthy_fleet_is_not_looked_into() -> None:
    """Fresh beats, young claims: nothing is sought, so nothing is asked."""
    young = replace(JOB, claimed_at=NOW - 20, instances=(ALIVE,))
    (cell,) = cells(POLICY, {}, [group([replace(JOB, beat=FRESH), young])])

    assert not sought(cell, NOW, OPEN).is_anything


def test_silence_is_looked_for_whatever_is_known_of_the_path() -> None:
    """Who is silent while the path is not verified is suspected, and shown; hung he is not called before it is."""
    policy = Policy({"standard": replace(STANDARD, progress_timeout=60.0)})
    silent = replace(JOB, beat=Beat(NOW - 500, 10.0, progress_at=NOW - 500))
    (cell,) = cells(policy, {}, [group([silent])])

    for since in (None, NOW - 34):
        one = sought(cell, NOW, since)
        assert (one.silent, one.still) == (35.0, None)
    one = sought(cell, NOW, NOW - 61)
    assert (one.silent, one.still) == (35.0, 60.0)
