"""Moments and spans as people read them."""

from __future__ import annotations

import math

import pytest

from riverkeeper.formats import count, moment, rfc3339, server_version, span


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 ms"),
        (0.0123, "12 ms"),
        (4.23, "4.2 s"),
        (9.97, "10 s"),
        (59.6, "1 min"),
        (185, "3 min 5 s"),
        (3600, "1 h"),
        (3661, "1 h 1 min"),
        (2 * 86400 + 4 * 3600 + 1, "2 d 4 h"),
        (-30, "30 s"),
        (math.inf, "for ever"),
    ],
)
def test_a_span_has_two_units_at_most(seconds: float, words: str) -> None:
    """A span is written in at most two units, the smaller one left out where it is 0."""
    assert words == span(seconds)


def test_moments_are_utc() -> None:
    """Scripts read RFC 3339 with milliseconds, people read seconds; both are UTC and say so."""
    assert rfc3339(1_700_000_000.5) == "2023-11-14T22:13:20.500Z"
    assert moment(1_700_000_000.5) == "2023-11-14 22:13:20 UTC"


@pytest.mark.parametrize("seconds", [None, math.inf, -math.inf, math.nan, 1e18])
def test_a_moment_without_a_date_is_absent(seconds: float | None) -> None:
    """Postgres' infinity and years beyond the calendar are no date, and no error either."""
    assert rfc3339(seconds) is None
    assert moment(seconds) is None


def test_numbers() -> None:
    """Thousands are set apart, and a server's version is written as its makers write it."""
    assert count(1234567) == "1\u202f234\u202f567"
    assert server_version(150018) == "15.18"
