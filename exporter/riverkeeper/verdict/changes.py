"""When the verdict on a running job changes next, and into what: `judge` itself, at the moments that matter. Pure.

A verdict depends on ages against limits. So it can change only where a known moment plus a limit is reached. Nothing is
judged here: each of these moments is given to `judge`, and the first with another reason is the answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from riverkeeper.config.policy import Policy
from riverkeeper.verdict.job import RunningJob
from riverkeeper.verdict.judge import RESULT, judge
from riverkeeper.verdict.limits import MISSED_BEATS, raise_limits
from riverkeeper.verdict.tiers import tier_of
from riverkeeper.verdict.verdict import Limit, Limits, Verdict

STEP = 0.001  # seconds: a limit is passed after its moment, and a microsecond is lost in a Unix time as float


class Course(StrEnum):
    """What the worker does from now on."""

    NO_BEAT = "no_beat"  # no beat comes, neither of the job nor of its process
    NO_PROGRESS = "no_progress"  # the beats go on, and no progress is reported
    ALL_WELL = "all_well"  # the beats go on, and progress is reported where it was before


@dataclass(frozen=True, slots=True)
class VerdictChange:
    """The next change on one course. `at`: the moment, by the database's clock."""

    at: float
    verdict: Verdict
    course: Course


def find_changes(
    job: RunningJob, policy: Policy, limits: Limits, now: float, path_ok_since: float | None
) -> tuple[VerdictChange, ...]:
    """The next change on each course, the soonest first. A change that comes on every course is given as ALL_WELL."""
    found: dict[tuple[float, str], VerdictChange] = {}
    for course in Course:
        change = find_next_change(job, policy, limits, now, path_ok_since, course)
        if change is not None:  # of equal changes the last course counts, which assumes the least
            found[change.at, change.verdict.reason] = change
    return tuple(sorted(found.values(), key=lambda change: change.at))


def find_next_change(
    job: RunningJob, policy: Policy, limits: Limits, now: float, path_ok_since: float | None, course: Course
) -> VerdictChange | None:
    """The first moment after `now` with another reason; None: there is none, as far as the known facts go."""
    present = judge(_follow(job, course, now, now), policy, limits, now, path_ok_since)
    for at in sorted({moment for moment in _moments(job, policy, limits, path_ok_since) if moment > now}):
        then = at + STEP
        verdict = judge(_follow(job, course, now, then), policy, limits, then, path_ok_since)
        if verdict.reason is not present.reason:
            return VerdictChange(at, verdict, course)
    return None


def _moments(job: RunningJob, policy: Policy, limits: Limits, path_ok_since: float | None) -> Iterator[float]:
    """Every known moment plus every limit."""
    beat = job.beat
    bases = [job.held_since, job.suspect_since, job.seen_at, path_ok_since]
    bases += [instance.beat_at for instance in job.instances]
    if beat is not None:
        bases += [beat.beat_at, beat.progress_at, beat.ended_at]
    seconds = {limit.seconds for limit in _limits(job, policy, limits)}
    for base in bases:
        if base is not None and math.isfinite(base):
            yield from (base + each for each in seconds if math.isfinite(each))


def _limits(job: RunningJob, policy: Policy, limits: Limits) -> Iterator[Limit]:
    """The limits of the job, and what its claim or a process of its client raises them to."""
    tier, beat = tier_of(policy, job.queue, job.kind, job.priority), job.beat
    raised = [limits, *(raise_limits(limits, tier, instance.interval) for instance in job.instances)]
    if beat is not None:
        raised.append(raise_limits(limits, tier, beat.interval, beat.lease, by_metadata=beat.by_metadata))
    for each in raised:
        yield from (limit for limit in (each.heartbeat, each.progress, each.run) if limit is not None)
    yield RESULT


def _follow(job: RunningJob, course: Course, now: float, then: float) -> RunningJob:
    """The job at `then`, if its worker follows the course from `now` on. What is stale at `now` stays as it is."""
    if course is Course.NO_BEAT or job.terminated_at is not None:  # a process that has ended beats no more
        return job
    instances = tuple(
        replace(instance, beat_at=then) if _is_fresh(instance.beat_at, instance.interval, now) else instance
        for instance in job.instances
    )
    beat = job.beat
    if beat is not None and beat.ended_at is None and _is_fresh(beat.beat_at, beat.interval, now):
        beat = replace(beat, beat_at=then)
        if course is Course.ALL_WELL and beat.progress_at is not None:
            beat = replace(beat, progress_at=then)
    return replace(job, beat=beat, instances=instances)


def _is_fresh(beat_at: float, interval: float, now: float) -> bool:
    return now - beat_at <= MISSED_BEATS * interval
