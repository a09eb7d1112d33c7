"""What would be done with a stuck job, when, and what keeps it from being done now. For people. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from riverkeeper.brakes.rules import Brake
from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import Mode, Tier
from riverkeeper.rescue.decision import Act, decide, fence_wait, is_blameless
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.verdict.judge import age
from riverkeeper.verdict.verdict import StuckJob


@dataclass(frozen=True, slots=True)
class Restrained:
    """What holds rescues now: the mode of each tier, and the brakes that are engaged, with their sentences."""

    modes: Mapping[str, Mode]
    brakes: Mapping[Brake, str]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What stands before a stuck job."""

    act: Act | None  # None: nothing, policy or the job itself says no
    plan: str  # a sentence
    held_by: tuple[str, ...]  # sentences; empty: it is done at the next pass


def forecast_rescue(
    stuck: StuckJob, policy: Policy, restrained: Restrained | None, now: float, left_alone: str | None = None
) -> Forecast:
    """`restrained` None: what the rescuer does is not known here. `left_alone`: why its last pass did nothing."""
    tier = policy.tiers.get(stuck.verdict.tier) or Tier(stuck.verdict.tier)
    act = decide(stuck.job, stuck.verdict, tier, now)
    if isinstance(act, Skipped):
        return Forecast(None, "nothing", (str(act),))
    return Forecast(act, _plan(stuck, tier, act, now), tuple(_held(restrained, tier.name, left_alone)))


def _plan(stuck: StuckJob, tier: Tier, act: Act, now: float) -> str:
    if act is Act.STOP:
        return f"ask its worker to stop it; retry if it still runs {tier.stop_grace:g} s later"
    if act is not Act.RETRY:
        return f"{act.value} it"
    wait = earliest(stuck, tier, now)
    back_off = "" if is_blameless(stuck.job, stuck.verdict) else ", and after River's back-off"
    fenced = stuck.job.beat is not None and stuck.job.beat.fences
    why = "its results are fenced" if fenced else "its results are not fenced"
    begins = f"begins {wait:.0f} s later at the earliest ({why})" if wait > 0 else "may begin at once"
    return f"retry it; the next attempt {begins}{back_off}"


def earliest(stuck: StuckJob, tier: Tier, now: float) -> float:
    """Seconds after the rescue before which the next attempt cannot begin: the old worker has so long to stop."""
    beat = stuck.job.beat
    wait = fence_wait(stuck.verdict, tier, fences=beat is not None and beat.fences)
    if beat is None or beat.lease is None:
        return wait
    return max(wait, beat.lease + tier.drain - (age(beat.beat_at, now) or 0.0))


def _held(restrained: Restrained | None, tier: str, left_alone: str | None) -> list[str]:
    if restrained is None:
        return ["whether a rescuer is at work is not known here"]
    mode = restrained.modes.get(tier, Mode.DRY_RUN)
    if mode is Mode.DISABLED:
        return [Refusal.MODE.sentence]
    dry = ["a dry run: it is written down, and not done (rescue.mode)"] if mode is Mode.DRY_RUN else []
    brakes = [f"brake {brake.value}: {sentence}" for brake, sentence in restrained.brakes.items()]
    return dry + brakes + ([f"tried at the last pass: {left_alone}"] if left_alone else [])
