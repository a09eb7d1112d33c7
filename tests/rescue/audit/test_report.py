"""The sentence on which people decide to let the rescuer act."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverkeeper.rescue.audit.report import ClaimCounts, bound_false_rate, describe_counts, sum_by_tier

DRY = ClaimCounts("urgent", "send", True, claims=12, false_claims=1, right_claims=9, open=1, rated=8, rated_false=1)


def test_the_sentence_has_all_three_numbers_and_both_of_the_rate() -> None:
    """Known, unknown and still open; numerator and denominator, and how little a small denominator proves."""
    assert describe_counts(DRY) == (
        "urgent: 12 claims would have been taken away. 10 known: 9 rightly (the worker never came back, or did not "
        "complete the work), 1 wrongly (the worker was alive). 1 cannot be known, because their clients do not beat. "
        "1 still open. 1 of the 8 whose observation time is over were false: 12.5%; the true rate is below 47.1% with "
        "95 % confidence."
    )


def test_no_rate_before_it_can_be_known() -> None:
    """A false one is known at once, a right one after ten minutes: six dead workers and one false one are no 100 %."""
    young = ClaimCounts("urgent", "", False, claims=7, false_claims=1, right_claims=0, open=6)

    assert young.rate is None
    assert "%" not in describe_counts(young)
    assert (
        "6 still open. No rate yet: a false rescue is known at once, a right one only ten minutes after"
        in describe_counts(young)
    )


def test_a_live_report_counts_what_was_done() -> None:
    """Nobody may take one for the other."""
    live = replace(DRY, dry_run=False, claims=1, false_claims=0, right_claims=1, open=0)

    assert describe_counts(live).startswith("urgent: 1 claim was taken away. 1 known: 1 rightly")


def test_where_nothing_is_known_no_rate_is_made_up() -> None:
    """Plain clients do not report the outcome of a worker."""
    plain = ClaimCounts("standard", "", True, claims=5, false_claims=0, right_claims=0, open=0)

    assert plain.rate is None
    assert "0 known" in describe_counts(plain)
    assert "5 cannot be known" in describe_counts(plain)


@pytest.mark.parametrize(
    ("false_claims", "known", "percent"), [(0, 1, 95.0), (0, 10, 25.9), (0, 100, 3.0), (1, 10, 39.4), (5, 5, 100.0)]
)
def test_the_bound_is_clopper_and_pearsons(false_claims: int, known: int, percent: float) -> None:
    """Against the table of the one-sided 95 % bound."""
    assert round(100 * bound_false_rate(false_claims, known), 1) == percent


@given(st.integers(0, 60), st.integers(1, 200_000))
def test_the_bound_lies_above_the_rate_and_falls_with_knowledge(false_claims: int, known: int) -> None:
    """Any numbers, also those whose factorials no float holds."""
    known = max(known, false_claims)
    if known:
        assert false_claims / known <= bound_false_rate(false_claims, known) <= 1
        assert bound_false_rate(false_claims, known + 10) <= bound_false_rate(false_claims, known) + 1e-9


def test_kinds_are_added_up_by_tier() -> None:
    """Live and dry runs stay apart: one is what happened, the other what would have."""
    sums = sum_by_tier([DRY, replace(DRY, kind="other"), replace(DRY, dry_run=False), replace(DRY, tier="bulk")])

    assert [(row.tier, row.dry_run, row.kind, row.claims, row.known) for row in sums] == [
        ("bulk", True, "", 12, 10),
        ("urgent", False, "", 12, 10),
        ("urgent", True, "", 24, 20),
    ]
