"""The metrics page against River's own table and River's own events, after a shift of a real fleet."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import pairwise

import pytest

from e2e.conftest import MakeRiver
from e2e.riverkeeper_process import Labels
from e2e.shift import Shift, work_a_shift
from e2e.truth import COUNTS, SPREADS, VALUES

# Families of the page that SQL alone cannot say, each with its reason.
ELSEWHERE = {
    "river_jobs_estimated",  # says how a count came about: nothing here is long enough to be estimated
    "river_jobs_suspected",  # as the next
    "river_jobs_stuck",  # verdicts: the rescue tests
    "river_job_oldest_stuck_timestamp_seconds",  # as before
    "river_job_limit_seconds",
    "river_queue_wait_limit_seconds",  # limits of the configuration: tests/metrics/test_wait_limits.py
    "river_job_limit_used_ratio",
    "river_job_oldest_progress_timestamp_seconds",  # the fleet reports none
    "river_job_resumed_total",  # the fleet saves no checkpoint: tests/ledger/test_lost_work.py
    "river_beating_clients",  # the fleet's beats are in the metadata: no client of it says so itself
}
HISTOGRAM = ("_bucket", "_count", "_sum", "_gcount", "_gsum")


@pytest.fixture(scope="module", params=["", "Other_Jobs"], ids=["in memory", "durable, other schema"])
def shift(
    request: pytest.FixtureRequest, river_database: MakeRiver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shift]:
    river, folder = river_database(request.param), tmp_path_factory.mktemp("shift")
    with contextlib.ExitStack() as programs:
        yield work_a_shift(river, folder, programs, durable=bool(request.param))


@pytest.mark.parametrize("name", COUNTS | VALUES)
def test_the_page_equals_the_table(shift: Shift, name: str) -> None:
    """Every number on the page equals plain SQL at the same moment; a zero may also stand for no row."""
    table = shift.expected[name]
    page = shift.page.values(name, *table.labels)

    if name in COUNTS:
        assert without_zeros(page) == without_zeros(table.single())
    else:
        assert page == pytest.approx(table.single(), abs=1e-6)


@pytest.mark.parametrize("name", SPREADS)
def test_buckets_hold_what_the_table_holds(shift: Shift, name: str) -> None:
    """Every value is in its bucket and in no other, exactly at the edges too; the sum is the sum of all."""
    table = shift.expected[name]
    buckets = shift.page.values(f"{name}_bucket", *table.labels, "le")
    expected = {labels: under(table.values.get(labels[:-1], []), labels[-1]) for labels in buckets}

    assert table.values.keys() <= {labels[:-1] for labels in buckets}
    assert buckets == expected


@pytest.mark.parametrize("name", SPREADS)
def test_sums_are_the_sums(shift: Shift, name: str) -> None:
    """The sum beside the buckets is that of the same values."""
    table = shift.expected[name]
    sums = shift.page.values(f"{name}_sum", *table.labels) or shift.page.values(f"{name}_gsum", *table.labels)

    expected = {labels: float(sum(values)) for labels, values in table.values.items()}
    assert without_zeros(sums) == pytest.approx(without_zeros(expected), abs=0.01)


def test_counters_are_rivers_own_count(shift: Shift) -> None:
    """Jobs finished since the first scrape are counted once each: as often as River reported to its subscribers."""
    table = Counter((event["queue"], event["kind"], event["state"]) for event in shift.events)
    page = shift.page.values("river_jobs_finished_total", "queue", "kind", "outcome")

    assert without_zeros(page) == table + shift.cancelled_waiting


def test_completed_runs_are_rivers_own_count(shift: Shift) -> None:
    """A run is in the histogram for every completion River table of, and for nothing else."""
    table = Counter((event["queue"], event["kind"]) for event in shift.events if event["state"] == "completed")
    page = shift.page.values("river_job_run_duration_seconds_count", "queue", "kind")

    assert without_zeros(page) == table


def test_first_scrape_counts_nothing(shift: Shift) -> None:
    """What finished before the exporter came is known, with its time, but not counted."""
    first = shift.pages[0]

    assert first.values("river_job_last_finished_timestamp_seconds", "queue", "kind")
    assert not any(first.values("river_jobs_finished_total", "queue", "kind", "outcome").values())


def test_counters_never_fall(shift: Shift) -> None:
    """From scrape to scrape every counter stays or rises, and no series of one goes away."""
    series = [page.values("river_jobs_finished_total", "queue", "kind", "outcome") for page in shift.pages]

    for earlier, later in pairwise(series):
        assert {labels: value for labels, value in earlier.items() if later.get(labels, -1) < value} == {}


def test_nothing_on_the_page_is_untested(shift: Shift) -> None:
    """A new family about River comes with its SQL here, or with the reason why SQL cannot say it."""
    tested = COUNTS.keys() | VALUES.keys() | ELSEWHERE
    tested |= {name + suffix for name in SPREADS for suffix in HISTOGRAM}

    assert {name for name, _ in shift.page.samples if name.startswith("river_")} - tested == set()


def under(values: list[Decimal], le: str) -> int:
    return sum(value <= Decimal(le.replace("+Inf", "Infinity")) for value in values)


def without_zeros(values: Mapping[Labels, float]) -> dict[Labels, float]:
    return {labels: value for labels, value in values.items() if value}
