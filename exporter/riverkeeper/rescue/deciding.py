"""Whether a claim is rescued: the verdict once more on what is locked, policy, cooldown, and room under the brakes."""

from __future__ import annotations

from collections.abc import Iterable

from riverkeeper.rescue.audit.records import Entry, entry
from riverkeeper.rescue.decision import Act, LockedJob, decide, plan_rescue
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.rescue.request import BrakeCheck, RescueItem
from riverkeeper.verdict.job import RunningJob
from riverkeeper.verdict.judge import judge
from riverkeeper.verdict.verdict import Reason, Verdict

Decided = Skipped | Entry


def hopeless(asked: RescueItem) -> Skipped | None:
    """What policy alone says no to; the tables are left in peace then."""
    stuck, order = asked.stuck, asked.order
    if not (stuck.verdict.reason.is_stuck or (stuck.verdict.reason is not Reason.OK and order.action)):
        return Skipped(_why_not(stuck.job, stuck.verdict))
    act = decide(stuck.job, stuck.verdict, order.tier, stuck.job.claimed_at, order.action)
    return act if isinstance(act, Skipped) and act.refusal is not Refusal.STOPPING else None


def decided(held: LockedJob | Skipped, asked: RescueItem) -> Decided:
    """The same reason as before, and what follows from it; or why nothing does."""
    if isinstance(held, Skipped):
        return held
    order = asked.order
    verdict = judge(held.job, order.policy, order.limits, held.now, order.path_ok_since)
    if _is_lost(held.job) or verdict.reason is not asked.stuck.verdict.reason:
        return Skipped(_why_not(held.job, verdict))
    act = decide(held.job, verdict, order.tier, held.now, order.action)
    if isinstance(act, Skipped):
        return act
    if act is not Act.STOP and held.last_rescue_at is not None:
        left = held.last_rescue_at + order.cooldown - held.now
        if left > 0:
            return Skipped(Refusal.COOLDOWN, f"{left:.0f} s left")
    return entry(held, verdict, plan_rescue(held, verdict, order.tier, act), order)


def allowed(ones: Iterable[Decided], braking: BrakeCheck) -> list[Decided]:
    """Those acts for which the brakes have room, in their order; the others are refused by the brake that holds."""
    acts, outcomes = 0, list[Decided]()
    for one in ones:
        held = braking(acts) if isinstance(one, Entry) else None
        outcomes.append(Skipped(Refusal.of_brake(held[0]), held[1]) if held else one)
        acts += isinstance(outcomes[-1], Entry)
    return outcomes


def _is_lost(job: RunningJob) -> bool:
    return job.beat is not None and job.beat.lost_at is not None


def _why_not(job: RunningJob, verdict: Verdict) -> Refusal:
    """Which refusal an unexpected verdict is."""
    if _is_lost(job):
        return Refusal.LOST_ALREADY
    if verdict.reason is Reason.OK:
        return Refusal.BEAT
    if verdict.reason is Reason.UNKNOWN or verdict.reason.is_suspected:
        return Refusal.UNKNOWN
    return Refusal.CHANGED
