"""Every slot is read when it should be, whatever clocks and outages do, and never once it is forgotten."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from random import Random
from types import SimpleNamespace
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from riverkeeper.ledger import schedule
from riverkeeper.ledger.counts import SLOT_SECONDS
from riverkeeper.ledger.schedule import ReadProgress, slot_of
from riverkeeper.ledger.store import state_from_row

pytestmark = pytest.mark.long  # many more examples
LONG = bool(os.environ.get("RIVERKEEPER_TEST_LONG"))
many = settings(max_examples=1000 if LONG else 10)

START = 1_790_000_003.0
LATE = 600.0


class Read(NamedTuple):
    """When a slot was read, and since when there had been no gap."""

    at: float
    up_since: float


@dataclass
class Watch:
    """A ledger without a database: what it reads, and what it has forgotten."""

    late_window: float = LATE
    batches: int = 0  # beyond what is due anyway: the time there is for a backlog
    now: float = START
    progress: ReadProgress = field(init=False)
    reads: dict[int, list[Read]] = field(default_factory=lambda: defaultdict(list))
    begun: int = 0  # how often it had to begin anew
    collections: int = 0

    def __post_init__(self) -> None:
        self._begin()

    def collect(self, elapsed: float) -> None:
        """One collection, as Ledger.read does it."""
        self.now, self.collections = self.now + elapsed, self.collections + 1
        assert self.collections < 50_000, "it never catches up"
        if schedule.is_out_of_reach(self.progress, self.now):
            self.begun += 1
            self._begin()
            return
        before = self.progress
        progress = schedule.begin_step(before, self.now, self.late_window)
        slots, progress = schedule.take_due_slots(
            progress, self.now, self.late_window, schedule.batch_size(progress, self.now)
        )
        near = schedule.recent_slots(progress, self.now)
        for _ in range(self.batches):
            more, progress = schedule.take_due_slots(progress, self.now, self.late_window, schedule.BATCH_SLOTS)
            slots += more
        self.progress = stored(schedule.end_step(progress, self.now))
        assert near
        for slot in {*near, *slots}:
            assert slot >= before.pruned_to, "a slot was read whose cells are gone"
            self.reads[slot].append(Read(self.now, progress.up_since))
        assert self.progress.pruned_to >= before.pruned_to

    def behind(self) -> bool:
        """Whether slots are due that were not read for want of time."""
        progress = schedule.begin_step(self.progress, self.now, self.late_window)
        return bool(schedule.take_due_slots(progress, self.now, self.late_window, 1)[0])

    def _begin(self) -> None:
        self.progress = schedule.start(self.now, self.late_window, self.late_window)


def stored(progress: ReadProgress) -> ReadProgress:
    """Through the store and back."""
    row = SimpleNamespace(epoch=1, server=None, late_rows=0, stamp=0, progress=json.loads(json.dumps(asdict(progress))))
    assert state_from_row(row).progress == progress
    return progress


def ended(slot: int) -> float:
    return (slot + 1.0) * SLOT_SECONDS


usual = st.sampled_from([2.0, 5.0, 15.0, 30.0, 60.0, 300.0])
outages = st.sampled_from([0.0, 300.0, 500.0, 3600.0, 30_000.0])


@many
@given(usual, st.integers(), st.sampled_from([120.0, LATE]))
def test_every_slot_is_visited_at_every_age(interval: float, seed: int, late_window: float) -> None:
    """Each slot is read in the first collection after it reached each age; the last age is the late window."""
    watch, random = Watch(late_window, batches=20), Random(seed)
    while watch.now < START + 2 * late_window + 20 * interval:
        watch.collect(interval * random.uniform(0.9, 1.1))

    for slot in range(slot_of(watch.progress.up_since), slot_of(watch.now - late_window - 2 * interval)):
        for age in schedule.visit_ages(late_window):
            due = max(ended(slot) + age, watch.progress.up_since + age)
            assert any(due <= read.at <= due + 1.1 * interval for read in watch.reads[slot]), (slot, age)


@many
@given(st.lists(st.tuples(usual, outages), min_size=1, max_size=3), st.integers(0, 3), st.integers(0, 4))
def test_after_an_outage_every_slot_stays_open_for_a_late_window_of_uptime(
    history: list[tuple[float, float]], batches: int, between: int
) -> None:
    """Rows waited in workers for the database: a slot is read again when the gap is a late window past."""
    watch = Watch(batches=batches)
    for interval, outage in history:
        for _ in range(between):
            watch.collect(interval)
        watch.collect(interval + outage)
    while watch.behind() or watch.now < watch.progress.up_since + 2 * LATE:
        watch.collect(15)

    for slot in range(slot_of(START), slot_of(watch.now - LATE - 15)):
        known = [read for read in watch.reads[slot] if read.at >= max(ended(slot), read.up_since) + LATE]
        assert known or ended(slot) < watch.now - schedule.LONGEST_SECONDS, slot


@many
@given(
    st.lists(
        st.sampled_from([5.0, 15.0, 60.0, 299.0, 3600.0, 86_400.0, -1.0, -200.0, -500.0, -1000.0, -3600.0, -86_400.0]),
        min_size=5,
        max_size=60,
    ),
    st.integers(0, 3),
)
def test_a_slot_whose_cells_are_gone_is_never_read(steps: list[float], batches: int) -> None:
    """The clock steps back and forth: what was counted and forgotten would be counted twice. Watch.collect checks."""
    watch = Watch(batches=batches)
    for step in steps:
        watch.collect(step)


@pytest.mark.parametrize("back", [*range(0, 60, 6), *range(60, 700, 60)])
def test_at_the_edge_of_what_is_remembered_nothing_below_is_read(back: int) -> None:
    """The clock steps back to just above the slots whose cells are gone, and goes on from there."""
    watch = Watch()
    for _ in range(200):
        watch.collect(15)
    edge = watch.progress.pruned_to * SLOT_SECONDS
    watch.collect(edge + back - watch.now)
    for _ in range(80):
        watch.collect(15)

    assert watch.begun == 0


@many
@example(900.0, 90, 15.0)
@example(900.0, 30, 300.0)
@given(st.sampled_from([900.0, 3600.0, 86_400.0, 70 * 365 * 86_400.0]), st.sampled_from([1, 30, 90]), usual)
def test_a_clock_that_was_wrong_and_is_right_again_does_not_stop_the_count(
    ahead: float, collections: int, interval: float
) -> None:
    """However far it jumped: once it is back, every slot from now on gets all its visits."""
    watch = Watch(batches=3)
    watch.collect(ahead)
    for _ in range(collections):
        watch.collect(interval)
    watch.collect(-ahead)
    back = watch.now
    while watch.now < back + 2 * LATE + 3 * interval:
        watch.collect(interval)

    for slot in range(slot_of(back), slot_of(watch.now - LATE - 2 * interval)):
        assert any(read.at >= max(back, ended(slot)) + LATE for read in watch.reads[slot])


@many
@given(usual)
def test_a_backlog_shrinks_however_little_time_there_is(interval: float) -> None:
    """With no time beyond what is due, some hours away are made good in as many hours."""
    watch = Watch()
    watch.collect(interval)
    watch.collect(20_000)
    back = watch.now
    watch.collect(interval)
    while watch.behind():
        watch.collect(interval)

    assert watch.now - back < 20_000 + 10 * interval


@many
@given(st.lists(st.tuples(usual, outages), min_size=1, max_size=5))
def test_the_memory_is_bounded(history: list[tuple[float, float]]) -> None:
    """In quiet times no more slots are kept than the late window and the time for a clock that steps back."""
    watch = Watch(batches=3)
    for interval, outage in history:
        watch.collect(interval + outage)
    while watch.behind() or watch.now < watch.progress.up_since + 2 * LATE:
        watch.collect(15)

    kept = slot_of(watch.now) - watch.progress.pruned_to
    assert kept <= LATE // SLOT_SECONDS + schedule.KEEP_SLOTS + schedule.PRUNE_SLOTS + 4


@many
@given(st.sampled_from([400.0, 900.0, 3600.0]))
def test_a_ledger_that_is_read_seldom_visits_all_slots(interval: float) -> None:
    """Every interval looks like an outage: after some of them it is none, and late rows are counted again."""
    watch = Watch(batches=20)
    while watch.now < START + 10 * LATE + 10 * interval:
        watch.collect(interval)

    for slot in range(slot_of(START + 4 * interval), slot_of(watch.now - LATE - 2 * interval)):
        assert any(read.at >= ended(slot) + LATE for read in watch.reads[slot])


def test_a_short_look_back_at_the_start_is_all_that_is_ever_read() -> None:
    """Where the first reading had to be short, older slots hold jobs that were neither known nor counted."""
    progress = schedule.start(START, LATE, 120)

    assert progress.pruned_to == slot_of(START - 120)
    assert min(progress.read_to) >= progress.pruned_to
