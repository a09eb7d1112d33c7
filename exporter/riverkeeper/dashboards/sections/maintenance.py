"""Does River maintain itself, and is its database well? Leader, scheduler, cleaner, tables, cost. Pure."""

from __future__ import annotations

from riverkeeper.dashboards.parts.facts import query_success
from riverkeeper.dashboards.parts.field import (
    ANY_IS_BAD,
    FAILING_PAGE,
    PER_MINUTE,
    RESCUES_PAGE,
    STUCK_PAGE,
    colored,
    named,
    steps,
    to_board,
)
from riverkeeper.dashboards.parts.palette import BAD, PLAIN, WARN
from riverkeeper.dashboards.parts.panel import Panel, Query, Text, stat, timeseries
from riverkeeper.dashboards.parts.query import Queries, by, total
from riverkeeper.dashboards.parts.scope import RESCUE

DAY = (
    86_400  # River keeps completed and cancelled jobs for a day, discarded ones for a week, unless configured otherwise
)
HOUR = 3_600


def maintenance(q: Queries) -> tuple[Panel, ...]:
    return leader(q), overdue(q), poison(q), cleaner(q), overdue_over_time(q), own_rescuer(q)


def leader(q: Queries) -> Panel:
    text = Text(
        shows="Time until the lease of River's leader ends. A number below 0 is the time since it ended.",
        normal="between 0 and 15 s: the leader renews its lease every few seconds.",
        next="it is below 0: no client leads, so retries and scheduled jobs do not become available. Start a client.",
        empty="no client has ever led",
    )
    left = f"- {q.age('river_leader_expires_timestamp_seconds')}"
    return stat("Leader's lease ends in", text, Query(total(left, "max"), "lease"), unit="s", width=5, height=5,
                thresholds=steps((None, BAD), (0, PLAIN)), decimals=0)  # fmt: skip


def overdue(q: Queries) -> Panel:
    text = Text(
        shows="Scheduled and retryable jobs that were due more than 30 s ago, and are not available yet.",
        normal="0.",
        next="it is above 0 while a client leads: the scheduler in that client is stuck or overloaded. Read its log.",
        empty="unknown: the query failed",
    )
    return stat("Overdue jobs", text, Query(total(q.fact("river_jobs_overdue")), "overdue"), unit="short", width=4,
                height=5, thresholds=ANY_IS_BAD, links=[FAILING_PAGE])  # fmt: skip


def cleaner(q: Queries) -> Panel:
    text = Text(
        shows="Age of the oldest finished job in the table, by state.",
        normal="at most River's retention: a day by default, and a week for discarded jobs.",
        next="it is far above: River's cleaner does not run, or is too slow. The table and its indexes grow.",
        empty="no finished job",
    )
    late = steps((None, PLAIN), (DAY + HOUR, WARN))
    return stat(
        "Oldest finished job", text,
        Query(by("state", q.age("river_oldest_finalized_timestamp_seconds"), "max"), "{{state}}"),
        unit="s", width=11, height=5, thresholds=late, named_values=True,
        overrides=[named("discarded", thresholds=steps((None, PLAIN), (7 * DAY + HOUR, WARN)))],
    )  # fmt: skip


def poison(q: Queries) -> Panel:
    text = Text(
        shows="Running jobs with metadata that stops River's own rescuer. While there is one, it rescues no job at "
        "all.",
        normal="0.",
        next="`riverkeeper check` lists these jobs and the fix.",
        empty="unknown: the query failed",
    )
    return stat(
        "Poison jobs", text, Query(total(q.fact("river_rescuer_poison_jobs")), "poison"), unit="short",
        width=4, height=5, thresholds=ANY_IS_BAD, links=[STUCK_PAGE],
    )  # fmt: skip


def own_rescuer(q: Queries) -> Panel:
    text = Text(
        shows="Jobs a minute that River's own rescuer took from a worker, by outcome. By default it acts an hour after "
        "an attempt began. unknown_kind: it discarded the job, because the leader has no worker for that kind.",
        normal="none.",
        next="retried: a worker died, and Riverkeeper did not act before River did. unknown_kind: River loses jobs. "
        "Register the workers of all kinds in every client that can lead.",
        empty="No job was rescued by River in this time range",
    )
    taken = by("outcome", q.per_minute("river_jobs_rescued_total"))
    return timeseries(
        "River's own rescuer", text, Query(taken, "{{outcome}}"), unit=PER_MINUTE, height=8, fill=0, decimals=1,
        overrides=[colored("retried", WARN), colored("unknown_kind", BAD)], links=[RESCUES_PAGE],
    )  # fmt: skip


def overdue_over_time(q: Queries) -> Panel:
    text = Text(
        shows="Jobs that the scheduler left behind, by state, over time.",
        normal="none.",
        next="since when? Compare with the marks of deploys: did the leader end then?",
        empty="No queue in this time range",
    )
    jobs = by("state", q.fact("river_jobs_overdue"))
    return timeseries("Overdue over time", text, Query(jobs, "{{state}}"), unit="short", height=8, fill=0,
                      decimals=0, links=[FAILING_PAGE])  # fmt: skip


def database(q: Queries) -> tuple[Panel, ...]:
    return table_size(q), dead_rows(q), cost(q)


def table_size(q: Queries) -> Panel:
    text = Text(
        shows="Size of each table, with its indexes and TOAST.",
        normal="flat, or sawteeth: River's cleaner deletes old jobs.",
        next="it only grows: does River's cleaner run (section above)? Are there many dead rows (next panel)?",
        empty="No statistics of the tables",
    )
    return timeseries("Size of tables", text, Query(by("table", q.fact("river_table_bytes"), "max"), "{{table}}"),
                      unit="bytes", width=8, fill=0)  # fmt: skip


def dead_rows(q: Queries) -> Panel:
    text = Text(
        shows="Dead rows that wait for vacuum, for each live row of the table.",
        normal="sawteeth below 0.2: by default autovacuum starts there.",
        next="it only grows, and each claim becomes slower: is a transaction open for hours? Is autovacuum off?",
        empty="No statistics of the tables",
    )
    dead, rows = (by("table", q.fact(f"river_table_{kind}_rows"), "max") for kind in ("dead", "live"))
    return timeseries("Dead rows for each live row", text, Query(f"{dead} / ({rows} > 0)", "{{table}}"), unit="short",
                      width=8, fill=0, decimals=2)  # fmt: skip


def cost(q: Queries) -> Panel:
    text = Text(
        shows="Time that all queries of one scrape and of one step of maintenance take, and how many queries fail.",
        normal="some tens of milliseconds, for a table of any size, and 0 failing queries.",
        next="it climbs: is the table bloated, or the database busy? Click to see each query in Liveness and rescue.",
        empty="No replica was scraped in this time range",
    )
    spent = f"max(sum by (instance) ({q.select('riverkeeper_query_duration_seconds')}))"
    failed = f"sum({query_success(q)} == bool 0)"
    return timeseries(
        "Cost of a scrape", text, Query(spent, "all queries"), Query(failed, "failing queries"), unit="s", width=8,
        fill=0,
        overrides=[named("failing queries", unit="short", color={"mode": "fixed", "fixedColor": BAD},
                         custom__axisPlacement="right", decimals=0)],
        links=[to_board("Each query", RESCUE)],
    )  # fmt: skip
