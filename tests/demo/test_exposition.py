"""The demo reads a metrics page as Prometheus would."""

from __future__ import annotations

import math
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverkeeper.demo.exposition import Page, quantile, read

PAGE = read("""\
# HELP river_jobs Live jobs.
# TYPE river_jobs gauge
river_jobs{queue="mail",state="running"} 3
river_jobs{queue="mail",state="available"} 4
river_jobs{queue="a\\"b",state="running"} 5
# TYPE river_job_run_duration_seconds histogram
river_job_run_duration_seconds_bucket{queue="mail",kind="x",le="0.1"} 50
river_job_run_duration_seconds_bucket{queue="mail",kind="x",le="1"} 90
river_job_run_duration_seconds_bucket{queue="mail",kind="x",le="+Inf"} 100
river_job_run_duration_seconds_count{queue="mail",kind="x"} 100
river_job_run_duration_seconds_sum{queue="mail",kind="x"} 70
river_job_run_duration_seconds_bucket{queue="bulk",kind="x",le="0.1"} 0
river_job_run_duration_seconds_bucket{queue="bulk",kind="x",le="1"} 100
river_job_run_duration_seconds_bucket{queue="bulk",kind="x",le="+Inf"} 100
""")


def test_totals_are_of_the_requested_labels() -> None:
    """A sum takes every series that has at least these labels; nothing found is 0, and has no least."""
    assert PAGE.total("river_jobs") == 12
    assert PAGE.total("river_jobs", queue="mail") == 7
    assert PAGE.total("river_jobs", queue='a"b', state="running") == 5
    assert PAGE.total("river_up") == 0
    assert PAGE.least("river_jobs", state="running") == 3
    assert PAGE.least("river_up") is None


def test_a_quantile_is_histogram_quantiles() -> None:
    """Linear within the bucket, all series put together; above the last edge, that edge."""
    name = "river_job_run_duration_seconds"
    assert PAGE.quantile(0.25, name, queue="mail") == pytest.approx(0.05)
    assert PAGE.quantile(0.7, name, queue="mail") == pytest.approx(0.1 + 0.9 * 0.5)
    assert PAGE.quantile(0.95, name, queue="mail") == 1
    assert PAGE.quantile(0.5, name) == pytest.approx(0.1 + 0.9 * 50 / 140)
    assert PAGE.quantile(0.5, name, queue="nowhere") is None
    assert Page().quantile(0.5, name) is None


def test_a_page_that_is_none_is_refused() -> None:
    """Half a page, or an error in HTML, must not pass as an empty one."""
    with pytest.raises(ValueError, match=r".+"):
        read('river_jobs{queue="mail" 3')


edges = st.lists(st.floats(0.001, 1e5), min_size=1, max_size=20, unique=True).map(sorted)


@given(edges, st.data())
def test_a_quantile_lies_in_its_bucket_and_grows(bounds: list[float], data: st.DataObject) -> None:
    """No quantile is below 0 or above the last finite edge, and a greater share never gives a smaller one."""
    counts = data.draw(st.lists(st.integers(0, 50), min_size=len(bounds) + 1, max_size=len(bounds) + 1))
    cumulative = list(zip([*bounds, math.inf], accumulate(counts), strict=True))
    found = [quantile(share / 20, cumulative) for share in range(1, 21)]
    if sum(counts) == 0:
        assert found == [None] * 20
        return
    known = [value for value in found if value is not None]
    assert len(known) == 20
    assert all(a <= b or math.isclose(a, b) for a, b in pairwise(known))
    assert known[0] >= 0
    assert known[-1] <= bounds[-1] * (1 + 1e-9)
