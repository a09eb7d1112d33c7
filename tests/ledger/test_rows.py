"""What is stored of a slot is what was seen in it."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riverkeeper.ledger.counts import EDGES_MICROS, NO_DURATION, CellKey, Series, Tally
from riverkeeper.ledger.store import decode_cells, encode_cells

pytestmark = pytest.mark.long  # many more examples
many = settings(max_examples=2000 if os.environ.get("RIVERKEEPER_TEST_LONG") else 100)

SLOT = 179_000_000
amounts = st.tuples(st.integers(0, 2**63), st.integers(0, 2**80))
buckets = st.dictionaries(st.integers(NO_DURATION, len(EDGES_MICROS)), amounts, max_size=4)
series = st.builds(Series, st.sampled_from(["run", "wait"]), st.text(), st.text(), st.text())
cells = st.dictionaries(series, st.builds(Tally, buckets, st.none() | st.floats(allow_nan=False)), max_size=4)


@many
@given(cells)
def test_a_slot_comes_back_as_it_was_stored(seen: dict[Series, Tally]) -> None:
    """Whatever users call their kinds, and to the last microsecond: a difference would be counted as jobs."""
    text = json.dumps(encode_cells(seen.items()))

    assert dict(decode_cells(SLOT, json.loads(text))) == {CellKey(SLOT, name): tally for name, tally in seen.items()}
