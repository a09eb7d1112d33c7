"""Fine buckets inside, the page's buckets outside."""

from __future__ import annotations

import os
from collections import Counter
from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.simulated_river import find_bucket
from riverkeeper.ledger.counts import (
    EDGES,
    EDGES_MICROS,
    NO_DURATION,
    RUN_EDGES,
    WAIT_EDGES,
    export_counts,
)

pytestmark = pytest.mark.long  # many more examples
many = settings(max_examples=3000 if os.environ.get("RIVERKEEPER_TEST_LONG") else 100)

near_edges = st.builds(int.__add__, st.sampled_from(EDGES_MICROS), st.integers(-1, 1))
durations = st.integers(0, 2_000_000_000_000) | st.integers(0, 10_000) | near_edges


@pytest.mark.parametrize("edges", [RUN_EDGES, WAIT_EDGES])
def test_a_duration_at_an_edge_falls_in_it(edges: tuple[float, ...]) -> None:
    """`le` is inclusive, to the microsecond."""
    for number, edge in enumerate(edges):
        micros = round(edge * 1_000_000)
        at, above = (
            export_counts([(find_bucket(micros), 1)], edges),
            export_counts([(find_bucket(micros + 1), 1)], edges),
        )

        assert at.index(1) == number
        assert above.index(1) == number + 1


@many
@given(st.lists(durations), st.sampled_from([RUN_EDGES, WAIT_EDGES]))
def test_the_page_is_exact(micros: list[int], edges: tuple[float, ...]) -> None:
    """Counting in fine buckets first loses nothing on the page."""
    direct = [0] * (len(edges) + 1)
    for duration in micros:
        direct[sum(round(edge * 1_000_000) < duration for edge in edges)] += 1

    assert export_counts(Counter(map(find_bucket, micros)).items(), edges) == tuple(direct)


def test_jobs_without_a_duration_are_in_no_bucket_of_the_page() -> None:
    """They are counted as finished, never as having run for no time."""
    assert sum(export_counts([(NO_DURATION, 3), (0, 1)], RUN_EDGES)) == 1


@many
@given(durations.filter(lambda micros: EDGES_MICROS[0] < micros <= EDGES_MICROS[-1]))
def test_a_quantile_is_good_to_ten_per_cent(micros: int) -> None:
    """2ab / (a + b) of a bucket (a, b] is within 10 % of anything in it."""
    below, above = EDGES[find_bucket(micros) - 1], EDGES[find_bucket(micros)]
    middle = 2 * below * above / (below + above)

    assert abs(middle - micros / 1e6) <= 0.1 * micros / 1e6


def test_no_two_edges_are_further_apart_than_the_promise_allows() -> None:
    """(b - a) / (a + b) is the error of the bucket (a, b]: below 10 % for each."""
    assert all((above - below) / (above + below) < 0.1 for below, above in pairwise(EDGES))


def test_edges_are_what_is_stored() -> None:
    """The ledger stores positions in EDGES: to change them, migrate what is stored, and then this test."""
    assert tuple(sorted(set(EDGES))) == EDGES
    assert set(RUN_EDGES) | set(WAIT_EDGES) <= set(EDGES)
    assert [micros / 1_000_000 for micros in EDGES_MICROS] == list(EDGES)
    assert sha256(repr(EDGES_MICROS).encode()).hexdigest()[:16] == "ea64bb3a4b405a7f"
