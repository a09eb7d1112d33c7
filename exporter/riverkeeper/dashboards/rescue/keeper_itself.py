"""What does the keeper cost, and is it itself well? Pure."""

from __future__ import annotations

from riverkeeper.dashboards.field import BAD, GOOD, WARN, Json, steps, words
from riverkeeper.dashboards.panel import Panel, Query, Text
from riverkeeper.dashboards.panels import timeseries
from riverkeeper.dashboards.query import Queries, by
from riverkeeper.dashboards.tables import COLORED, Column, table

YES_NO: Json = {"mappings": words({0: ("no", BAD), 1: ("yes", GOOD)}), **COLORED}


def keeper_itself(q: Queries) -> tuple[Panel, ...]:
    return replicas(q), question_times(q), series(q), ledger(q), refused_requests(q)


def replicas(q: Queries) -> Panel:
    text = Text(
        shows="The keepers that read this River. Age is of their numbers; skew is their clock minus the database's.",
        normal="all read and durable, ages of seconds, skew below a second.",
        next="no: run `riverkeeper check` there. An age that grows: it hangs. Skew: mend the clock, the rescuer waits.",
        empty="No keeper has read this River in this time",
    )
    version = "* on (job, instance) group_left (version)"
    reads = f"{q.select('river_up')} {version} {q.select('riverkeeper_build_info')}"
    return table(
        "Replicas", text,
        Column("Instance", label="instance"),
        Column("Version", label="version"),
        Column("Reads", expr=by("instance, version", reads, "max"), look=YES_NO),
        Column("Age", expr=f"time() - {each(q, 'riverkeeper_snapshot_timestamp_seconds')}", unit="s",
               look={"thresholds": steps((None, GOOD), (60, WARN), (300, BAD)), **COLORED}),
        Column("Skew", expr=each(q, "riverkeeper_clock_skew_seconds"), unit="s"),
        Column("Acts", expr=each(q, "riverkeeper_actor"), look={"mappings": words({0: ("stands by", "text"),
                                                                                   1: ("acts", GOOD)})}),
        Column("Configured", expr=each(q, "riverkeeper_config_last_reload_successful"), look=YES_NO),
        Column("Durable", expr=each(q, "riverkeeper_ledger_durable"), look=YES_NO),
        Column("Folded", expr=each(q, "riverkeeper_folded_pairs")),
        width=24, height=5, sort={"Age": True},
    )  # fmt: skip


def each(q: Queries, family: str) -> str:
    return by("instance", q.select(family), "max")


def question_times(q: Queries) -> Panel:
    text = Text(
        shows="How long each question to the database took, in the slowest replica; failed ones below zero.",
        normal="milliseconds, whatever the size of the table.",
        next="slow: is the table bloated, the database busy? Failed: the front page of the keeper has the error.",
        empty="No question was asked in this time",
    )
    failed = f"- ({by('query', q.select('riverkeeper_query_success'), 'min')} == 0)"
    return timeseries(
        "Questions to the database", text,
        Query(by("query", q.select("riverkeeper_query_duration_seconds"), "max"), "{{query}}"),
        Query(f"{failed} - 0.01", "{{query}} failed"), unit="s", fill=0, at_least=None,
    )  # fmt: skip


def series(q: Queries) -> Panel:
    text = Text(
        shows="Samples on the page of each replica.",
        normal="flat. Each new kind adds some dozens; see docs/metrics.md.",
        next="it grows without end: somebody makes names of kinds or queues from data. collect.max_pairs folds them.",
        empty="No keeper was scraped in this time",
    )
    return timeseries("Series", text, Query(each(q, "riverkeeper_series"), "{{instance}}"), unit="short", width=12)


def ledger(q: Queries) -> Panel:
    text = Text(
        shows="Finished jobs that were counted only when their slot was read again, because they became visible late.",
        normal="few. They are counted, only minutes later.",
        next="many: long transactions, or workers whose clocks differ. Above collect.late_window they would be missed.",
        empty="The ledger cannot be read",
    )
    late = f"sum({q.increase('riverkeeper_ledger_late_rows_total')})"
    return timeseries("Counted late", text, Query(late, "rows"), unit="short", bars=True)


def refused_requests(q: Queries) -> Panel:
    text = Text(
        shows="Requests that the keeper refused, by reason.",
        normal="none.",
        next="no_credentials or wrong_credentials: does Prometheus or Alertmanager have the right password or token?",
        empty="The keeper was not scraped in this time",
    )
    count = by("reason", q.acts("riverkeeper_http_requests_rejected_total"))
    return timeseries("Requests refused", text, Query(count, "{{reason}}"), unit="short", stacked=True, bars=True)
