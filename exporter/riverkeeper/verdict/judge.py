"""The verdict on a running job: one function for metrics, pages, alerts and the rescuer. Pure.

It never raises. A value that is missing, infinite or not a number counts as unknown, and an unknown value is never a
reason to take a job away. A moment after `now` counts as `now`.
"""

from __future__ import annotations

import math

from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import Action, Tier
from riverkeeper.verdict.job import Beat, Instance, RunningJob
from riverkeeper.verdict.limits import raise_limits
from riverkeeper.verdict.tiers import action_for, tier_of
from riverkeeper.verdict.verdict import Limit, LimitName, Limits, Reason, Verdict

# River's completer ends a statement after ten seconds: a result that has not reached the row by then will not come.
RESULT = Limit(LimitName.RESULT, 10.0, "the time that River takes to write how the work ended")


def judge(job: RunningJob, policy: Policy, limits: Limits, now: float, path_ok_since: float | None) -> Verdict:
    """The verdict on a job at `now`, the database's clock; `limits` are those of its tier and kind.

    Missed heartbeats count from `path_ok_since`, since when the heartbeat path is verified; while that is None no job
    is called lost, orphaned or hung, but suspected. A claim that its client gave up needs no such proof. What the job's
    own claim declares raises `limits` once more.
    """
    tier = tier_of(policy, job.queue, job.kind, job.priority)
    beat = job.beat
    if beat is not None and beat.lost_at is not None:
        return Verdict(Reason.UNKNOWN, tier.name)  # a rescue took it already, and follows it up
    if (gave_up_at := job.gave_up_at) is not None:
        return _in_a_loop(job, policy, tier, _given_up(gave_up_at, tier, now))
    if beat is None:
        found = _never_beat(job, tier, limits, now, path_ok_since)
    else:
        own = raise_limits(limits, tier, beat.interval, beat.lease, by_metadata=beat.by_metadata)
        found = _has_beaten(job, beat, tier, own, now, path_ok_since)
    if not found.reason.is_stuck:
        suspected = found if found.reason.is_suspected else _suspect(job, tier, limits, now)
        found = _too_long(job, tier, limits, now) or suspected or found
    return _in_a_loop(job, policy, tier, _dead(job, tier, found, now) or found)


def _given_up(gave_up_at: float, tier: Tier, now: float) -> Verdict:
    """Abandoned once River has had its time to write the result."""
    since = age(gave_up_at, now)
    if since is None:
        return Verdict(Reason.UNKNOWN, tier.name)
    return (
        Verdict(Reason.ABANDONED, tier.name, RESULT, since) if _over(since, RESULT) else Verdict(Reason.OK, tier.name)
    )


def _dead(job: RunningJob, tier: Tier, found: Verdict, now: float) -> Verdict | None:
    """Dead by proof. It only adds: it never replaces a verdict that is acted on by one that is not."""
    since = age(job.terminated_at, now)
    if since is None or job.terminated is None:
        return None
    held = action_for(tier, Reason.WORKER_DEAD, beats=job.has_beaten) is Action.HOLD
    if held and found.reason.is_stuck and action_for(tier, found.reason) is not Action.HOLD:
        return None
    return Verdict(Reason.WORKER_DEAD, tier.name, Limit(LimitName.PROCESS, 0.0, job.terminated.sentence), since)


def _has_beaten(
    job: RunningJob, beat: Beat, tier: Tier, limits: Limits, now: float, path_ok_since: float | None
) -> Verdict:
    beat_age = age(beat.beat_at, now)
    if beat_age is None:
        return Verdict(Reason.UNKNOWN, tier.name)
    if beat_age > limits.heartbeat.seconds:
        return _stale(job, tier, limits.heartbeat, beat_age, path_ok_since, now)
    if beat.progress_at is not None and limits.progress is not None:
        progress_age = _seconds_since(now, path_ok_since, beat.progress_at)
        if _over(progress_age, limits.progress):
            inactive = age(beat.progress_at, now)
            return Verdict(Reason.HUNG, tier.name, limits.progress, progress_age, inactive=inactive)
    return Verdict(Reason.OK, tier.name)


def _never_beat(job: RunningJob, tier: Tier, limits: Limits, now: float, path_ok_since: float | None) -> Verdict:
    """Lost if every process that may hold it is stale; orphaned if one is alive and does not beat for the job."""
    instances = [instance for instance in job.instances if instance.beats_for_kind]
    if not instances or age(job.held_since, now) is None:
        return Verdict(Reason.UNKNOWN, tier.name)
    # The claim itself was a sign of life: a heartbeat age begins with it at the earliest.
    ages = [(_limit_of(instance, tier, limits), _seconds_since(now, instance.beat_at, job.held_since))
            for instance in instances]  # fmt: skip
    if all(_over(beat_age, limit) for limit, beat_age in ages):
        limit, beat_age = max(ages, key=lambda pair: pair[0].seconds)
        return _stale(job, tier, limit, beat_age, path_ok_since, now)
    alive = [instance for instance in instances if _is_alive(instance, tier, limits, now)]
    if not alive:
        return Verdict(Reason.UNKNOWN, tier.name)
    limit = max((_limit_of(instance, tier, limits) for instance in instances), key=lambda limit: limit.seconds)
    claimed_for = age(job.held_since, now)
    if not _over(claimed_for, limit):
        return Verdict(Reason.OK, tier.name)
    counted = _seconds_since(now, path_ok_since, job.held_since)
    if _over(counted, limit):
        return Verdict(Reason.ORPHANED, tier.name, limit, counted, inactive=claimed_for)
    return _unverified(tier, limit, claimed_for, counted)


def _stale(
    job: RunningJob, tier: Tier, limit: Limit, beat_age: float | None, path_ok_since: float | None, now: float
) -> Verdict:
    """Lost, if the heartbeat path is verified for the whole limit. `beat_age`: seconds without a sign of life.

    Suspected, if River saw its client at work meanwhile: then its heartbeats are missing, not the worker.
    """
    verified = age(path_ok_since, now)
    counted = None if beat_age is None or verified is None else min(beat_age, verified)
    if not _over(counted, limit):
        return _unverified(tier, limit, beat_age, counted)
    seen = age(job.seen_at, now)
    if seen is not None and seen <= limit.seconds:
        missing = (
            f"its heartbeats: River saw its client at work {seen:.0f} s ago, and no beat has come for {beat_age:.0f} s"
        )
        return Verdict(Reason.BEATS_MISSING, tier.name, limit, beat_age, missing=missing)
    return Verdict(Reason.WORKER_LOST, tier.name, limit, counted, inactive=beat_age)


def _unverified(tier: Tier, limit: Limit, beat_age: float | None, verified: float | None) -> Verdict:
    missing = "a verified heartbeat path"
    if verified is not None:
        missing += f": it has been verified for {verified:.0f} s, and must be for {limit.seconds:g} s"
    return Verdict(Reason.PATH_UNVERIFIED, tier.name, limit, beat_age, missing=missing)


def _limit_of(instance: Instance, tier: Tier, limits: Limits) -> Limit:
    return raise_limits(limits, tier, instance.interval).heartbeat


def _is_alive(instance: Instance, tier: Tier, limits: Limits, now: float) -> bool:
    beat_age = age(instance.beat_at, now)
    return beat_age is not None and beat_age <= _limit_of(instance, tier, limits).seconds


def _too_long(job: RunningJob, tier: Tier, limits: Limits, now: float) -> Verdict | None:
    took = age(job.held_since, now)
    return Verdict(Reason.OVER_BUDGET, tier.name, limits.run, took) if _over(took, limits.run) else None


def _suspect(job: RunningJob, tier: Tier, limits: Limits, now: float) -> Verdict | None:
    """Only where nothing beats: neither the job nor any process with its client's id."""
    if job.beat is not None or job.instances or job.suspect_since is None:
        return None
    # A claim is a sign of life, and the client may have become suspect before it.
    since = _seconds_since(now, job.suspect_since, job.held_since)
    if not _over(since, limits.heartbeat):
        return None
    missing = "heartbeats: its client never beat, and another client has taken its place"
    return Verdict(Reason.WORKER_SUSPECT, tier.name, limits.heartbeat, since, missing=missing)


def _in_a_loop(job: RunningJob, policy: Policy, tier: Tier, found: Verdict) -> Verdict:
    action = action_for(tier, found.reason, beats=job.has_beaten)
    is_acted_on = found.reason.is_stuck and action is not Action.HOLD
    if is_acted_on and job.rescues >= policy.rescue.max_rescues:
        return Verdict(Reason.RESCUE_LOOP, tier.name, found.limit, found.value, underlying=found.reason)
    return found


def _seconds_since(now: float, *signs: float | None) -> float | None:
    """Seconds since the latest of these moments; None: one of them is not known."""
    ages = [age(moment, now) for moment in signs]
    return None if None in ages else min(known for known in ages if known is not None)


def age(moment: float | None, now: float) -> float | None:
    """Seconds from a moment to now, 0 for one ahead; None where either is no moment."""
    if moment is None or not (math.isfinite(moment) and math.isfinite(now)):
        return None
    return max(now - moment, 0.0)


def _over(value: float | None, limit: Limit | None) -> bool:
    return value is not None and limit is not None and value > limit.seconds
