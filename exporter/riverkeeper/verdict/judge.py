"""What is wrong with a running job, if anything? One function for metrics, pages, alerts and the rescuer. Pure.

Total: a value that is missing, infinite or no number is as good as not known, and what is not known is never a reason
to take a job away. A moment ahead of `now` is as good as now.
"""

from __future__ import annotations

import math

from riverkeeper.verdict.assign import tier_of
from riverkeeper.verdict.job import Beat, Instance, RunningJob
from riverkeeper.verdict.limits import MISSED_BEATS, raised
from riverkeeper.verdict.tiers import Policy, Tier
from riverkeeper.verdict.verdict import Limit, Limits, Verdict
from riverkeeper.verdict.words import Action, Reason


def judge(job: RunningJob, policy: Policy, limits: Limits, now: float, path_ok_since: float | None) -> Verdict:
    """The verdict on a job at `now`, the database's clock; `limits` are those of its tier and kind.

    Silence counts from `path_ok_since`, since when the way of a beat is proven open; while that is None nobody is
    called lost, orphaned or hung. What the job's own claim declares raises `limits` once more.
    """
    tier = tier_of(policy, job.queue, job.kind, job.priority)
    beat = job.beat
    if beat is not None and beat.lost_at is not None:
        return Verdict(Reason.UNKNOWN, tier.name)  # taken away already: whoever did that followed it up
    if beat is not None and _is_settling(beat, policy, now, path_ok_since):
        return Verdict(Reason.OK, tier.name)
    if beat is None:
        found = _never_beat(job, tier, limits, now, path_ok_since)
    else:
        own = raised(limits, tier, beat.interval, beat.lease, by_metadata=beat.by_metadata)
        found = _has_beaten(beat, tier, own, now, path_ok_since)
    if not found.reason.is_stuck:
        found = _too_long(job, tier, limits, now) or _suspect(job, tier, limits, now) or found
    return _in_a_loop(job, policy, tier, found)


def _has_beaten(beat: Beat, tier: Tier, limits: Limits, now: float, path_ok_since: float | None) -> Verdict:
    heard = age(beat.beat_at, now)
    if heard is None:
        return Verdict(Reason.UNKNOWN, tier.name)
    silent = _silence(now, path_ok_since, beat.beat_at)
    if _over(silent, limits.heartbeat):
        return Verdict(Reason.WORKER_LOST, tier.name, limits.heartbeat, silent)
    if heard > limits.heartbeat.seconds:
        return Verdict(Reason.UNKNOWN, tier.name)  # silent, but so may the way have been
    if beat.progress_at is not None and limits.progress is not None:
        still = _silence(now, path_ok_since, beat.progress_at)
        if _over(still, limits.progress):
            return Verdict(Reason.HUNG, tier.name, limits.progress, still)
    return Verdict(Reason.OK, tier.name)


def _never_beat(job: RunningJob, tier: Tier, limits: Limits, now: float, path_ok_since: float | None) -> Verdict:
    """Its process speaks for it: lost where all that may hold it are silent, orphaned where one lives and does not."""
    speaking = [instance for instance in job.instances if instance.beats_for_kind]
    if not speaking or age(job.claimed_at, now) is None:
        return Verdict(Reason.UNKNOWN, tier.name)
    # The claim itself was a sign of life, so no silence began before it.
    judged = [(_limit_of(instance, tier, limits), _process_silence(instance, job, now, path_ok_since))
              for instance in speaking]  # fmt: skip
    if all(_over(silent, limit) for limit, silent in judged):
        limit, silent = max(judged, key=lambda one: one[0].seconds)
        return Verdict(Reason.WORKER_LOST, tier.name, limit, silent)
    alive = [instance for instance in speaking if _is_alive(instance, tier, limits, now)]
    if not alive:
        return Verdict(Reason.UNKNOWN, tier.name)
    limit = max((_limit_of(instance, tier, limits) for instance in speaking), key=lambda one: one.seconds)
    unheard = _silence(now, path_ok_since, job.claimed_at)
    if _over(unheard, limit):
        return Verdict(Reason.ORPHANED, tier.name, limit, unheard)
    return Verdict(Reason.OK, tier.name)


def _limit_of(instance: Instance, tier: Tier, limits: Limits) -> Limit:
    return raised(limits, tier, instance.interval).heartbeat


def _is_alive(instance: Instance, tier: Tier, limits: Limits, now: float) -> bool:
    heard = age(instance.beat_at, now)
    return heard is not None and heard <= _limit_of(instance, tier, limits).seconds


def _process_silence(instance: Instance, job: RunningJob, now: float, path_ok_since: float | None) -> float | None:
    return _silence(now, path_ok_since, instance.beat_at, job.claimed_at)


def _too_long(job: RunningJob, tier: Tier, limits: Limits, now: float) -> Verdict | None:
    took = age(job.claimed_at, now)
    return Verdict(Reason.OVER_BUDGET, tier.name, limits.run, took) if _over(took, limits.run) else None


def _suspect(job: RunningJob, tier: Tier, limits: Limits, now: float) -> Verdict | None:
    """Only where nothing beats: neither the job nor any process with its client's id."""
    if job.beat is not None or job.instances or job.suspect_since is None:
        return None
    # As with silence: a claim is a sign of life, and the suspicion may have been told before it.
    since = _silence(now, job.suspect_since, job.claimed_at)
    if not _over(since, limits.heartbeat):
        return None
    return Verdict(Reason.WORKER_SUSPECT, tier.name, limits.heartbeat, since)


def _in_a_loop(job: RunningJob, policy: Policy, tier: Tier, found: Verdict) -> Verdict:
    if found.reason.is_stuck and tier.action(found.reason) != Action.HOLD and job.rescues >= policy.max_rescues:
        return Verdict(Reason.RESCUE_LOOP, tier.name, found.limit, found.value, underlying=found.reason)
    return found


def _is_settling(beat: Beat, policy: Policy, now: float, path_ok_since: float | None) -> bool:
    """Its result is on its way through River's completer, for which the way must have been open as well."""
    if beat.settled_at is None:
        return False
    since = age(beat.settled_at, now)
    if since is None or path_ok_since is None:
        return True
    return min(since, age(path_ok_since, now) or 0.0) <= policy.settle_grace


def _silence(now: float, path_ok_since: float | None, *signs: float) -> float | None:
    """Seconds since the last sign of life, of those in which it could have been heard; None: not known."""
    ages = [age(moment, now) for moment in (*signs, path_ok_since)]
    return None if None in ages else min(known for known in ages if known is not None)


def age(moment: float | None, now: float) -> float | None:
    """Seconds from a moment to now, 0 for one ahead; None where either is no moment."""
    if moment is None or not (math.isfinite(moment) and math.isfinite(now)):
        return None
    return max(now - moment, 0.0)


def _over(value: float | None, limit: Limit | None) -> bool:
    return value is not None and limit is not None and value > limit.seconds


__all__ = ["MISSED_BEATS", "age", "judge"]
