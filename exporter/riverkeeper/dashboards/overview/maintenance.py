"""River's own services, without which retries stand still and the table grows: leader, scheduler, cleaner. Pure."""

from __future__ import annotations

from riverkeeper.dashboards.field import ANY_IS_BAD, BAD, GOOD, NEUTRAL, WARN, matching, named, steps, to_keeper
from riverkeeper.dashboards.panel import Form, Panel, Query, Text
from riverkeeper.dashboards.panels import stat, timeseries
from riverkeeper.dashboards.query import Queries, by, total

DAY = 86_400  # River keeps completed and cancelled jobs for a day, discarded ones for a week, unless told otherwise
HOUR = 3_600


def maintenance(q: Queries) -> tuple[Panel, ...]:
    return leader(q), overdue(q), cleaner(q), poison(q), table_size(q)


def leader(q: Queries) -> Panel:
    text = Text(
        shows="For how long the leader still leads if it is not heard again; below 0, for how long nobody has led.",
        normal="between 0 and 15 s: it renews itself every few seconds.",
        next="below 0: no client runs maintenance. Retries and scheduled jobs do not become available; start a client.",
        empty="no leader's row",
    )
    left = f"- {q.age('river_leader_expires_timestamp_seconds')}"
    return stat("Leader leads for", text, Query(total(left, "max"), "lease", Form.NOW), unit="s", width=3, height=5,
                thresholds=steps((None, BAD), (0, GOOD)), decimals=0)  # fmt: skip


def overdue(q: Queries) -> Panel:
    text = Text(
        shows="Scheduled and retryable jobs that were due more than 30 s ago: the scheduler does not move them.",
        normal="0.",
        next="above 0 while there is a leader: its scheduler is stuck or overloaded; look into the leader's log.",
        empty="not readable",
    )
    return stat("Overdue jobs", text, Query(total(q.fact("river_jobs_overdue")), "overdue"), unit="short", width=3,
                height=5, thresholds=ANY_IS_BAD)  # fmt: skip


def cleaner(q: Queries) -> Panel:
    text = Text(
        shows="Age of the oldest finished job that is still in the table, by state.",
        normal="up to River's retention, by default a day, for discarded jobs a week.",
        next="far above: the cleaner does not run or cannot keep up; the table and its indexes grow.",
        empty="no finished job",
    )
    late = steps((None, GOOD), (DAY + HOUR, WARN))
    return stat(
        "Oldest finished job", text,
        Query(by("state", q.age("river_oldest_finalized_timestamp_seconds"), "max"), "{{state}}", Form.NOW),
        unit="s", width=7, height=5, thresholds=late, named_values=True,
        overrides=[named("discarded", thresholds=steps((None, GOOD), (7 * DAY + HOUR, WARN)))],
    )  # fmt: skip


def poison(q: Queries) -> Panel:
    text = Text(
        shows="Running jobs whose metadata stops River's own rescuer for every job of the schema.",
        normal="0.",
        next="`riverkeeper check` names them and says how to mend them.",
        empty="not readable",
    )
    return stat(
        "Poison jobs", text, Query(total(q.fact("river_rescuer_poison_jobs")), "poison", Form.NOW), unit="short",
        width=3, height=5, thresholds=ANY_IS_BAD, links=[to_keeper("Stuck jobs", "/stuck")],
    )  # fmt: skip


def table_size(q: Queries) -> Panel:
    text = Text(
        shows="Size of each table with its indexes, and its rows that wait for vacuum.",
        normal="flat, or sawteeth. Many dead rows make every claim slower.",
        next="dead rows that only grow: is a transaction open for hours, is autovacuum off?",
        empty="No statistics of the tables",
    )
    return timeseries(
        "Table size", text,
        Query(by("table", q.fact("river_table_bytes"), "max"), "{{table}}"),
        Query(by("table", q.fact("river_table_dead_rows"), "max"), "{{table}} dead rows"),
        unit="bytes", width=8, height=5, thresholds=NEUTRAL,
        overrides=[matching("dead rows$", unit="short", custom__axisPlacement="right")],
    )  # fmt: skip
