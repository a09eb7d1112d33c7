"""How much of a queue a reading looks at: never more than its budget, and all of what is short."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from riverkeeper.river.bounds import (
    COUNT_BUDGET,
    FIRST_BUDGET,
    FIRST_COUNT,
    FIRST_LEAST,
    KIND_BUDGET,
    KIND_EXACT,
    SAMPLE_BUDGET,
    first_count,
    kind_bounds,
    second_count,
    spread,
)

PARTS = st.dictionaries(st.integers(), st.integers(1, 10_000_000), max_size=300)


@given(st.integers(0, 8_000))
def test_the_first_count_stays_within_its_budget(partitions: int) -> None:
    """However many parts a queue has, their first count reads a bounded number of index entries."""
    entries = first_count(partitions) * partitions

    assert entries <= max(FIRST_BUDGET, FIRST_LEAST * partitions)
    assert first_count(partitions) <= FIRST_COUNT


@given(st.integers(1, 8_000), st.integers(1, FIRST_COUNT))
def test_a_second_count_goes_twice_as_far_or_is_not_worth_it(longer: int, first: int) -> None:
    """The longer parts share one budget; with too many of them nothing is counted again."""
    bound = second_count(longer, first)

    assert bound == first or (bound >= 2 * first and bound * longer <= COUNT_BUDGET)


def test_an_ordinary_shop_is_counted() -> None:
    """Forty parts are counted to a thousand each, and one long one among them to fifty thousand."""
    assert first_count(40) == FIRST_COUNT
    assert second_count(1, FIRST_COUNT) == COUNT_BUDGET


@given(PARTS)
def test_rows_read_for_their_kinds_stay_within_the_budgets(counts: dict[int, int]) -> None:
    """All rows of short parts, one more to see that it grew meanwhile, and a sample of each long one."""
    bounds = kind_bounds(counts)
    exact = [key for key in counts if bounds[key] == counts[key] + 1]
    rest = counts.keys() - set(exact)

    assert bounds.keys() == counts.keys()
    assert sum(counts[key] for key in exact) <= KIND_BUDGET
    assert sum(bounds[key] for key in rest) <= max(SAMPLE_BUDGET, len(rest))


def test_short_parts_come_before_long_ones() -> None:
    """One queue that is too long does not take the kinds of the others away."""
    bounds = kind_bounds({"long": KIND_EXACT + 1, "short": 3})

    assert bounds["short"] == 4
    assert bounds["long"] < KIND_EXACT


@given(PARTS, st.floats(-1e6, 1e12))
def test_an_estimate_is_never_below_what_was_counted(least: dict[int, int], total: float) -> None:
    """However wrong the planner is, and whatever the weights: each part holds at least what was seen in it."""
    shares = spread(total, least, {key: float(key % 7) for key in least})

    assert shares.keys() == least.keys()
    assert all(shares[key] >= least[key] for key in least)


def test_the_total_is_spread_by_weight() -> None:
    """A part whose share is less than was counted keeps its count, and the others share the rest."""
    assert spread(1000, {"a": 10, "b": 10}, {"a": 3.0, "b": 1.0}) == {"a": 750, "b": 250}
    assert spread(1000, {"a": 10, "b": 10, "c": 500}, {"a": 3.0, "b": 1.0, "c": 1.0}) == {"a": 375, "b": 125, "c": 500}
