"""Which clients have a successor on their own host."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverkeeper.verdict.client_ids import ClaimTimes, ClientId, Runtime, find_succeeded, parse_client_id

OLD = "web-7d9f_2026_08_07T14_32_57_123456"
NEW = "web-7d9f_2026_08_07T15_00_00_000000"
START = 1_786_114_800.0  # of NEW


RUST = f"{NEW}_ce340fe4"
JAVA = "java-0b9d3a52-4c1e-4f5e-9a43-2f1f6d1a7c10"
RUBY = "web-7d9f-1-a1b2c3d4e5f6"


def test_the_ids_of_four_runtimes_are_read() -> None:
    """The start is UTC; a host may hold underscores and dashes. The form of Java holds nothing but the runtime."""
    assert parse_client_id(NEW) == ClientId(Runtime.GO, "web-7d9f", START)
    assert parse_client_id(OLD) == ClientId(Runtime.GO, "web-7d9f", START - 1623 + 0.123456)
    assert parse_client_id("a_b_2026_08_07T15_00_00_000000") == ClientId(Runtime.GO, "a_b", START)
    assert parse_client_id(RUST) == ClientId(Runtime.RUST, "web-7d9f", START)
    assert parse_client_id(RUBY) == ClientId(Runtime.RUBY, "web-7d9f", pid=1)
    assert parse_client_id("a-b-31337-a1b2c3d4e5f6") == ClientId(Runtime.RUBY, "a-b", pid=31337)
    assert parse_client_id(JAVA) == ClientId(Runtime.JAVA)


@pytest.mark.parametrize(
    "name",
    [
        "", "worker-1", "_2026_08_07T15_00_00_000000", "web_2026_02_31T15_00_00_000000", f"{NEW} ",
        "web_2026_08_07T15_00_00_00000", "web_٢٠٢٦_08_07T15_00_00_000000", f"{NEW}_CE340FE4", f"{NEW}_ce340fe",
        JAVA.upper(), JAVA[:-1], f"java-{JAVA}x", "0b9d3a52-4c1e-4f5e-9a43-2f1f6d1a7c10", "web-a1b2c3d4e5f6",
        "web-1-a1b2c3d4e5f", "web-1-A1B2C3D4E5F6", "-1-a1b2c3d4e5f6", "web-x1-a1b2c3d4e5f6",
        "web-12345678901-a1b2c3d4e5f6",
    ],
)  # fmt: skip
def test_any_other_id_is_unknown(name: str) -> None:
    """No part of it is guessed."""
    assert parse_client_id(name) is None


def between(first: float | None, last: float | None) -> ClaimTimes:
    return ClaimTimes(first, last)


def test_a_client_is_suspect_once_its_successor_claims_and_it_does_not() -> None:
    """Since the start of the next one on its host; another host, and one that still claims, are nothing to suspect."""
    elsewhere = "other_2026_08_07T16_00_00_000000"
    new, old = between(START + 5, START + 5), between(START - 900, START - 60)

    assert find_succeeded({OLD: old, NEW: new, elsewhere: between(START + 4000, START + 4000)}) == {OLD: START}
    assert find_succeeded({OLD: between(START - 900, START + 1), NEW: new}) == {}
    assert find_succeeded({OLD: old}) == {}
    assert find_succeeded({OLD: between(None, None), NEW: new}) == {}
    assert find_succeeded({"worker-1": old, "worker-2": new}) == {}
    assert find_succeeded({JAVA: old, JAVA.replace("0b", "0c"): new}) == {}


def test_a_client_of_rust_succeeds_as_one_of_go_does_but_not_one_of_go() -> None:
    """Two services on one host may use two runtimes, and neither is a sign about the other."""
    old = f"{OLD}_00000001"
    before, after = between(START - 900, START - 60), between(START + 5, START + 5)

    assert find_succeeded({old: before, RUST: after}) == {old: START}
    assert find_succeeded({OLD: before, RUST: after}) == {}


def test_a_host_whose_clock_is_ahead_does_not_make_its_neighbour_suspect() -> None:
    """The start in an id is the host's clock. The first claim shows that the client began before."""
    old, new = between(START - 900, START - 60), between(START - 290, START + 5)

    assert find_succeeded({OLD: old, NEW: new}) == {}


def test_a_process_id_that_is_used_again_has_a_successor_by_its_first_claim() -> None:
    """Ids of Ruby have no start. Of two with one host and one process id, the one that claimed first is gone."""
    other = "web-7d9f-1-ffffffffffff"
    gone, here = between(START - 900, START - 60), between(START, START + 50)

    assert find_succeeded({RUBY: gone, other: here}) == {RUBY: START}
    assert find_succeeded({other: gone, RUBY: here}) == {other: START}
    assert find_succeeded({RUBY: gone, other: between(START - 100, START + 50)}) == {}
    assert find_succeeded({RUBY: gone, "web-7d9f-2-ffffffffffff": here}) == {}
    assert find_succeeded({RUBY: gone, "web-7-1-ffffffffffff": here}) == {}


def test_the_first_claim_of_a_client_is_kept_while_it_claims() -> None:
    """Only the newest claims can be read: a client that claims for hours did not begin with the oldest of them."""
    before, now = between(START - 900, START - 60), between(START + 5, START + 50)

    assert now.after(before) == between(START - 900, START + 50)
    assert now.after(None) == now
    assert now.after(between(None, None)) == now


@given(
    st.dictionaries(
        st.one_of(st.text(max_size=8), st.sampled_from([OLD, NEW, RUST, RUBY, JAVA])),
        st.builds(ClaimTimes, st.none() | st.floats(), st.none() | st.floats()),
    )
)
def test_any_names_are_read(claims: dict[str, ClaimTimes]) -> None:
    """Users may name clients as they like."""
    assert find_succeeded(claims).keys() <= {OLD, NEW}
