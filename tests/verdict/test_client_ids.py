"""Which clients have a successor on their own host."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from riverkeeper.verdict.client_ids import find_succeeded, parse_client_id

OLD = "web-7d9f_2026_08_07T14_32_57_123456"
NEW = "web-7d9f_2026_08_07T15_00_00_000000"
START = 1_786_114_800.0  # of NEW


def test_rivers_names_hold_host_and_start() -> None:
    """The start is UTC; a host may hold underscores; any other name gives nothing."""
    assert parse_client_id(NEW) == ("web-7d9f", START)
    assert parse_client_id(OLD) == ("web-7d9f", START - 1623 + 0.123456)
    assert parse_client_id("a_b_2026_08_07T15_00_00_000000") == ("a_b", START)
    for other in ("", "worker-1", "_2026_08_07T15_00_00_000000", "web_2026_02_31T15_00_00_000000", f"{NEW} ",
                  "web_2026_08_07T15_00_00_00000", "web_٢٠٢٦_08_07T15_00_00_000000"):  # fmt: skip
        assert parse_client_id(other) is None


def test_a_client_is_suspect_once_its_successor_claims_and_it_does_not() -> None:
    """Since the start of the next one on its host; another host, and one that still claims, are nothing to suspect."""
    elsewhere = "other_2026_08_07T16_00_00_000000"

    assert find_succeeded({OLD: START - 60, NEW: START + 5, elsewhere: START + 4000}) == {OLD: START}
    assert find_succeeded({OLD: START + 1, NEW: START + 5}) == {}
    assert find_succeeded({OLD: START - 60}) == {}
    assert find_succeeded({OLD: None, NEW: START + 5}) == {}
    assert find_succeeded({"worker-1": START - 60, "worker-2": START}) == {}


@given(st.dictionaries(st.one_of(st.text(max_size=8), st.sampled_from([OLD, NEW])), st.none() | st.floats()))
def test_any_names_are_read(claims: dict[str, float | None]) -> None:
    """Users may name clients as they like."""
    assert find_succeeded(claims).keys() <= {OLD}
