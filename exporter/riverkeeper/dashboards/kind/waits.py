"""How long do jobs wait, and how do they end? Pure."""

from __future__ import annotations

from riverkeeper.dashboards.field import colored, line_of_limit
from riverkeeper.dashboards.panel import Panel, Query, Text
from riverkeeper.dashboards.panels import timeseries
from riverkeeper.dashboards.query import Queries, by, total

STATES = {"available": "blue", "pending": "#8e8e8e", "retryable": "orange", "running": "green", "scheduled": "purple"}


def waits(q: Queries) -> tuple[Panel, ...]:
    return wait_times(q), outcomes(q), live(q), attempts(q), last_finished(q)


def wait_times(q: Queries) -> Panel:
    text = Text(
        shows="From due to claimed, of all kinds in the chosen queues: River claims by queue, not by kind.",
        normal="below a second or two while clients have room; the limit is the tier's.",
        next="waits rise while few jobs run: a client is gone. All slots are held: add workers.",
        empty="No job has finished in these queues in this time",
    )
    waited = "river_job_wait_duration_seconds"
    limits = by("tier", q.fact("river_job_limit_seconds", kind=None, limit="wait"), "max")
    return timeseries(
        "Wait", text,
        Query(q.quantile(0.5, waited), "p50"),
        Query(q.quantile(0.95, waited), "p95"),
        Query(limits, "limit ({{tier}})"),
        unit="s", fill=0, logarithmic=True, overrides=[line_of_limit("^limit")],
    )  # fmt: skip


def outcomes(q: Queries) -> Panel:
    text = Text(
        shows="Jobs of this kind that finished, by outcome.",
        normal="completed only.",
        next="discarded: they are lost unless somebody retries them. Cancelled: by themselves, or by a person?",
        empty="No job of this kind has finished in this time",
    )
    ended = by("outcome", q.increase("river_jobs_finished_total"))
    return timeseries(
        "Finished, by outcome", text, Query(ended, "{{outcome}}"), unit="short", stacked=True, bars=True,
        overrides=[colored("completed", "green"), colored("discarded", "red"), colored("cancelled", "purple")],
    )  # fmt: skip


def live(q: Queries) -> Panel:
    text = Text(
        shows="Live jobs of this kind, by state.",
        normal="running and available; retryable where failures pass.",
        next="available that only grows: nobody works this kind. Scheduled in the past: see the scheduler in Overview.",
        empty="No live job of this kind, or its queue is too long to be read row by row",
    )
    states = by("state", q.fact("river_jobs_by_kind"))
    return timeseries("Live jobs, by state", text, Query(states, "{{state}}"), unit="short", width=8, stacked=True,
                      overrides=[colored(name, color) for name, color in STATES.items()])  # fmt: skip


def attempts(q: Queries) -> Panel:
    text = Text(
        shows="Attempts that a finished job has used, on average.",
        normal="1.",
        next="2 means that every job runs twice: half of the work is thrown away. See the errors in /failing.",
        empty="No job of this kind has finished in this time",
    )
    mean = f"{total(q.rate('river_job_attempts_total'))} / {total(q.rate('river_jobs_finished_total'))}"
    return timeseries("Attempts per finished job", text, Query(mean, "attempts"), unit="short", width=8)


def last_finished(q: Queries) -> Panel:
    text = Text(
        shows="Time since a job of this kind last finished, with the limit for kinds that must not fall silent.",
        normal="for a periodic kind a sawtooth as high as its period.",
        next="it climbs beyond the period: is it still inserted (is there a leader?), does it still run?",
        empty="No job of this kind is known to have finished",
    )
    ages = by("queue", q.age("river_job_last_finished_timestamp_seconds"), "max")
    limits = by("tier", q.fact("river_job_limit_seconds", limit="silence"), "max")
    return timeseries(
        "Since last finished", text, Query(ages, "{{queue}}"), Query(limits, "limit ({{tier}})"), unit="s", width=8,
        logarithmic=True, fill=0,
        overrides=[line_of_limit("^limit")],
    )  # fmt: skip
