"""Numbers under the names they are exported by: folding changes labels, never totals."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.sample import FULL, NOW
from riverkeeper.ledger.names import NO_NAMES, OTHER, STICKY_SECONDS, Names, Pair, count_unnamed
from riverkeeper.metrics.cardinality import earliest, newest, recent_pairs, recent_queues, sum_samples
from riverkeeper.river.facts import Queue
from riverkeeper.scrape.scrape import Snapshot

QUEUES = st.sampled_from(["default", "bulk", "slow", OTHER])
PAIRS = st.tuples(QUEUES, st.sampled_from(["email", "report", OTHER]))
SEEN = st.floats(NOW - 2 * STICKY_SECONDS, NOW)


@st.composite
def names(draw: st.DrawFn) -> Names:
    """Names as they are kept: a pair has its queue among the queues."""
    pairs: dict[Pair, float] = draw(st.dictionaries(PAIRS, SEEN))
    queues = draw(st.dictionaries(QUEUES, SEEN))
    return Names(queues | {queue: seen for (queue, _), seen in pairs.items()}, pairs)


@given(names(), st.lists(st.tuples(PAIRS, st.integers(0, 9))))
def test_folding_loses_nothing(kept: Names, live: list[tuple[Pair, int]]) -> None:
    """The series of each queue add up to its jobs, those of the rest to the jobs of all other queues."""
    shown = dict(sum_samples((kept.pair(pair), jobs) for pair, jobs in live))
    shown_by_queue: Counter[str] = Counter()
    for (queue, _), value in shown.items():
        assert isinstance(value, float)
        shown_by_queue[queue] += int(value)
    by_queue: Counter[str] = Counter()
    for (queue, _), jobs in live:
        by_queue[kept.queue(queue)] += jobs

    assert shown_by_queue == by_queue


@given(names(), PAIRS)
def test_a_pair_keeps_its_queue_where_it_can(kept: Names, pair: Pair) -> None:
    """Its own name, or the rest of its queue, or the rest of all: in this order."""
    shown = kept.pair(pair)

    if pair in kept.pairs:
        assert shown == pair
    elif pair[0] in kept.queues:
        assert shown == (pair[0], OTHER)
    else:
        assert shown == (OTHER, OTHER)


@given(names(), st.lists(PAIRS))
def test_folded_counts_what_has_no_name(kept: Names, live: list[Pair]) -> None:
    """riverkeeper_folded_pairs is how many pairs a dashboard does not see by name."""
    assert count_unnamed(kept, live) == len([pair for pair in live if pair not in kept.pairs])


@given(names())
def test_recent_is_an_hour(kept: Names) -> None:
    """A name seen within the hour has its zeros, an older one has none."""
    assert kept.recent(NOW) == {pair for pair, seen in kept.pairs.items() if NOW - seen <= STICKY_SECONDS}
    assert kept.recent_queues(NOW) == {queue for queue, seen in kept.queues.items() if NOW - seen <= STICKY_SECONDS}


def test_nothing_is_known_without_names() -> None:
    """Before the first reading everything is `other`, and nothing has zeros."""
    assert NO_NAMES.pair(("a", "b")) == (OTHER, OTHER)
    assert recent_pairs(Snapshot(up=False, taken_at=NOW)) == frozenset()
    assert recent_queues(Snapshot(up=False, taken_at=NOW)) == []


def test_a_queue_with_a_row_has_zeros_however_old() -> None:
    """River keeps a row while a client works the queue, so an idle queue is still a queue."""
    old = Names({"default": NOW - 9_999, "gone": NOW - 9_999}, {})
    snapshot = replace(FULL, names=old, queues=(Queue("default", False, NOW), Queue("never seen", False, NOW)))

    assert recent_queues(snapshot) == ["default"]


def test_sums_have_the_zeros_they_are_given() -> None:
    """A zero stands where nothing was counted, and never replaces a count."""
    shown = dict(sum_samples([(("a",), 2), (("a",), 3)], zeros=[("a",), ("b",)]))

    assert shown == {("a",): 5.0, ("b",): 0.0}


@pytest.mark.parametrize(("which", "expected"), [(earliest, 1.0), (newest, 7.0)])
def test_moments_that_are_none_or_infinite_are_left_out(which: object, expected: float) -> None:
    """One job without a moment does not take it from the others; a name with none has no sample."""
    moments = [(("a",), 7.0), (("a",), None), (("a",), float("inf")), (("a",), float("-inf")), (("a",), 1.0)]
    shown = dict(which([*moments, (("b",), None), (("c",), float("inf"))]))  # type: ignore[operator]

    assert shown == {("a",): expected}
