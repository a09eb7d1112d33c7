"""Which slots of finished jobs to read, and when. Pure.

The worker's clock writes finalized_at, and the row becomes visible when the worker's batch commits: usually within a
second, in trouble minutes later. So each step reads the slots around now. Then each slot is read again at fixed ages,
the last time when it is a whole late window old: by then every row that may still come is there. The progress holds,
for each of these visits, up to which slot it has been made; a visit that was missed is still due. Rows may wait in
workers for a database that is down, and then no step was made either: so after a gap between two steps, the age of
earlier slots counts from the end of the gap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from riverkeeper.ledger.counts import SLOT_SECONDS

NEAR_SECONDS = 30.0  # read at every step, back and ahead: a clock kept by NTP is off by less, a batch flushes in 0.25 s
VISITS = 4  # of each slot; progress stores one entry for each
GAP_SECONDS = 120.0  # a longer time between two steps is an outage
MOST_GAPS = 3  # more gaps in a row are no outages: steps are rare
LONGEST_SECONDS = 25 * 3600.0  # River keeps finished jobs for a day; older rows are gone
FUTURE_SECONDS = 24 * 3600.0  # how far ahead a first start looks for rows that are already there
KEEP_SLOTS = 60  # cells stay this much longer than they are read, for a clock that steps back
PRUNE_SLOTS = 30  # they are deleted every five minutes, not with every step
BATCH_SLOTS = 12  # due slots read by one statement


@dataclass(frozen=True, slots=True)
class ReadProgress:
    """How far the ledger has come; kept with it, equal for all replicas. Slots as in CellKey, database clock."""

    collected_at: float
    gaps: int  # in a row, up to the last step
    up_since: float  # the first step after the last gap
    read_to: tuple[int, ...]  # for each visit: slots below this one have had it
    pruned_to: int  # slots below this one are never read again: their cells are gone
    attempts_since: float | None = None  # entries of errors before it are counted or lost; None: never counted


def slot_of(moment: float) -> int:
    return math.floor(moment / SLOT_SECONDS)


def visit_ages(late_window: float) -> tuple[float, ...]:
    """How old (the end of) a slot is when it is visited: evenly by ratio, for most late rows are only a little late."""
    ratio = max(late_window / NEAR_SECONDS, 1.0)
    return tuple(NEAR_SECONDS * ratio ** (number / (VISITS - 1)) for number in range(VISITS))


def start(now: float, late_window: float, look_back: float) -> ReadProgress:
    """A ledger that begins at `now`: rows of the last `look_back` seconds are known, not counted."""
    first = slot_of(now - look_back)
    return ReadProgress(now, 0, now, tuple(max(first, slot_of(now - age)) for age in visit_ages(late_window)), first)


def is_out_of_reach(progress: ReadProgress, now: float) -> bool:
    """Whether the clock went back to slots that the ledger has forgotten, so that it has to start anew."""
    return slot_of(now) < progress.pruned_to


def begin_step(progress: ReadProgress, now: float, late_window: float) -> ReadProgress:
    """The progress with which a step at `now` begins."""
    oldest = slot_of(now - LONGEST_SECONDS)
    gaps = progress.gaps + 1 if now - progress.collected_at > GAP_SECONDS else 0
    return replace(
        progress,
        gaps=gaps,
        up_since=now if 0 < gaps <= MOST_GAPS else min(progress.up_since, now),
        read_to=tuple(  # a clock that stepped back makes the slots between due again
            min(max(done, oldest), slot_of(now - age))
            for done, age in zip(progress.read_to, visit_ages(late_window), strict=True)
        ),
    )


def recent_slots(progress: ReadProgress, now: float) -> range:
    """The slots that every step reads."""
    return range(max(slot_of(now - NEAR_SECONDS), progress.pruned_to), slot_of(now + NEAR_SECONDS) + 1)


def take_due_slots(progress: ReadProgress, now: float, late_window: float, most: int) -> tuple[list[int], ReadProgress]:
    """At most `most` due slots, slots that were never read first, and the progress once they are read."""
    slots: list[int] = []
    read_to: list[int] = []
    for number, age in enumerate(visit_ages(late_window)):
        begin = max(progress.read_to[number], progress.pruned_to)
        held = number > 0 and now - age < progress.up_since
        limit = begin if held else min(slot_of(now - age), *read_to, begin + most - len(slots))
        slots += range(begin, limit)
        read_to.append(max(progress.read_to[number], limit))
    return slots, replace(progress, read_to=tuple(read_to))


def batch_size(progress: ReadProgress, now: float) -> int:
    """How many due slots one step reads, so that a backlog shrinks however rare the steps are."""
    elapsed = max(now - progress.collected_at, 0.0)
    if progress.gaps <= MOST_GAPS:  # after an outage a backlog has time
        elapsed = min(elapsed, GAP_SECONDS)
    return max(BATCH_SLOTS, 2 * len(progress.read_to) * math.ceil(elapsed / SLOT_SECONDS))


def end_step(progress: ReadProgress, now: float) -> ReadProgress:
    """The progress after a step at `now`."""
    keep_from = (min(progress.read_to) - KEEP_SLOTS) // PRUNE_SLOTS * PRUNE_SLOTS
    return replace(progress, collected_at=now, pruned_to=max(progress.pruned_to, keep_from))
