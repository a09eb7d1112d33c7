"""Whether a claim is rescued: the verdict once more on what is locked, policy, cooldown, and room under the brakes."""

from __future__ import annotations

from collections.abc import Iterable

from riverkeeper.rescue.audit.records import Entry, entry
from riverkeeper.rescue.decision import Act, Locked, decide, plan
from riverkeeper.rescue.refusal import Refusal, Refused
from riverkeeper.rescue.request import Asked, Braking
from riverkeeper.verdict.job import RunningJob
from riverkeeper.verdict.judge import judge
from riverkeeper.verdict.verdict import Reason, Verdict

Decided = Refused | Entry


def hopeless(asked: Asked) -> Refused | None:
    """What policy alone says no to; the tables are left in peace then."""
    stuck, order = asked.stuck, asked.order
    if not (stuck.verdict.reason.is_stuck or (stuck.verdict.reason is not Reason.OK and order.action)):
        return Refused(_why_not(stuck.job, stuck.verdict))
    act = decide(stuck.job, stuck.verdict, order.tier, stuck.job.claimed_at, order.action)
    return act if isinstance(act, Refused) and act.refusal is not Refusal.STOPPING else None


def decided(held: Locked | Refused, asked: Asked) -> Decided:
    """The same reason as before, and what follows from it; or why nothing does."""
    if isinstance(held, Refused):
        return held
    order = asked.order
    verdict = judge(held.job, order.policy, order.limits, held.now, order.path_ok_since)
    if _is_lost(held.job) or verdict.reason is not asked.stuck.verdict.reason:
        return Refused(_why_not(held.job, verdict))
    act = decide(held.job, verdict, order.tier, held.now, order.action)
    if isinstance(act, Refused):
        return act
    if act is not Act.STOP and held.last_rescue_at is not None:
        left = held.last_rescue_at + order.cooldown - held.now
        if left > 0:
            return Refused(Refusal.COOLDOWN, f"{left:.0f} s left")
    return entry(held, verdict, plan(held, verdict, order.tier, act), order)


def allowed(ones: Iterable[Decided], braking: Braking) -> list[Decided]:
    """Those acts for which the brakes have room, in their order; the others are refused by the brake that holds."""
    acts, outcomes = 0, list[Decided]()
    for one in ones:
        held = braking(acts) if isinstance(one, Entry) else None
        outcomes.append(Refused(Refusal.of_brake(held[0]), held[1]) if held else one)
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
