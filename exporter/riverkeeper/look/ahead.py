"""What heartbeats would change here, in numbers of this very table. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import Tier
from riverkeeper.formats import span
from riverkeeper.look.finding import Certainty, Finding, Part, listed
from riverkeeper.look.now import RIVER_LIMIT, Present
from riverkeeper.verdict.tiers import tier_of

SUPERVISOR = 2.0  # seconds between two rescue passes, at most; rescue.interval
DEFAULT_PRIORITY = 1  # of a job that was inserted without one
FETCH = 1.0  # River's FetchPollInterval


def findings_ahead(present: Present, rescued: Mapping[str, float | None], policy: Policy) -> Iterator[Finding]:
    """`rescued`: kind -> median seconds that its rescued jobs stood still, None where that is not recorded."""
    yield from with_heartbeats(rescued, policy)
    yield from longer_than_the_limit(present)


def with_heartbeats(rescued: Mapping[str, float | None], policy: Policy) -> Iterator[Finding]:
    """How soon each kind that River rescued would have run again."""
    if not rescued:
        return
    tiers = [tier_of(policy, "default", kind, DEFAULT_PRIORITY) for kind in rescued]
    soon = {tier.name: back_after(tier) for tier in tiers}
    known = [seconds for seconds in rescued.values() if seconds is not None]
    yield Finding(
        "heartbeats_would_help",
        Part.AHEAD,
        f"With heartbeats, {listed(rescued)} would have run again within {span(max(soon.values()))}"
        + (f" instead of {span(max(known))}" if known else ""),
        "; ".join(f"tier {name}: {span(seconds)} after the last beat" for name, seconds in sorted(soon.items())),
        Certainty.LIKELY,
        "Timeout, rescue pass, fence and fetch, by the tiers of the configuration that is in force here.",
        kinds=tuple(sorted(rescued)),
    )


def back_after(tier: Tier) -> float:
    """Seconds from a worker's last beat until its job runs again, at worst."""
    return tier.heartbeat_timeout + SUPERVISOR + tier.fence + FETCH


def longer_than_the_limit(present: Present) -> Iterator[Finding]:
    """Kinds of which a completed job ran longer than River's limit."""
    longest: dict[str, float] = {}
    for one in present.worked:
        if one.longest is not None and one.longest > RIVER_LIMIT:
            longest[one.kind] = max(one.longest, longest.get(one.kind, 0.0))
    if longest:
        yield Finding(
            "longer_than_the_limit",
            Part.AHEAD,
            f"{listed(longest)} may run longer than River's limit of {span(RIVER_LIMIT)}",
            "; ".join(f"{kind}: {span(seconds)}" for kind, seconds in sorted(longest.items())[:10]),
            Certainty.PROVEN,
            "River gives such a job to a second worker while the first is at work, unless the worker's Timeout is set."
            " Set Timeout, and let heartbeats find the dead ones.",
            kinds=tuple(sorted(longest)),
        )
