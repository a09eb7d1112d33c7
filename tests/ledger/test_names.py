"""Which queues and kinds have a name of their own."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riverkeeper.ledger.names import (
    FORGET_SECONDS,
    MAX_QUEUES,
    NO_NAMES,
    OTHER,
    SEEN_SECONDS,
    STICKY_SECONDS,
    Names,
    Pair,
    count_unnamed,
    keep,
)

pytestmark = pytest.mark.long  # many more examples
many = settings(max_examples=1000 if os.environ.get("RIVERKEEPER_TEST_LONG") else 50)

NOW = 1_790_000_000.0
MOST = 5
pairs = st.tuples(st.sampled_from("pqr"), st.sampled_from("abcdefg"))
steps = st.lists(
    st.tuples(
        st.sampled_from([1.0, 60.0, STICKY_SECONDS / 2, 2.0 * STICKY_SECONDS, FORGET_SECONDS]),
        st.dictionaries(pairs, st.integers(1, 5), max_size=6),
        st.dictionaries(pairs, st.floats(0, 2.0 * STICKY_SECONDS), max_size=6),
    ),
    max_size=12,
)


@many
@given(steps)
def test_names_are_bounded_and_stay_while_they_are_in_use(
    history: list[tuple[float, dict[Pair, int], dict[Pair, float]]],
) -> None:
    """Never more than the limit; a name seen within the hour is never taken away, however many others come."""
    names, now = NO_NAMES, NOW
    for elapsed, live, finished in history:
        now += elapsed
        before, names = names, keep(names, live, {pair: now - ago for pair, ago in finished.items()}, now, MOST)

        assert len(names.pairs) <= MOST
        assert {pair for pair, seen in before.pairs.items() if seen >= now - STICKY_SECONDS} <= names.pairs.keys()
        assert {pair[0] for pair in names.pairs} <= names.queues.keys()
        assert all(names.pairs[pair] >= now - SEEN_SECONDS for pair in live.keys() & names.pairs.keys())
        if len(names.pairs) < MOST:
            assert live.keys() | finished.keys() <= names.pairs.keys()


def test_queues_are_bounded_too() -> None:
    """A user who makes a queue for each customer gets 200 of them by name."""
    live = {(f"queue {number}", "kind"): 1 for number in range(MAX_QUEUES + 50)}
    names = keep(NO_NAMES, live, {}, NOW, 1000)

    assert len(names.queues) == MAX_QUEUES
    assert names.pair(("queue 99", "kind")) == (OTHER, OTHER)
    assert count_unnamed(names, live) == 50


def test_those_with_most_live_jobs_are_named_first() -> None:
    """Then those that finished last: what is busy now is what one looks for."""
    live = {("q", "busy"): 9, ("q", "calm"): 1}
    finished = {("q", "old"): NOW - 50, ("q", "new"): NOW - 5}

    assert keep(NO_NAMES, live, finished, NOW, 3).pairs.keys() == {("q", "busy"), ("q", "calm"), ("q", "new")}


def test_a_newcomer_takes_the_place_of_the_one_idle_longest() -> None:
    """Only after its hour, and only when there is no room."""
    names = Names({"q": NOW}, {("q", "idle"): NOW - 3601, ("q", "idler"): NOW - 9000, ("q", "busy"): NOW - 3599})

    assert keep(names, {("q", "new"): 1}, {}, NOW, 3).pairs.keys() == {("q", "idle"), ("q", "busy"), ("q", "new")}
    assert len(keep(names, {("q", "new"): 1}, {}, NOW, 4).pairs) == 4


def test_a_name_that_nobody_uses_is_forgotten_after_a_month() -> None:
    """A yearly report is rare; a kind that is gone from the code should not stay for ever."""
    names = Names({"q": NOW}, {("q", "kind"): NOW - FORGET_SECONDS - 1, ("q", "yearly"): NOW - FORGET_SECONDS + 1})

    assert keep(names, {}, {}, NOW, 9).pairs.keys() == {("q", "yearly")}
    assert len(keep(names, {("q", "kind"): 1}, {}, NOW, 9).pairs) == 2


def test_seen_is_stored_to_the_minute() -> None:
    """Each change is written to the database, at every scrape, for every name: only where it matters."""
    names = Names({"q": NOW}, {("q", "kind"): NOW})

    assert keep(names, {("q", "kind"): 1}, {}, NOW + SEEN_SECONDS, 9) == names
    assert keep(names, {("q", "kind"): 1}, {}, NOW + SEEN_SECONDS + 1, 9).pairs == {("q", "kind"): NOW + 61}


def test_other_is_nobodys_own_name() -> None:
    """A kind that users call "other" is counted with the rest: a name that comes and goes would take it along."""
    names = keep(NO_NAMES, {("q", OTHER): 9, (OTHER, "kind"): 9, ("q", "kind"): 1}, {}, NOW, 9)

    assert names.pairs.keys() == {("q", "kind")}
    assert names.pair(("q", OTHER)) == ("q", OTHER)
    assert names.pair((OTHER, "kind")) == (OTHER, OTHER)


def test_fewer_names_after_a_reload_keep_the_latest() -> None:
    """`max_pairs` was lowered: those seen last stay."""
    names = Names({"q": NOW}, {("q", str(number)): NOW - number for number in range(10)})

    assert keep(names, {}, {}, NOW, 2).pairs.keys() == {("q", "0"), ("q", "1")}
