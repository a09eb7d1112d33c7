"""What a collection changes: without a database, in the memory of one process."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riverkeeper.ledger import schedule
from riverkeeper.ledger.counts import CellKey, Series, Tally
from riverkeeper.ledger.ledger import Ledger
from riverkeeper.ledger.names import OTHER, Pair
from riverkeeper.ledger.store import MemoryStore
from riverkeeper.ledger.totals import find_finished
from riverkeeper.ledger.update import LedgerReading, Totals
from riverkeeper.postgres.transaction import Transaction

pytestmark = pytest.mark.long  # many more examples
many = settings(max_examples=1000 if os.environ.get("RIVERKEEPER_TEST_LONG") else 30)

NO_TX = cast(Transaction, None)  # memory asks nothing of it
NOW = 1_790_000_000.0
SLOT = schedule.slot_of(NOW)
MOST = 4


class Shop:
    """A ledger in memory that is handed its readings."""

    def __init__(self, max_pairs: int = MOST, *, begun: bool = True) -> None:
        self.ledger = Ledger(MemoryStore(), 600, max_pairs)
        self.now = NOW
        if begun:
            self.collect({}, baseline_to=SLOT + 9000)

    def reading(
        self, cells: dict[tuple[int, Pair], int], *, baseline_to: int = 0, late_before: int = 0
    ) -> LedgerReading:
        """`cells` is slot and pair -> jobs seen there."""
        before = self.ledger.store.peek(NO_TX).progress
        progress = before or schedule.start(self.now, 600, 600)
        found = tuple(
            (CellKey(slot, Series("run", *pair, "completed")), Tally({3: (jobs, 5 * jobs)}, self.now))
            for (slot, pair), jobs in cells.items()
        )
        fingerprints = {slot: jobs for (slot, _), jobs in cells.items()}
        after = replace(progress, collected_at=self.now)
        known = {slot: state.fingerprint for slot, state in self.ledger.store.slots(NO_TX, fingerprints).items()}
        known = {**dict.fromkeys(fingerprints, 0), **known}
        return LedgerReading(
            self.now, before, after, fingerprints, known, found, baseline_to, late_before, "server/1", {}
        )

    def settle(self, reading: LedgerReading, live: dict[Pair, int] | None = None) -> Totals:
        totals = self.ledger.settle(NO_TX, reading, live or {})
        self.ledger.remember_shown(totals)
        return totals

    def collect(self, cells: dict[tuple[int, Pair], int], *, baseline_to: int = 0, late_before: int = 0) -> Totals:
        self.now += 15
        return self.settle(self.reading(cells, baseline_to=baseline_to, late_before=late_before))


def jobs(totals: Totals) -> Counter[Pair]:
    """What the page shows: completed jobs by pair."""
    page = find_finished(totals, totals.names, durable=False)
    for pair in page.pairs:
        assert sum(pair.run.counts) == pair.outcomes["completed"]
    return Counter({(pair.queue, pair.kind): pair.outcomes["completed"] for pair in page.pairs})


A, B = ("q", "a"), ("q", "b")


def test_what_is_there_at_the_start_is_known_not_counted() -> None:
    """A first start counts from now on; when a kind last finished is exported all the same."""
    shop = Shop(begun=False)
    totals = shop.collect({(SLOT, A): 5}, baseline_to=SLOT + 1)

    assert jobs(totals) == {A: 0}
    assert [tally.last for tally in totals.series.values()] == [shop.now]
    assert jobs(shop.collect({(SLOT, A): 7})) == {A: 2}


def test_a_start_anew_counts_on_where_it_remembers() -> None:
    """The clock went back: older slots are looked at as at a first start, the others go on."""
    shop = Shop()
    shop.collect({(SLOT, A): 5})

    assert jobs(shop.collect({(SLOT, A): 6, (SLOT - 1, A): 100}, baseline_to=SLOT)) == {A: 6}


def test_a_new_epoch_forgets_counts_but_not_moments() -> None:
    """The counters begin at 0, rows that come with it count; a dead-man's switch must not fire for a failover."""
    shop = Shop()
    shop.collect({(SLOT, A): 5, (SLOT, B): 5}, late_before=SLOT + 1)
    shop.now += 15
    totals = shop.settle(replace(shop.reading({(SLOT, A): 6}), server="server/2"))

    assert (totals.epoch, totals.late_rows) == (2, 0)
    assert jobs(totals) == {A: 1, B: 0}
    assert [tally.last for tally in totals.series.values()] == [NOW + 45, NOW + 30]


def test_an_unknown_server_is_no_other_server() -> None:
    """A standby and a managed Postgres may not tell who they are."""
    shop = Shop()
    shop.collect({(SLOT, A): 5})

    assert shop.settle(replace(shop.reading({}), server=None)).epoch == 1
    assert shop.collect({}).epoch == 1


@pytest.mark.parametrize(
    "shown",
    [
        Tally({3: (6, 0)}),
        Tally({3: (5, 26)}),
        Tally({2: (1, 0)}),
    ],
)
def test_a_counter_that_was_shown_higher_begins_anew(shown: Tally) -> None:
    """A fall by 1 would be read as an increase of the whole counter: of any bucket or sum."""
    shop = Shop()
    totals = shop.collect({(SLOT, A): 5})
    shop.ledger.remember_shown(replace(totals, series={Series("run", *A, "completed"): shown}, stamp=-1))

    assert shop.collect({}).epoch == 2


def test_late_rows_that_were_shown_higher_begin_anew() -> None:
    """They are a counter too."""
    shop = Shop()
    shop.ledger.remember_shown(replace(shop.collect({}), late_rows=1, stamp=-1))

    assert shop.collect({}).epoch == 2


def test_what_another_ledger_has_shown_is_not_gone_on_from() -> None:
    """From a small count in memory up to a large one in the keeper schema would be read as that many jobs at once."""
    shop = Shop()
    shop.ledger.counted_elsewhere = True
    assert shop.collect({}).epoch == 1, "nothing counted there: no need"
    shop.ledger.counted_elsewhere = False
    shop.collect({(SLOT, A): 5})
    shop.ledger.counted_elsewhere = True

    assert shop.collect({}).epoch == 2
    assert shop.collect({}).epoch == 2


def test_a_forgotten_name_is_no_fall() -> None:
    """It is not shown any more; if it comes back it begins at 0."""
    shop = Shop(max_pairs=1)
    shop.collect({(SLOT, A): 5})
    shop.now += 7200
    gone = shop.collect({(SLOT + 720, B): 5})
    shop.now += 7200
    back = shop.collect({(SLOT + 1440, A): 2})

    assert [jobs(gone), jobs(back)] == [{B: 5}, {A: 2}]
    assert back.epoch == 1


def test_rows_found_when_a_slot_is_read_again_are_late() -> None:
    """Only those: not what is read for the first time."""
    shop = Shop()
    shop.collect({(SLOT, A): 5, (SLOT + 1, A): 5}, late_before=SLOT)
    totals = shop.collect({(SLOT, A): 7, (SLOT + 1, A): 8}, late_before=SLOT + 1)

    assert totals.late_rows == 2


def test_a_reading_from_before_the_ledger_was_begun_is_dropped() -> None:
    """Two replicas start at once, or somebody made the keeper schema anew: the next reading counts on from there."""
    shop = Shop(begun=False)
    late = shop.reading({(SLOT, A): 5}, baseline_to=SLOT + 1)
    shop.collect({(SLOT, A): 1}, baseline_to=SLOT + 1)
    shop.settle(late)

    assert jobs(shop.collect({(SLOT, A): 6})) == {A: 5}

    other = Shop(begun=False)
    assert other.settle(replace(late, baseline_to=0)).series == {}


def test_another_replicas_progress_stands() -> None:
    """Who commits second has folded what it read; how far the ledger has come is stored by the first."""
    shop = Shop()
    ours = shop.reading({(SLOT, A): 2})
    shop.collect({(SLOT, A): 1})
    between = shop.ledger.store.peek(NO_TX).progress

    assert jobs(shop.settle(ours)) == {A: 2}
    assert shop.ledger.store.peek(NO_TX).progress == between


def test_slots_that_were_forgotten_meanwhile_are_not_folded() -> None:
    """Their cells are gone: every row in them would look new."""
    shop = Shop()
    shop.collect({(SLOT, A): 5})
    ours = shop.reading({(SLOT, A): 5, (SLOT + 99, A): 1})
    store = cast(MemoryStore, shop.ledger.store)
    progress = replace(ours.progress, pruned_to=SLOT + 1)
    store._state = replace(store._state, progress=progress)
    store._slots.clear()

    assert jobs(shop.settle(ours)) == {A: 6}


kinds = st.integers(0, 7).map(lambda number: ("q" if number % 3 else "p", f"kind {number}"))
histories = st.lists(
    st.tuples(st.sampled_from([15.0, 1800.0, 4000.0]), st.dictionaries(kinds, st.integers(1, 3), max_size=6)),
    max_size=10,
)


@many
@given(histories)
def test_counters_rise_while_kinds_come_and_go(history: list[tuple[float, dict[Pair, int]]]) -> None:
    """Every job is counted under one name; an exported counter never falls while it is exported."""
    shop, before, slot = Shop(), Counter[Pair](), SLOT
    for elapsed, done in history:
        shop.now, slot = shop.now + elapsed, slot + 1
        totals = shop.collect({(slot, pair): jobs for pair, jobs in done.items()})
        now = jobs(totals)

        assert totals.epoch == 1
        assert all(now[pair] >= before[pair] for pair in before if pair in now)
        assert sum((now - before).values()) >= sum(done.values()), "those of names that went come on top"
        assert len(totals.names.pairs) <= MOST
        before = now


def test_thirty_thousand_kinds_fold_into_other() -> None:
    """Somebody wrote an id into the kind: as many series as the limit allows, and no job lost."""
    shop = Shop(max_pairs=1000)
    for slot in range(SLOT, SLOT + 10):
        totals = shop.collect({(slot, ("q", f"kind {slot} {number}")): 1 for number in range(3_000)})

    assert len(jobs(totals)) == 1001
    assert sum(jobs(totals).values()) == 30_000
    assert jobs(totals)["q", OTHER] == 29_000
