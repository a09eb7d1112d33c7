"""Which running jobs say that they live, and how near is the rest to its limits? Pure."""

from __future__ import annotations

from riverkeeper.dashboards.field import BAD, OF_LIMIT, QUIET, WARN, colored, to_board, to_keeper
from riverkeeper.dashboards.panel import Panel, Query, Text
from riverkeeper.dashboards.panels import heatmap, timeseries
from riverkeeper.dashboards.query import Queries, by, total
from riverkeeper.dashboards.uids import KIND

LINE = {"custom__stacking": {"mode": "none"}, "custom__fillOpacity": 0, "custom__lineWidth": 2}


def liveness(q: Queries) -> tuple[Panel, ...]:
    return coverage(q), heartbeat_ages(q), limits_used(q), silence(q)


def coverage(q: Queries) -> Panel:
    text = Text(
        shows="Running attempts that beat, those of which nothing is known, and, as lines, stuck and suspected ones.",
        normal="mostly beating: only what beats is noticed within seconds of its worker's death.",
        next="much unknown: add the heartbeat client to those workers; the table below Kind says which kinds.",
        empty="Nothing has run in this time",
    )
    return timeseries(
        "Beating, unknown, stuck, suspected", text,
        Query(total(q.fact("river_jobs_beating")), "beating"),
        Query(total(q.fact("river_jobs_unknown")), "unknown"),
        Query(total(q.fact("river_jobs_stuck")), "stuck"),
        Query(total(q.fact("river_jobs_suspected")), "suspected"),
        unit="short", stacked=True,
        overrides=[
            colored("beating", "green"), colored("unknown", QUIET),
            colored("stuck", BAD, **LINE),
            colored("suspected", WARN, **LINE),
        ],
        links=[to_keeper("Stuck jobs", "/stuck")],
    )  # fmt: skip


def heartbeat_ages(q: Queries) -> Panel:
    text = Text(
        shows="How many beating attempts were last heard how long ago.",
        normal="one band below the declared interval.",
        next="a band that climbs is one process that fell silent. All of it climbs at once: the way to the database.",
        empty="Nothing that beats has run in this time",
    )
    ages = q.once(q.select("river_job_heartbeat_age_seconds", "_bucket"))
    return heatmap("Time since the last beat", text, f"sum by (le) ({ages})")


def limits_used(q: Queries) -> Panel:
    text = Text(
        shows="The worst running job by each limit, as a share of the limit; what is beyond 200 % is drawn there.",
        normal="heartbeat below a third, run below 80 %.",
        next="above the red line a job is stuck; click for the kinds.",
        empty="No limits: the keeper gave no verdicts in this time",
    )
    used = q.fact("river_job_limit_used_ratio", limit="~heartbeat|progress|run")
    worst = f"clamp_max({by('limit, tier', used, 'max')}, 2)"
    return timeseries(
        "Limits used", text, Query(worst, "{{limit}} ({{tier}})"), unit="percentunit", fill=0, thresholds=OF_LIMIT,
        threshold_lines=True, links=[to_board("Kinds", KIND)],
    )  # fmt: skip


def silence(q: Queries) -> Panel:
    text = Text(
        shows="Time since the last beat, of the attempt that is silent longest in each queue.",
        normal="below the declared interval of its clients, 10 s at the defaults.",
        next="a straight climb is a process that died, froze or lost the database: click for /stuck.",
        empty="Nothing that beats has run in this time",
    )
    ages = by("queue", q.age("river_job_oldest_heartbeat_timestamp_seconds"), "max")
    return timeseries("Longest silence", text, Query(ages, "{{queue}}"), unit="s",
                      links=[to_keeper("Stuck jobs", "/stuck?queue=${__field.labels.queue}")])  # fmt: skip
