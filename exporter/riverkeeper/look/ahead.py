"""What heartbeats would change for this River, in numbers of its own table. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import Tier
from riverkeeper.formats import span
from riverkeeper.look.finding import Certainty, Finding, ReportPart, join_names
from riverkeeper.look.now import RIVER_LIMIT, Present
from riverkeeper.verdict.tiers import tier_of

DEFAULT_PRIORITY = 1  # of a job that was inserted without a priority
FETCH_SECONDS = 1.0  # River's FetchPollInterval


def findings_ahead(present: Present, rescued: Mapping[str, float | None], policy: Policy) -> Iterator[Finding]:
    """`rescued`: kind -> median seconds from claim to rescue by River; None where the table does not have it."""
    yield from find_faster_rescues(rescued, policy)
    yield from find_kinds_over_the_limit(present)


def find_faster_rescues(rescued: Mapping[str, float | None], policy: Policy) -> Iterator[Finding]:
    """How soon the kinds that River rescued would have run again."""
    if not rescued:
        return
    tiers = [tier_of(policy, "default", kind, DEFAULT_PRIORITY) for kind in rescued]
    soon = {tier.name: seconds_to_retry(tier, policy.rescue.interval) for tier in tiers}
    known = [seconds for seconds in rescued.values() if seconds is not None]
    yield Finding(
        "heartbeats_would_help",
        ReportPart.AHEAD,
        f"With heartbeats, {join_names(rescued)} would have run again within {span(max(soon.values()))}"
        + (f" instead of {span(max(known))}" if known else ""),
        "; ".join(f"tier {name}: {span(seconds)} after the last beat" for name, seconds in sorted(soon.items())),
        Certainty.LIKELY,
        "Heartbeat timeout, rescue pass, fence and fetch, by the configuration of this command.",
        kinds=tuple(sorted(rescued)),
    )


def seconds_to_retry(tier: Tier, interval: float) -> float:
    """The most seconds from a worker's last beat until its job runs again; `interval`: of rescue passes."""
    return tier.heartbeat_timeout + interval + tier.fence + FETCH_SECONDS


def find_kinds_over_the_limit(present: Present) -> Iterator[Finding]:
    """Kinds with a completed job that ran longer than River's limit."""
    longest: dict[str, float] = {}
    for worked in present.worked:
        if worked.longest is not None and worked.longest > RIVER_LIMIT:
            longest[worked.kind] = max(worked.longest, longest.get(worked.kind, 0.0))
    if longest:
        yield Finding(
            "longer_than_the_limit",
            ReportPart.AHEAD,
            f"{join_names(longest)} may run longer than River's limit of {span(RIVER_LIMIT)}",
            "; ".join(f"{kind}: {span(seconds)}" for kind, seconds in sorted(longest.items())[:10]),
            Certainty.PROVEN,
            "River gives such a job to a second worker while the first still works, unless the worker's Timeout is set."
            " Set Timeout, and let heartbeats find dead workers.",
            kinds=tuple(sorted(longest)),
        )
