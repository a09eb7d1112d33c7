"""Completed runs by day and kind, of which limits are learnt. Pure."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from riverkeeper.ledger.buckets import NO_DURATION
from riverkeeper.ledger.cells import Folded
from riverkeeper.verdict.learned import RECENT_DAYS, Learned, Past, learn
from riverkeeper.verdict.tiers import Learning

DAY_SECONDS = 86400
KEEP_DAYS = 31  # the longest window, and today


def day_of(moment: float) -> int:
    return math.floor(moment / DAY_SECONDS)


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of one day: kind -> fine bucket -> completed runs."""

    day: int = 0
    by_kind: Mapping[str, Mapping[int, int]] = field(default_factory=dict)


NO_RUNS = Runs()


def runs_of(now: float, *parts: Folded) -> Runs:
    """What rose in a collection at `now`, of all queues. Kinds that were not told apart teach nothing."""
    found: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for part in parts:
        for series, tally in part.risen.items():
            if series.measure == "run" and series.label == "completed" and not series.is_rest:
                found[series.kind].update({bucket: jobs for bucket, (jobs, _, _) in tally.buckets.items() if jobs > 0})
    for counts in found.values():
        counts.pop(NO_DURATION, None)
    return Runs(day_of(now), {kind: counts for kind, counts in found.items() if counts})


def dense(counts: Mapping[int, int]) -> list[int]:
    """As they are stored: by position, up to the last one that is not 0."""
    return [counts.get(bucket, 0) for bucket in range(max(counts) + 1)]


def sparse(counts: Sequence[int]) -> dict[int, int]:
    return {bucket: jobs for bucket, jobs in enumerate(counts) if jobs}


def first_day(learning: Learning, now: float) -> int:
    """The first day of the window."""
    return day_of(now - learning.window)


def learned(
    learning: Learning, now: float, runs: Iterable[Runs], cut_off: Mapping[int, Mapping[str, int]]
) -> dict[str, Learned]:
    """What each kind's past teaches at `now`; `cut_off`: runs that were ended for their age, by day and kind."""
    first, recent = first_day(learning, now), day_of(now) - RECENT_DAYS + 1
    window: defaultdict[str, Counter[int]] = defaultdict(Counter)
    late: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for one in runs:
        for kind, counts in one.by_kind.items() if one.day >= first else ():
            window[kind].update(counts)
            if one.day >= recent:
                late[kind].update(counts)
    ended = {
        kind: _ended(cut_off, kind, first) for kind in {k for day in cut_off.values() for k in day} | window.keys()
    }
    found = {
        kind: learn(learning, Past(window[kind], ended[kind]), Past(late[kind], _ended(cut_off, kind, recent)))
        for kind in ended
    }
    return {kind: one for kind, one in found.items() if one is not None}


def _ended(cut_off: Mapping[int, Mapping[str, int]], kind: str, since: int) -> int:
    return sum(kinds.get(kind, 0) for day, kinds in cut_off.items() if day >= since)
