"""How long do jobs of a kind run, what is their limit, and what runs now? Pure."""

from __future__ import annotations

from riverkeeper.dashboards.field import colored, line_of_limit, to_keeper
from riverkeeper.dashboards.panel import Panel, Query, Text
from riverkeeper.dashboards.panels import heatmap, timeseries
from riverkeeper.dashboards.query import Queries, by, total

RUNS = "river_job_run_duration_seconds"
WEEK = " offset 1w"


def run_times(q: Queries) -> tuple[Panel, ...]:
    return quantiles(q), spread(q), running_ages(q), beating(q)


def quantiles(q: Queries) -> Panel:
    text = Text(
        shows="Run time of completed jobs, with the limit in force and the p99 of the same hour a week ago.",
        normal="p99 on last week's line, and well below the limit.",
        next="p99 left last week's line: what was deployed? Near the limit: jobs that are fine will be called stuck.",
        empty="No job of this kind has completed in this time",
    )
    return timeseries(
        "Run time", text,
        Query(q.quantile(0.5, RUNS), "p50"),
        Query(q.quantile(0.95, RUNS), "p95"),
        Query(q.quantile(0.99, RUNS), "p99"),
        Query(q.quantile(0.99, RUNS, WEEK), "p99 a week ago"),
        Query(limit(q, "run"), "limit ({{tier}})"),
        unit="s", fill=0, logarithmic=True,
        overrides=[colored("p99 a week ago", "#8e8e8e", custom__lineStyle={"fill": "dot", "dash": [2, 6]}),
                   line_of_limit("^limit")],
    )  # fmt: skip


def limit(q: Queries, name: str) -> str:
    return by("tier", q.fact("river_job_limit_seconds", limit=name), "max")


def spread(q: Queries) -> Panel:
    text = Text(
        shows="How many completed jobs took how long.",
        normal="one band. Two bands are two kinds of work under one name.",
        next="a band that climbs: the work grows. A second band: give it a kind of its own, so that its limit fits.",
        empty="No job of this kind has completed in this time",
    )
    return heatmap("Run time, all jobs", text, f"sum by (le) ({q.increase(RUNS, '_bucket')})")


def running_ages(q: Queries) -> Panel:
    text = Text(
        shows="Age of the longest running attempt in each queue, with the limit in force.",
        normal="sawteeth below the limit.",
        next="a line that rises without end is a job that nobody ends: click for /stuck.",
        empty="None has run in this time",
    )
    ages = by("queue", q.age("river_job_oldest_running_timestamp_seconds"), "max")
    return timeseries(
        "Running now, against the limit", text, Query(ages, "{{queue}}"), Query(limit(q, "run"), "limit ({{tier}})"),
        unit="s", logarithmic=True, fill=0, overrides=[line_of_limit("^limit")],
        links=[to_keeper("Stuck jobs", "/stuck?kind=${kind}")],
    )  # fmt: skip


def beating(q: Queries) -> Panel:
    text = Text(
        shows="Running attempts that say that they live, and those of which nothing is known.",
        normal="all beating where the heartbeat client is used; all unknown where it is not.",
        next="unknown among beating ones: a worker without the middleware, or one that cannot reach the database.",
        empty="None has run in this time",
    )
    return timeseries(
        "Beating and unknown", text,
        Query(total(q.fact("river_jobs_beating")), "beating"),
        Query(total(q.fact("river_jobs_unknown")), "unknown"),
        unit="short", stacked=True, overrides=[colored("beating", "green"), colored("unknown", "#8e8e8e")],
    )  # fmt: skip
