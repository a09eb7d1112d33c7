"""The forecast of a stuck job: the act, when it happens, and what prevents it now. Sentences for pages. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import Mode, Tier
from riverkeeper.rescue.decision import Act, decide, fence_wait, is_blameless
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.rescue.status import RescueStatus
from riverkeeper.verdict.judge import age
from riverkeeper.verdict.verdict import Reason, StuckJob


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a pass would do with a stuck job."""

    act: Act | None  # None: nothing, because of the policy or the job itself
    plan: str  # a sentence
    held_by: tuple[str, ...]  # why it is not done now, in sentences; empty: it is done at the next pass


def forecast_rescue(
    stuck: StuckJob, policy: Policy, status: RescueStatus | None, now: float, skip_reason: str | None = None
) -> Forecast:
    """`status` None: the state of the rescuer is not known here. `skip_reason`: why its last pass skipped the job."""
    tier = policy.tiers.get(stuck.verdict.tier) or Tier(stuck.verdict.tier)
    act = decide(stuck.job, stuck.verdict, tier, now)
    if isinstance(act, Skipped):
        return Forecast(None, "nothing", (str(act),))
    return Forecast(act, _plan(stuck, tier, act, now), tuple(_held_by(status, tier.name, skip_reason)))


def _plan(stuck: StuckJob, tier: Tier, act: Act, now: float) -> str:
    if act is Act.STOP:
        return f"request its worker to stop; retry if it still runs {tier.stop_grace:g} s later"
    if act is not Act.RETRY:
        return f"{act.value} it"
    wait = shortest_wait(stuck, tier, now)
    back_off = "" if is_blameless(stuck.job, stuck.verdict) else ", and after River's back-off"
    fenced = stuck.job.beat is not None and stuck.job.beat.fences
    why = "its results are fenced" if fenced else "its results are not fenced"
    begins = f"begins {wait:.0f} s later at the earliest ({why})" if wait > 0 else "may begin at once"
    return f"retry it; the next attempt {begins}{back_off}"


def shortest_wait(stuck: StuckJob, tier: Tier, now: float) -> float:
    """Seconds from the rescue until the next attempt may begin: the previous worker has this long to stop."""
    beat = stuck.job.beat
    wait = fence_wait(stuck.verdict, tier, fences=beat is not None and beat.fences)
    if beat is None or beat.lease is None or stuck.verdict.reason is Reason.WORKER_DEAD:
        return wait
    return max(wait, beat.lease + tier.drain - (age(beat.beat_at, now) or 0.0))


def _held_by(status: RescueStatus | None, tier: str, skip_reason: str | None) -> list[str]:
    if status is None:
        return ["the state of the rescuer is not known here"]
    mode = status.modes.get(tier, Mode.DRY_RUN)
    if mode is Mode.DISABLED:
        return [Refusal.MODE.sentence]
    dry = ["a dry run: the rescue is recorded and not done (rescue.mode)"] if mode is Mode.DRY_RUN else []
    brakes = [f"brake {brake.value}: {sentence}" for brake, sentence in status.brakes.items()]
    return dry + brakes + ([f"skipped at the last pass: {skip_reason}"] if skip_reason else [])
