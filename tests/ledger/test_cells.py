"""The fold counts every row that was ever read once."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riverkeeper.ledger.counts import NO_AMOUNT, NOTHING, Amount, CellKey, Series, Tally, add, fold, maximum

pytestmark = pytest.mark.long  # many more examples
many = settings(max_examples=3000 if os.environ.get("RIVERKEEPER_TEST_LONG") else 100)

BUCKETS = st.integers(-1, 3)
KEYS = [CellKey(slot, Series("run", "q", kind, "completed")) for slot in (7, 8) for kind in ("a", "b")]
amounts = st.tuples(st.integers(0, 4), st.integers(0, 9))
tallies = st.builds(Tally, st.dictionaries(BUCKETS, amounts, max_size=4), st.none() | st.floats(0, 9))
readings = st.lists(st.tuples(st.sampled_from(KEYS), tallies), max_size=8)


@dataclass(frozen=True)
class Row:
    """A finished job as readings number `since` up to, not including, `until` see it."""

    key: CellKey
    bucket: int
    micros: int
    since: int
    until: int


rows = st.builds(Row, st.sampled_from(KEYS), BUCKETS, st.integers(0, 9), st.integers(0, 5), st.integers(1, 7))


def seen(rows: list[Row], number: int) -> list[tuple[CellKey, Tally]]:
    """What reading `number` finds: one tally a cell, as the statement aggregates it."""
    found: dict[CellKey, Tally] = {}
    for row in rows:
        if row.since <= number < row.until:
            tally = Tally({row.bucket: (1, row.micros)})
            found[row.key] = found.get(row.key, NOTHING).plus(tally)
    return list(found.items())


def sum_of(amounts: Iterable[Amount]) -> Amount:
    return functools.reduce(add, amounts, NO_AMOUNT)


def summed(rows: list[Row]) -> dict[tuple[CellKey, int], Amount]:
    """The naive count."""
    total: dict[tuple[CellKey, int], Amount] = {}
    for row in rows:
        place = row.key, row.bucket
        total[place] = add(total.get(place, NO_AMOUNT), (1, row.micros))
    return total


def replaced(rows: list[Row]) -> set[tuple[CellKey, int]]:
    """Cells and buckets in which a row was seen for the first time after another one had gone."""
    return {
        (old.key, old.bucket)
        for old, new in itertools.permutations(rows, 2)
        if (old.key, old.bucket) == (new.key, new.bucket) and old.until <= new.since
    }


@many
@given(readings, readings)
def test_reading_again_changes_nothing(first: list[tuple[CellKey, Tally]], second: list[tuple[CellKey, Tally]]) -> None:
    """A reading that was folded once can be folded any number of times."""
    known = fold({}, first).cells
    known |= fold(known, second).cells

    assert fold(known, [*first, *second]) == ({}, {}, {})


@many
@given(st.lists(readings, max_size=4), st.randoms())
def test_the_order_of_readings_does_not_matter(found: list[list[tuple[CellKey, Tally]]], random: Random) -> None:
    """Replicas read at different moments and commit in any order: the cells end the same."""
    ends = []
    for order in (found, random.sample(found, len(found))):
        known: dict[CellKey, Tally] = {}
        for reading in order:
            known |= fold(known, reading).cells
        ends.append(known)

    assert ends[0] == ends[1]


@many
@given(readings, st.lists(readings, max_size=4))
def test_what_rose_is_what_the_cells_gained(
    first: list[tuple[CellKey, Tally]], rest: list[list[tuple[CellKey, Tally]]]
) -> None:
    """Totals are the sum of the cells at every moment, and no part of them ever falls."""
    known: dict[CellKey, Tally] = {}
    totals: dict[Series, Tally] = {}
    for reading in [first, *rest]:
        folded = fold(known, reading)
        known |= folded.cells
        for series, tally in folded.risen.items():
            assert all(min(amount) >= 0 for amount in tally.buckets.values())
            totals[series] = totals.get(series, NOTHING).plus(tally)
        assert sum(folded.rise.values()) == sum(tally.jobs for tally in folded.risen.values())

    for series, total in totals.items():
        cells = [tally for key, tally in known.items() if key.series == series]
        for bucket, amount in total.buckets.items():
            assert amount == sum_of(cell.buckets.get(bucket, NO_AMOUNT) for cell in cells)


@many
@given(st.lists(rows, max_size=10))
def test_every_row_that_was_read_is_counted_once(rows: list[Row]) -> None:
    """Rows come late and go away in between; only where one replaces another in cell and bucket, less is counted."""
    known: dict[CellKey, Tally] = {}
    for number in range(7):
        known |= fold(known, seen(rows, number)).cells
    read = [row for row in rows if row.since < row.until]
    counted = {(key, bucket): amount for key, tally in known.items() for bucket, amount in tally.buckets.items()}

    for place, naive in summed(read).items():
        if place in replaced(read):
            assert maximum(counted[place], naive) == naive
        else:
            assert counted[place] == naive
    assert counted.keys() == summed(read).keys()


def test_the_latest_moment_is_kept() -> None:
    """A cell's last moment never goes back, and an unknown one changes nothing."""
    key = KEYS[0]
    known = fold({}, [(key, Tally({0: (1, 1)}, 5.0))]).cells

    assert fold(known, [(key, Tally({}, 4.0)), (key, Tally({}, None))]).cells == {}
    assert fold(known, [(key, Tally({}, 6.0))]).cells[key] == Tally({0: (1, 1)}, 6.0)
