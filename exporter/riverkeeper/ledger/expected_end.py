"""When a running job is expected to end: by its own progress, else by how long other runs of its kind took. Pure.

A job that reports progress is expected to go on at the speed that it had since its claim. The range begins with that
speed, and ends with a job that has done nothing since its last report.

A job that reports none is compared with the runs of its kind that took longer than it has run by now: after an hour,
runs of ten minutes show nothing about it. Where both are missing, the end is unknown: it is never guessed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from riverkeeper.ledger.counts import EDGES, NO_DURATION
from riverkeeper.ledger.learned_limits import RunCounts, quantile_of
from riverkeeper.verdict.job import RunningJob

LEAST_RUNS = 10  # of fewer runs the range is the shortest and the longest of them
LEAST_PROGRESS = 0.01  # below one percent a rounded report is mostly rounding
ROUNDING = 0.005  # clients report whole percents, so a report is off by half of one
LOW, HIGH = 0.1, 0.9  # the range holds eight of ten runs


class Basis(StrEnum):
    """What an expected end is made of."""

    PROGRESS = "progress"
    HISTORY = "history"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ExpectedEnd:
    """Unix seconds of the database's clock; None: unknown. `why` is a sentence without a full stop."""

    basis: Basis
    why: str
    at: float | None = None
    earliest: float | None = None
    latest: float | None = None  # None: the range has no end that is known


def expect_end(job: RunningJob, past: RunCounts | None, now: float, *, resumed: bool = False) -> ExpectedEnd:
    """The expected end of a job that goes on; `past`: the completed runs of its kind.

    `resumed`: this claim began from a checkpoint. Then neither its speed is known, nor do whole runs compare.
    """
    if resumed:
        return ExpectedEnd(Basis.NONE, "it resumed from a checkpoint, so its progress did not begin at 0")
    age = now - job.held_since
    if not math.isfinite(age):
        return ExpectedEnd(Basis.NONE, "its claim has no moment")
    return _by_progress(job, now) or _by_history(job.held_since, max(age, 0.0), past, now)


def _by_progress(job: RunningJob, now: float) -> ExpectedEnd | None:
    beat = job.beat
    if beat is None or beat.progress is None or beat.progress_at is None or beat.progress < LEAST_PROGRESS:
        return None
    if beat.progress >= 1:
        return ExpectedEnd(Basis.PROGRESS, "it reports 100 %, and has not ended")
    took = min(beat.progress_at, now) - job.held_since
    if took <= 0:  # the report and the claim are by two clocks, or the job resumed at once
        return None
    least, most = beat.progress - ROUNDING, min(beat.progress + ROUNDING, 1.0)
    at = job.held_since + took / beat.progress
    return ExpectedEnd(
        Basis.PROGRESS,
        "at the speed it had so far" if at >= now else "at the speed it had so far it would have ended by now",
        at=max(at, now),
        earliest=max(job.held_since + took / most, now),
        latest=now + took * (1 - least) / least,
    )


def _by_history(claimed_at: float, age: float, past: RunCounts | None, now: float) -> ExpectedEnd:
    if past is None or past.samples == 0:
        return ExpectedEnd(Basis.NONE, "it reports no progress, and no completed run of its kind is known")
    longer = _longer_than(past, age)
    if longer.samples < LEAST_RUNS:
        few = f"{longer.samples} of the {past.samples:,} known runs of its kind took longer than it has run"
        return ExpectedEnd(Basis.NONE, f"it reports no progress, and only {few}")
    median, high = quantile_of(longer, 0.5), quantile_of(longer, HIGH)
    if math.isinf(median):
        return ExpectedEnd(Basis.NONE, "most runs of its kind that took as long were ended for their age")
    return ExpectedEnd(
        Basis.HISTORY,
        f"as {longer.samples:,} completed runs of its kind that took longer than it has run",
        at=max(claimed_at + median, now),
        earliest=max(claimed_at + quantile_of(longer, LOW), now),
        latest=None if math.isinf(high) else max(claimed_at + high, now),
    )


def _longer_than(past: RunCounts, age: float) -> RunCounts:
    """The runs that took longer than `age`, to 10 %; the censored ones did."""
    counts = {
        bucket: jobs
        for bucket, jobs in past.counts.items()
        if bucket != NO_DURATION and (bucket >= len(EDGES) or EDGES[bucket] > age)
    }
    return RunCounts(counts, past.censored)
