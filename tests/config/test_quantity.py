"""Amounts with a unit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from riverkeeper.config.quantity import DURATION, SIZE, Quantity, parse_amount


def message_of(quantity: Quantity, value: object) -> str:
    with pytest.raises(PydanticCustomError) as caught:
        quantity.parse(value)
    return caught.value.message()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2s", 2), ("10m", 600), ("1h30m", 5400), ("500ms", 0.5), ("7d", 604_800), ("0s", 0), ("1m500ms", 60.5)],
)
def test_a_duration_is_seconds(text: str, seconds: float) -> None:
    """A duration is written with units and seen as seconds."""
    assert DURATION.parse(text) == seconds


@given(st.integers(min_value=0, max_value=10**12))
def test_a_duration_prints_back(milliseconds: int) -> None:
    """What is printed parses to the same amount, to the millisecond."""
    assert DURATION.parse(DURATION.format(milliseconds / 1000)) == milliseconds / 1000


@pytest.mark.parametrize(("seconds", "text"), [(2.0, "2s"), (600, "10m"), (5400, "1h30m"), (0.5, "500ms"), (0, "0s")])
def test_a_duration_prints_short(seconds: float, text: str) -> None:
    """The biggest units come first and empty ones are left out."""
    assert DURATION.format(seconds) == text


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (2, "2 has no unit; write 2s"),
        ("2", '"2" has no unit; write 2s'),
        (0, "0 has no unit; write 0s"),
        (0.5, "0.5 has no unit; write 500ms"),
        (90.0, "90.0 has no unit; write 1m30s"),
        ("10 s", '"10 s" is not a duration; write 10s'),
        ("5M", '"5M" is not a duration; write 5m'),
        ("1.5h", '"1.5h" is not a duration; write 1h30m'),
    ],
)
def test_the_message_names_what_to_write(value: object, message: str) -> None:
    """A slip whose meaning is plain is refused with the right spelling."""
    assert message_of(DURATION, value) == message


@pytest.mark.parametrize(
    "value", ["", "s", "-2s", "2x", "0x", "2s1m", "1s1s", "٢s", "9" * 400 + "s", True, [], {}, "∞"]
)
def test_anything_else_gets_examples(value: object) -> None:
    """What nobody can guess is refused with examples, whatever its type or length."""
    assert "is not a duration; write one such as 500ms, 2s, 10m, 1h30m or 7d" in message_of(DURATION, value)


@given(st.text() | st.integers() | st.floats() | st.none() | st.booleans())
def test_no_value_is_a_crash(value: object) -> None:
    """Any value either parses or is refused with what is wrong and what to do."""
    try:
        assert DURATION.parse(value) >= 0
    except PydanticCustomError as error:
        words = error.context or {}
    else:
        return
    assert words["message"]
    assert words["fix"]


def test_other_quantities_are_declared_the_same_way() -> None:
    """A size is a table of units; its amounts are whole numbers."""
    assert SIZE.parse("4MiB") == 4 * 1024**2
    assert isinstance(SIZE.parse("4MiB"), int)
    assert SIZE.format(65536) == "64KiB"
    assert message_of(SIZE, 4) == "4 has no unit; write one such as 64KiB or 4MiB"
    assert message_of(SIZE, "4mib") == '"4mib" is not a size; write 4MiB'


def test_a_bound_may_be_a_duration_or_a_size() -> None:
    """A declaration writes its bounds as the file would; plain numbers stay what they are."""
    assert (parse_amount("64KiB"), parse_amount("5m"), parse_amount(3), parse_amount(None)) == (65536, 300, 3, None)
