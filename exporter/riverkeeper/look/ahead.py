"""What heartbeats would change for this River, in numbers of its own table. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Protocol

from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import Tier
from riverkeeper.formats import count_noun, span
from riverkeeper.look.finding import Certainty, Finding, ReportPart, join_names
from riverkeeper.look.lately import count_river_rescues, standstill_of
from riverkeeper.look.present import RIVER_LIMIT, Present
from riverkeeper.look.traces import JobTrace
from riverkeeper.verdict.tiers import tier_of

FETCH_SECONDS = 1.0  # River's FetchPollInterval
MOST_KINDS = 10  # in one sentence of evidence


class _Tiered(Protocol):
    """What decides the tier of a job."""

    @property
    def queue(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def priority(self) -> int: ...


def findings_ahead(present: Present, policy: Policy) -> Iterator[Finding]:
    """What would change with heartbeats."""
    yield from find_faster_rescues(present, policy)
    yield from find_kinds_over_the_limit(present)


def find_faster_rescues(present: Present, policy: Policy) -> Iterator[Finding]:
    """How soon the jobs that River rescued, and those whose worker is gone now, would have run again."""
    rescued = [job for job in present.traces.jobs if count_river_rescues(job)]
    jobs: list[_Tiered] = [*rescued, *present.gone_workers()]
    if not jobs:
        return
    soon: dict[str, float] = {}
    for job in jobs:
        tier = tier_of(policy, job.queue, job.kind, job.priority)
        soon[job.kind] = max(soon.get(job.kind, 0.0), seconds_to_retry(tier, policy.rescue.interval))
    stood = _seconds_stood(present, rescued)
    # A River with a limit of seconds may rescue sooner, and sometimes jobs that are fine.
    soon = {kind: seconds for kind, seconds in soon.items() if seconds < stood.get(kind, RIVER_LIMIT)}
    if not soon:
        return
    kinds = sorted(soon, key=lambda kind: (-stood.get(kind, 0.0), kind))
    more = f"; and {count_noun(len(kinds) - MOST_KINDS, 'kind')} more" if len(kinds) > MOST_KINDS else ""
    yield Finding(
        "heartbeats_would_help",
        ReportPart.AHEAD,
        f"With heartbeats, {join_names(soon)} would have run again within about {span(max(soon.values()))}"
        + (f" instead of {span(max(known))}" if (known := [stood[kind] for kind in soon if kind in stood]) else ""),
        "; ".join(
            f"{kind}: {span(soon[kind])}" + (f" instead of {span(stood[kind])}" if kind in stood else "")
            for kind in kinds[:MOST_KINDS]
        ) + more + ".",
        Certainty.LIKELY,
        "From the worker's last heartbeat: heartbeat timeout, rescue pass, fence and fetch, by the tiers of this"
        " command's configuration.",
        kinds=tuple(sorted(soon)),
    )  # fmt: skip


def _seconds_stood(present: Present, rescued: Sequence[JobTrace]) -> Mapping[str, float]:
    """Kind -> median seconds for which its jobs made no progress: until River's rescue, or until now."""
    stood: dict[str, list[float]] = {}
    for job in rescued:
        still = standstill_of(job)
        if still is not None and still.exact:
            stood.setdefault(job.kind, []).append(still.seconds)
    for running in present.gone_workers():
        stood.setdefault(running.kind, []).append(present.now - running.claimed_at)
    return {kind: median(times) for kind, times in stood.items()}


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
