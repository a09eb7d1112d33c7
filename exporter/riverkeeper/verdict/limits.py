"""The limits in force for a job, each with the sentence that says where it comes from. Pure.

The heartbeat row wins over the policy: a client that declares an interval or a lease for which a tier's timeout is
too short raises it, else healthy jobs would be called lost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import LearnedLimits, Tier
from riverkeeper.verdict.verdict import Limit, LimitName, Limits

MISSED_BEATS = 3  # one beat may be lost on the way and the next be late; the third missed beat proves that none comes


@dataclass(frozen=True, slots=True)
class Learned:
    """What the completed runs of a kind teach about its limit; the ledger learns it (ledger/learned_limits.py)."""

    samples: int  # of the whole window, censored runs among them
    quantile: float  # which one: 0.99
    seconds: float  # its value, inf where it lies among the runs that are censored
    window: float  # the span whose quantile is the larger, seconds
    censored: int = 0


def limits_of(
    policy: Policy,
    tier: Tier,
    kind: str,
    learned: Learned | None = None,
    interval: float | None = None,
    lease: float | None = None,
    *,
    by_metadata: bool = False,
) -> Limits:
    """The limits for a job of this tier and kind. Its claim or client declares this interval and lease (seconds).

    `by_metadata`: the interval is the policy's own `metadata_interval`, so a limit above the tier's is not a warning.
    """
    plain = Limits(
        heartbeat=Limit(LimitName.HEARTBEAT, tier.heartbeat_timeout, f"tier {tier.name}"),
        progress=_own(LimitName.PROGRESS, tier.progress_timeout, tier),
        run=run_limit(policy.learned_limits, tier, kind, learned),
    )
    return raise_limits(plain, tier, interval, lease, by_metadata=by_metadata)


def raise_limits(
    limits: Limits, tier: Tier, interval: float | None, lease: float | None = None, *, by_metadata: bool = False
) -> Limits:
    """The limits, nowhere below three declared intervals, nor the heartbeat below lease + drain."""
    whose = "intervals of metadata beats" if by_metadata else "declared intervals"
    floor, sentence = (
        MISSED_BEATS * (_declared_seconds(interval) or 0.0),
        f"three {whose} of {format_duration(interval)}",
    )
    heartbeat = _at_least(limits.heartbeat, floor, sentence, raised=not by_metadata)
    if (least := _declared_seconds(lease)) is not None:
        why = f"the declared lease of {format_duration(lease)} and a drain of {format_duration(tier.drain)}"
        heartbeat = _at_least(heartbeat, least + tier.drain, why)
    progress = limits.progress and _at_least(limits.progress, floor, sentence, raised=not by_metadata)
    return replace(limits, heartbeat=heartbeat, progress=progress)


def run_limit(learning: LearnedLimits, tier: Tier, kind: str, learned: Learned | None) -> Limit | None:
    """How long a run may take: the tier's max_run, else learned from the kind's completed runs. None: no limit."""
    if tier.max_run is not None:
        return Limit(LimitName.RUN, tier.max_run, f"tier {tier.name}")
    if not learning.enabled or learned is None or learned.samples < learning.min_samples:
        return None
    wanted = learned.seconds * learning.factor
    if math.isnan(wanted):
        return None
    seconds = max(learning.floor, min(wanted, learning.ceiling))
    return Limit(LimitName.RUN, seconds, _origin(learning, kind, learned, wanted))


def wait_limit(tier: Tier) -> Limit | None:
    """How long a due job may wait to be claimed."""
    return _own(LimitName.WAIT, tier.max_wait, tier)


def silence_limit(tier: Tier) -> Limit | None:
    """How long after the last finished job of a kind the next one should have finished."""
    return _own(LimitName.SILENCE, tier.max_silence, tier)


def _own(name: LimitName, seconds: float | None, tier: Tier) -> Limit | None:
    return None if seconds is None else Limit(name, seconds, f"tier {tier.name}")


def _at_least(limit: Limit, floor: float, sentence: str, *, raised: bool = True) -> Limit:
    if not floor > limit.seconds:
        return limit
    policy = limit.origin.partition(", raised to ")[0]
    return Limit(limit.name, floor, f"{policy}, raised to {sentence}", raised or limit.raised)


def _origin(learning: LearnedLimits, kind: str, learned: Learned, wanted: float) -> str:
    """How a learned limit was calculated, in words."""
    past = f"p{learned.quantile * 100:g} of {learned.samples} runs of {kind}"
    if math.isinf(learned.seconds):
        return f"{past} was ended for its age, so the ceiling of {format_duration(learning.ceiling)}"
    seconds = float(f"{learned.seconds:.2g}")  # a bucket is not more exact
    text = f"{past} in {format_duration(learned.window)} is about {format_duration(seconds)}, times {learning.factor:g}"
    if wanted < learning.floor:
        return f"{text}, but at least the floor of {format_duration(learning.floor)}"
    if wanted > learning.ceiling:
        return f"{text}, but at most the ceiling of {format_duration(learning.ceiling)}"
    return text


def _declared_seconds(seconds: float | None) -> float | None:
    """What a client declared, if it is a number above 0; None if it declared nothing that can be meant."""
    return seconds if seconds is not None and seconds > 0 else None


_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


def format_duration(seconds: float | None) -> str:
    """A duration in the largest unit of which it is a whole number: 7 d, 90 s, 1.5 s."""
    value = seconds if seconds is not None else math.nan
    if math.isfinite(value) and value > 0:
        for size, unit in _UNITS:
            if value % size == 0:
                return f"{value / size:g} {unit}"
    return f"{round(value, 3):g} s" if math.isfinite(value) else f"{value} s"
