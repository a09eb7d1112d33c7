"""What a kind's own past says about how long its runs take, robust to change and to runs that never finished. Pure.

Two windows are looked at, all of `learned_limits.window` and today with yesterday, and the larger quantile counts: a
kind that became slower is believed within hours, one that became faster only when the window has passed. Too large a
limit notices late, too small a one calls healthy jobs stuck.

A run that was rescued for being over its budget never completed, and would otherwise be missing just where it
matters: limits would tighten by their own work. It counts as one that took longer than everything seen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from riverkeeper.ledger.buckets import EDGES, NO_DURATION
from riverkeeper.verdict.tiers import Learning

RECENT_DAYS = 2  # today and yesterday, UTC: at night today alone would be nothing
RECENT = RECENT_DAYS * 86400.0


@dataclass(frozen=True, slots=True)
class Past:
    """Completed runs of one kind by fine bucket (ledger/buckets.py), and runs that were cut off for their age."""

    counts: Mapping[int, int]
    cut_off: int = 0

    @property
    def samples(self) -> int:
        return self.cut_off + sum(jobs for bucket, jobs in self.counts.items() if bucket != NO_DURATION)


@dataclass(frozen=True, slots=True)
class Learned:
    """What history knows of a kind."""

    samples: int  # of the whole window, cut-off runs among them
    quantile: float  # which one: 0.99
    seconds: float  # its value, inf where it lies among the runs that were cut off
    window: float  # the span whose quantile is the larger, seconds
    cut_off: int = 0


NOTHING = Past({})


def learn(learning: Learning, window: Past, recent: Past = NOTHING) -> Learned | None:
    """The larger quantile of the window and its last days; None where nothing has completed.

    The last days count once they have `min_samples` of their own, for the quantile of a handful is its longest run.
    """
    if window.samples <= 0:
        return None
    over = [(quantile_of(window, learning.quantile), learning.window)]
    if recent.samples >= learning.min_samples:
        over.append((quantile_of(recent, learning.quantile), min(RECENT, learning.window)))
    seconds, span = max(over, key=lambda one: one[0])
    return Learned(window.samples, learning.quantile, seconds, span, window.cut_off)


def quantile_of(past: Past, quantile: float) -> float:
    """Seconds that this share of the runs did not exceed, to 10 %; inf above the last edge or among cut-off runs."""
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
