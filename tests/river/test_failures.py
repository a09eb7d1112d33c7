"""What users and workers write into a job's metadata and errors: a moment or a count, or nothing."""

from __future__ import annotations

import pytest

from riverkeeper.river.failures import parse_count, parse_moment


@pytest.mark.parametrize(
    ("text", "count"),
    [(None, 0), ("3", 3), ("0", 0), ("1.5", 0), ('"3"', 0), ("null", 0), ("99999999999", 0), ("-1", 0), ("٣", 0)],
)
def test_a_count_that_is_none_begins_anew(text: str | None, count: int) -> None:
    """Only what River itself could have written counts."""
    assert parse_count(text) == count


@pytest.mark.parametrize(
    ("text", "known"),
    [("2026-11-24T23:45:21.887644741Z", True), ("2026-11-24T23:45:21+05:30", True), ("2026-11-24 23:45:21Z", False),
     ("2026-11-24T23:45:21", False), ("2026-02-30T00:00:00Z", False), ("0000-01-01T00:00:00Z", False), ("", False),
     ("2026-W01-1", False), (None, False), ("٢٠٢٦-11-24T23:45:21Z", False), ("9999-12-31T23:59:59-15:00", True)],
)  # fmt: skip
def test_a_moment_that_cannot_be_read_is_none(text: str | None, known: bool) -> None:
    """It is the users' text: whatever it is, nothing fails."""
    assert (parse_moment(text) is not None) == known
