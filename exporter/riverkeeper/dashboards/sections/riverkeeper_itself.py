"""Is Riverkeeper well? Replicas, queries, series, the ledger, refused requests. Pure."""

from __future__ import annotations

from riverkeeper.dashboards.parts.facts import (
    query_success,
)
from riverkeeper.dashboards.parts.field import (
    AGE_OF_SCRAPE,
    Json,
    words,
)
from riverkeeper.dashboards.parts.palette import BAD, PLAIN
from riverkeeper.dashboards.parts.panel import Panel, Query, Text, timeseries
from riverkeeper.dashboards.parts.query import Queries, by
from riverkeeper.dashboards.parts.tables import COLORED, Column, table

YES_NO: Json = {"mappings": words({0: ("no", BAD), 1: ("yes", PLAIN)}), **COLORED}


def riverkeeper_itself(q: Queries) -> tuple[Panel, ...]:
    return replicas(q), query_times(q), series(q), ledger(q), refused_requests(q)


def replicas(q: Queries) -> Panel:
    text = Text(
        shows="The replicas that read this River. Age: how old are the numbers of the replica? Skew: its clock minus "
        "the clock of the database. Durable: do its counts survive a restart? Folded: pairs of queue and kind that are "
        "counted as `other`.",
        normal="reads, configured and durable are yes, the age is some seconds, the skew is below a second.",
        next="no: run `riverkeeper check` on that replica. The age grows: the replica hangs. Skew: fix the clock, "
        "because rescues wait for it.",
        empty="No replica has read this River in this time range",
    )
    version = "* on (job, instance) group_left (version)"
    reads = f"{q.select('river_up')} {version} {q.select('riverkeeper_build_info')}"
    return table(
        "Replicas", text,
        Column("Instance", label="instance"),
        Column("Version", label="version"),
        Column("Reads", expr=by("instance, version", reads, "max"), look=YES_NO),
        Column("Age", expr=f"time() - {each(q, 'riverkeeper_snapshot_timestamp_seconds')}", unit="s",
               look={"thresholds": AGE_OF_SCRAPE, **COLORED}),
        Column("Skew", expr=each(q, "riverkeeper_clock_skew_seconds"), unit="s"),
        Column("Active", expr=each(q, "riverkeeper_actor"), look={"mappings": words({0: ("standby", PLAIN),
                                                                                   1: ("active", PLAIN)})}),
        Column("Configured", expr=each(q, "riverkeeper_config_last_reload_successful"), look=YES_NO),
        Column("Durable", expr=each(q, "riverkeeper_ledger_durable"), look=YES_NO),
        Column("Folded", expr=each(q, "riverkeeper_folded_pairs")),
        width=24, height=5, sort={"Age": True},
    )  # fmt: skip


def each(q: Queries, family: str) -> str:
    return by("instance", q.select(family), "max")


def query_times(q: Queries) -> Panel:
    text = Text(
        shows="Duration of each query to the database, in the slowest replica. A query that fails is drawn below zero.",
        normal="milliseconds, for a table of any size.",
        next="a query is slow: is the table bloated? Is the database busy? A query fails: the front page shows the "
        "error.",
        empty="No query in this time range",
    )
    failed = f"- ({query_success(q)} == 0)"
    return timeseries(
        "Queries to the database", text,
        Query(by("query", q.select("riverkeeper_query_duration_seconds"), "max"), "{{query}}"),
        Query(f"{failed} - 0.01", "{{query}} failed"), unit="s", fill=0, at_least=None,
    )  # fmt: skip


def series(q: Queries) -> Panel:
    text = Text(
        shows="Samples on the page of each replica.",
        normal="flat. Each new kind adds some dozens: see docs/metrics.md.",
        next="it only grows: a program makes names of kinds or queues from data. collect.max_pairs limits them.",
        empty="No replica was scraped in this time range",
    )
    return timeseries("Series", text, Query(each(q, "riverkeeper_series"), "{{instance}}"), unit="short", width=12)


def ledger(q: Queries) -> Panel:
    text = Text(
        shows="Finished jobs that became visible late. The ledger counted them when it read their time slot again.",
        normal="few. They are counted, some minutes later.",
        next="many: there are long transactions, or the clocks of workers differ. A job that becomes visible later "
        "than collect.late_window is not counted.",
        empty="The ledger cannot be read",
    )
    late = f"sum({q.increase('riverkeeper_ledger_late_rows_total')})"
    return timeseries("Counted late", text, Query(late, "rows"), unit="short", bars=True)


def refused_requests(q: Queries) -> Panel:
    text = Text(
        shows="HTTP requests that Riverkeeper refused, by reason.",
        normal="none.",
        next="no_credentials or wrong_credentials: do Prometheus and Alertmanager have the right password or token?",
        empty="Riverkeeper was not scraped in this time range",
    )
    count = by("reason", q.acts("riverkeeper_http_requests_rejected_total"))
    return timeseries("Requests refused", text, Query(count, "{{reason}}"), unit="short", stacked=True, bars=True)
