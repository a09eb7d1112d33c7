"""How long the runs of a kind usually take, learned from its completed runs by day. Pure.

Two windows count, all of `learned_limits.window` and its last two days, and the larger quantile wins: a kind that
became slower is believed within hours, a kind that became faster only when the window has passed. A limit that is too
large notices late, a limit that is too small calls healthy jobs stuck.

A run that was rescued for being over its limit never completed. Without it, limits would tighten by their own work. So
it is censored: it counts as a run that took longer than every run seen.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from riverkeeper.config.tiers import LearnedLimits
from riverkeeper.ledger.counts import EDGES, NO_DURATION, FoldResult
from riverkeeper.verdict.limits import Learned

DAY_SECONDS = 86400
KEEP_DAYS = 31  # the longest window, and today
RECENT_DAYS = 2  # today and yesterday, UTC: at night today alone would be nothing
RECENT_SECONDS = RECENT_DAYS * 86400.0


def day_number(moment: float) -> int:
    return math.floor(moment / DAY_SECONDS)


@dataclass(frozen=True, slots=True)
class DayRuns:
    """DayRuns of one day: kind -> fine bucket -> completed runs."""

    day: int = 0
    by_kind: Mapping[str, Mapping[int, int]] = field(default_factory=dict)


NO_DAY_RUNS = DayRuns()


def collect_runs(now: float, *parts: FoldResult) -> DayRuns:
    """What rose in a collection at `now`, of all queues. Kinds that were not distinguished are left out."""
    found: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for part in parts:
        for series, tally in part.risen.items():
            if series.measure == "run" and series.label == "completed" and not series.is_rest:
                found[series.kind].update({bucket: jobs for bucket, (jobs, _) in tally.buckets.items() if jobs > 0})
    for counts in found.values():
        counts.pop(NO_DURATION, None)
    return DayRuns(day_number(now), {kind: counts for kind, counts in found.items() if counts})


def encode_counts(counts: Mapping[int, int]) -> list[int]:
    """As they are stored: by position, up to the last one that is not 0."""
    return [counts.get(bucket, 0) for bucket in range(max(counts) + 1)]


def decode_counts(counts: Sequence[int]) -> dict[int, int]:
    return {bucket: jobs for bucket, jobs in enumerate(counts) if jobs}


@dataclass(frozen=True, slots=True)
class RunCounts:
    """Completed runs of one kind by fine bucket (ledger/counts.py), and runs that are censored for their age."""

    counts: Mapping[int, int]
    censored: int = 0

    @property
    def samples(self) -> int:
        return self.censored + sum(jobs for bucket, jobs in self.counts.items() if bucket != NO_DURATION)


NOTHING = RunCounts({})


def first_day(learning: LearnedLimits, now: float) -> int:
    """The first day of the window."""
    return day_number(now - learning.window)


@dataclass(frozen=True, slots=True)
class LearnedRuns:
    """What completed runs teach, by kind: limits, and the runs of the whole window."""

    limits: Mapping[str, Learned] = field(default_factory=dict)
    runs: Mapping[str, RunCounts] = field(default_factory=dict)


def learn_all(
    learning: LearnedLimits, now: float, runs: Iterable[DayRuns], censored: Mapping[int, Mapping[str, int]]
) -> LearnedRuns:
    """What each kind teaches at `now`; `censored`: runs that a rescue ended for their age, by day and kind."""
    first, recent = first_day(learning, now), day_number(now) - RECENT_DAYS + 1
    window: defaultdict[str, Counter[int]] = defaultdict(Counter)
    late: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for of_day in runs:
        for kind, counts in of_day.by_kind.items() if of_day.day >= first else ():
            window[kind].update(counts)
            if of_day.day >= recent:
                late[kind].update(counts)
    kinds = {kind for by_kind in censored.values() for kind in by_kind} | window.keys()
    known = {kind: RunCounts(window[kind], _sum_since(censored, kind, first)) for kind in kinds}
    found = {
        kind: learn(learning, of_kind, RunCounts(late[kind], _sum_since(censored, kind, recent)))
        for kind, of_kind in known.items()
    }
    return LearnedRuns({kind: learned for kind, learned in found.items() if learned is not None}, known)


def _sum_since(censored: Mapping[int, Mapping[str, int]], kind: str, since: int) -> int:
    return sum(kinds.get(kind, 0) for day, kinds in censored.items() if day >= since)


def learn(learning: LearnedLimits, window: RunCounts, recent: RunCounts = NOTHING) -> Learned | None:
    """The larger quantile of the window and its last days; None where nothing has completed.

    The last days count once they have `min_samples` of their own, for the quantile of a handful is its longest run.
    """
    if window.samples <= 0:
        return None
    quantiles = [(quantile_of(window, learning.quantile), learning.window)]
    if recent.samples >= learning.min_samples:
        quantiles.append((quantile_of(recent, learning.quantile), min(RECENT_SECONDS, learning.window)))
    seconds, span = max(quantiles, key=lambda quantile: quantile[0])
    return Learned(window.samples, learning.quantile, seconds, span, window.censored)


def quantile_of(past: RunCounts, quantile: float) -> float:
    """Seconds that this share of the runs did not exceed, to 10 %; inf above the last edge or among censored runs."""
    wanted, seen = quantile * past.samples, 0
    for bucket, jobs in sorted(past.counts.items()):
        if bucket == NO_DURATION:
            continue
        seen += jobs
        if seen > 0 and seen >= wanted:
            return _middle(bucket)
    return math.inf


def _middle(bucket: int) -> float:
    """The value of a bucket (a, b] that is off by less than 10 % wherever in it the truth lies."""
    if not 0 <= bucket < len(EDGES):
        return math.inf
    low, high = (EDGES[bucket - 1] if bucket else EDGES[0]), EDGES[bucket]
    return 2 * low * high / (low + high)
