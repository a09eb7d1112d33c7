"""What one reading found of running jobs: which are stuck, against which limits. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from riverkeeper.verdict.verdict import Limit, StuckJob
from riverkeeper.verdict.words import LimitName


@dataclass(frozen=True, slots=True)
class LimitInForce:
    """A limit of one kind in one tier; kind is "" where it holds for all kinds (wait)."""

    kind: str
    tier: str
    limit: Limit


@dataclass(frozen=True, slots=True)
class LimitUsed:
    """The worst present value of a queue's jobs of one kind and tier, as a share of its limit: 1 = at the limit."""

    queue: str
    kind: str  # "" for wait
    tier: str
    limit: LimitName
    ratio: float


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdicts of one reading. Jobs that are ok or unknown are only counted (RunningPair)."""

    stuck: tuple[StuckJob, ...]  # longest past its limit first; bounded, `complete` says whether these are all
    counts: Mapping[tuple[str, str, str, str], int]  # (queue, kind, tier, reason) -> jobs
    limits: tuple[LimitInForce, ...]
    used: tuple[LimitUsed, ...]
    raised: frozenset[tuple[str, str]]  # (tier, limit) that clients' declared intervals or leases have raised
    path_ok_since: float | None  # silence counts from then on; None: no way of a beat is proven, nobody is lost
    complete: bool = True
    suspected: tuple[StuckJob, ...] = ()  # may be stuck; their verdicts say which evidence is missing
    suspected_counts: Mapping[tuple[str, str, str, str], int] = field(default_factory=dict)
