"""Words of the contract: what a claim, a tier, a note and a fraction can be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverkeeper.heartbeat import Claim, HeartbeatTier
from riverkeeper.heartbeat.claim import NOTE_BYTES, fit_fraction, fit_note, format_attempted_at

AT = "2026-01-31T23:59:59.123456Z"


@given(st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.complex_numbers()))
def test_every_fraction_fits_the_column(fraction: object) -> None:
    """None, or within 0 and 1 and no underflow of a `real`: one bad value would spoil the beat of every other claim."""
    fit = fit_fraction(fraction)

    assert fit is None or fit == 0.0 or 1e-6 <= fit <= 1.0


@pytest.mark.parametrize(("fraction", "fits"), [(0.25, 0.25), (-1, 0.0), (7, 1.0), (10**400, 1.0), (1e-50, 0.0)])
def test_fractions_are_cut_to_their_range(fraction: float, fits: float) -> None:
    """Nothing that a job reports is an error."""
    assert fit_fraction(fraction) == fits


@given(st.one_of(st.none(), st.integers(), st.text(), st.text(min_size=900), st.characters(categories=["Cs"])))
def test_every_note_fits_the_column(note: object) -> None:
    """At most 1 kB of UTF-8 without NUL; characters stay whole."""
    fit = fit_note(note)

    assert fit is None or ("\0" not in fit and len(fit.encode()) <= NOTE_BYTES)


def test_a_long_note_is_cut_between_characters() -> None:
    """1,024 is no multiple of three bytes."""
    assert fit_note("語" * 1000) == "語" * (NOTE_BYTES // 3)


@pytest.mark.parametrize(
    "attempted_at",
    ["", "2026-01-31T23:59:59Z", "2026-01-31 23:59:59.123456+00", "2026-02-31T23:59:59.123456Z", "now", AT + "x"],
)
def test_attempted_at_is_as_the_database_wrote_it(attempted_at: str) -> None:
    """Another text would match nothing, or fail the statement for every claim."""
    with pytest.raises(ValueError, match=r"attempted_at|day|month|hour"):
        Claim(1, attempted_at, 1)


@pytest.mark.parametrize(("job_id", "attempt"), [(0, 1), (2**63, 1), (1, -1), (1, 2**15)])
def test_numbers_fit_their_columns(job_id: int, attempt: int) -> None:
    """One that does not would fail the statement for every claim."""
    with pytest.raises(ValueError, match="no job can have"):
        Claim(job_id, AT, attempt)


def test_a_datetime_is_written_in_utc_to_the_microsecond() -> None:
    """Python's datetime holds all that Postgres does; without a zone it names no moment."""
    east = datetime(2026, 2, 1, 1, 59, 59, 123456, tzinfo=timezone(timedelta(hours=2)))

    assert format_attempted_at(east) == AT
    assert format_attempted_at(datetime(2026, 1, 31, tzinfo=UTC)) == "2026-01-31T00:00:00.000000Z"
    with pytest.raises(ValueError, match="zone"):
        format_attempted_at(datetime(2026, 1, 31))  # noqa: DTZ001 - that is what is refused


@pytest.mark.parametrize(
    ("interval", "lease"), [(0, None), (-1, None), (float("inf"), None), (10, 24.9), (10, float("inf"))]
)
def test_a_tier_that_cannot_work_is_refused(interval: float, lease: float | None) -> None:
    """A lease needs two beats and the time of one statement."""
    with pytest.raises(ValueError, match=r"interval|lease"):
        HeartbeatTier(interval, lease)


def test_the_shortest_lease_is_two_and_a_half_intervals() -> None:
    """Also where a float cannot hold it exactly."""
    assert HeartbeatTier(0.1, 0.25).lease == 0.25
