"""When a running job is expected to end: what is known, with its range; and what is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.running_jobs import FRESH, JOB, NOW, jobs
from fixtures.simulated_river import find_bucket
from riverkeeper.ledger.expected_end import Basis, expect_end
from riverkeeper.ledger.learned_limits import RunCounts

MINUTE, TEN_MINUTES, HOUR = (find_bucket(seconds * 1_000_000) for seconds in (60, 600, 3600))
HALF = replace(JOB, beat=replace(FRESH, progress=0.5, progress_at=NOW - 60))  # claimed 600 s ago


def test_progress_is_extrapolated_from_the_claim() -> None:
    """Half in 540 s: the other half takes as long, of which a minute has passed. A job that stopped then needs more."""
    end = expect_end(HALF, RunCounts({MINUTE: 1000}), NOW)

    assert (end.basis, end.at) == (Basis.PROGRESS, NOW + 480)
    assert end.earliest == pytest.approx(NOW - 600 + 540 / 0.505)
    assert end.latest == pytest.approx(NOW + 540 * 0.505 / 0.495)


def test_less_than_a_percent_shows_nothing() -> None:
    """A rounded report of one percent may be half or twice that; below it, history counts."""
    early = replace(JOB, beat=replace(FRESH, progress=0.004, progress_at=NOW))

    assert expect_end(early, None, NOW).basis is Basis.NONE
    assert expect_end(early, RunCounts({HOUR: 20}), NOW).basis is Basis.HISTORY


def test_a_job_that_reports_all_has_no_moment() -> None:
    """It may end now, or write its result for an hour: nobody knows."""
    end = expect_end(replace(JOB, beat=replace(FRESH, progress=1.0, progress_at=NOW)), None, NOW)

    assert (end.basis, end.at, end.latest) == (Basis.PROGRESS, None, None)
    assert end.why == "it reports 100 %, and has not ended"


def test_an_end_that_has_passed_is_now() -> None:
    """A job that reported 90 % long ago is late; its end is never shown in the past."""
    late = replace(JOB, beat=replace(FRESH, progress=0.9, progress_at=NOW - 500))
    end = expect_end(late, None, NOW)

    assert (end.at, end.earliest) == (NOW, NOW)
    assert end.latest is not None
    assert end.latest > NOW
    assert "would have ended by now" in end.why


def test_history_counts_only_runs_that_took_longer() -> None:
    """After ten minutes, a thousand runs of a minute show nothing about this one."""
    end = expect_end(JOB, RunCounts({MINUTE: 1000, HOUR: 20}), NOW)

    assert (end.basis, end.why) == (Basis.HISTORY, "as 20 completed runs of its kind that took longer than it has run")
    assert end.at is not None
    assert 3000 * 0.85 < end.at - NOW < 3000 * 1.2


@pytest.mark.parametrize(
    ("past", "why"),
    [
        (None, "it reports no progress, and no completed run of its kind is known"),
        (RunCounts({}), "it reports no progress, and no completed run of its kind is known"),
        (
            RunCounts({MINUTE: 2000, HOUR: 3}),
            "it reports no progress, and only 3 of the 2,003 known runs of its kind took longer than it has run",
        ),
        (RunCounts({HOUR: 9}, censored=20), "most runs of its kind that took as long were ended for their age"),
    ],
)
def test_what_is_unknown_is_never_guessed(past: RunCounts | None, why: str) -> None:
    """No moment, and a sentence with what is missing."""
    end = expect_end(JOB, past, NOW)

    assert (end.basis, end.at, end.earliest, end.latest, end.why) == (Basis.NONE, None, None, None, why)


def test_a_range_with_runs_that_were_ended_has_no_end() -> None:
    """A run that a rescue ended for its age took longer than all that are known."""
    end = expect_end(JOB, RunCounts({HOUR: 8}, censored=3), NOW)

    assert end.at is not None
    assert end.latest is None


def test_an_age_by_a_workers_clock_is_not_taken_for_true() -> None:
    """A claim dated by a clock that is behind counts from when it was made at the latest."""
    behind = replace(HALF, claimed_before=NOW - 300)

    assert expect_end(behind, None, NOW).at == NOW - 300 + 240 / 0.5


@given(jobs, st.dictionaries(st.integers(-1, 110), st.integers(1, 50)), st.integers(0, 50))
def test_the_range_holds_the_moment_and_lies_ahead(job: object, counts: dict[int, int], censored: int) -> None:
    """Whatever a client reports: never an end in the past, never a range that leaves out the expected end."""
    end = expect_end(job, RunCounts(counts, censored), NOW)  # type: ignore[arg-type]

    if end.at is not None:
        assert end.earliest is not None
        assert NOW <= end.earliest <= end.at + 1e-6
        assert end.latest is None or end.at <= end.latest + 1e-6
