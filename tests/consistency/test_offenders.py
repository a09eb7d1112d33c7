"""A rule's test fails for one bad case, and lists each of them."""

from __future__ import annotations

import pytest

from fixtures.offenders import for_each


@for_each("number", [2, 3, 4, 5])
def check_even(number: int) -> None:
    assert number % 2 == 0, "is odd"


@for_each("number", [1])
def check_raises(number: int) -> None:
    with pytest.raises(ValueError, match="never"):
        assert number


def test_all_offenders_are_listed() -> None:
    """In the order of the cases, each with its reason; the other cases are not named."""
    with pytest.raises(AssertionError, match=r"(?s)^3: is odd.*5: is odd") as raised:
        check_even()
    assert "4:" not in str(raised.value)


def test_an_expected_error_that_does_not_come_is_an_offence() -> None:
    """A case whose error is missing is listed as its offender."""
    with pytest.raises(AssertionError, match="1: DID NOT RAISE"):
        check_raises()


def test_a_rule_without_cases_proves_nothing() -> None:
    """An empty list of cases fails, and so cannot pass unnoticed."""
    with pytest.raises(AssertionError, match="without cases"):
        for_each("number", [])
