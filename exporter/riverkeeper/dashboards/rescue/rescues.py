"""What did the rescuer do, what did it leave alone, and was it right? Pure."""

from __future__ import annotations

from riverkeeper.dashboards.field import ANY_IS_BAD, to_keeper
from riverkeeper.dashboards.panel import Form, Panel, Query, Text
from riverkeeper.dashboards.panels import stat, timeseries
from riverkeeper.dashboards.query import Queries, by, total

TIME = "riverkeeper_time_to_rescue_seconds"


def rescues(q: Queries) -> tuple[Panel, ...]:
    return done(q), refused(q), late(q), last(q), wakes(q), time_to_rescue(q), webhook(q), outcomes(q)


def done(q: Queries) -> Panel:
    text = Text(
        shows="Rescues, by why and how. Dry runs are not among them.",
        normal="few: one for each job that a dead worker held.",
        next="click for what was done to which job. The same kind again and again: its workers die of it.",
        empty="Nothing was rescued (in dry run nothing ever is: see `riverkeeper rescue report`)",
    )
    count = by("reason, action", q.rare_acts("riverkeeper_rescues_total"))
    return timeseries("Rescues", text, Query(count, "{{reason}}: {{action}}"), unit="short", stacked=True, bars=True,
                      links=[to_keeper("Rescues", "/rescues")])  # fmt: skip


def refused(q: Queries) -> Panel:
    text = Text(
        shows="Times that a stuck job was left alone, by why; the same job counts at each look.",
        normal="recorded where a tier is in dry run: it would have been rescued. Otherwise few.",
        next="brake: see above. hold_by_policy, exhausted, max_rescues: a person must decide. click: the jobs.",
        empty="Nothing was refused (or no rescuer ran)",
    )
    count = by("refusal", q.rare_acts("riverkeeper_rescue_refusals_total"))
    return timeseries("Refusals", text, Query(count, "{{refusal}}"), unit="short", stacked=True, bars=True,
                      links=[to_keeper("Stuck jobs", "/stuck")])  # fmt: skip


def late(q: Queries) -> Panel:
    text = Text(
        shows="False rescues in the time shown: the old worker still beat or finished after its job was rescued.",
        normal="0.",
        next="above 0 while live: the timeout is too short, or workers were cut off. Go back to dry run.",
        empty="none seen",
    )
    count = total(q.rare_acts("riverkeeper_late_finishes_total", "$__range"))
    return stat("Late finishers", text, Query(count, "late", Form.NOW), unit="short", width=8,
                thresholds=ANY_IS_BAD, decimals=0, links=[to_keeper("Rescues", "/rescues")])  # fmt: skip


def last(q: Queries) -> Panel:
    text = Text(
        shows="When a job was last rescued.",
        normal="long ago.",
        next="click for which job, on which evidence, and whether it ran again.",
        empty="no rescue yet",
    )
    moment = total(q.fact("riverkeeper_last_rescue_timestamp_seconds"), "max")
    return stat("Last rescue", text, Query(f"{moment} * 1000", "last", Form.NOW), unit="dateTimeFromNow", width=8,
                links=[to_keeper("Rescues", "/rescues")])  # fmt: skip


def wakes(q: Queries) -> Panel:
    text = Text(
        shows="Alerts that woke the rescuer and are not worked off.",
        normal="0, or for as long as jobs are stuck that policy lets it act on.",
        next="open for long: look at the refusals, and at the brakes above.",
        empty="no inbox",
    )
    count = total(q.fact("riverkeeper_wakes_open"), "max")
    return stat("Open wakes", text, Query(count, "open"), unit="short", width=8)


def time_to_rescue(q: Queries) -> Panel:
    text = Text(
        shows="From the moment the limit was passed to the rescue.",
        normal="p95 below 60 s with the supervisor, some minutes by alert alone.",
        next="longer: is the interval, the rate brake or Alertmanager's group_wait the reason?",
        empty="Nothing was rescued in this time",
    )
    counts = by("le", q.acts(TIME, "_bucket"))
    return timeseries(
        "Time to rescue", text,
        Query(f"histogram_quantile(0.5, {counts})", "p50"), Query(f"histogram_quantile(0.95, {counts})", "p95"),
        unit="s", width=12, height=6, fill=0,
    )  # fmt: skip


def outcomes(q: Queries) -> Panel:
    text = Text(
        shows="Claims of the last 24 hours that were taken away, or in a dry run would have been: what became of their "
        "workers.",
        normal="right, and for some minutes open. In a dry run open for up to a day.",
        next="false: see Late finishers. Read no rate off young bars: false is known at once, right only later. "
        "`riverkeeper rescue report` tells the rate where it can be known.",
        empty="The audit cannot be read",
    )
    counts = by("mode, outcome", q.fact("riverkeeper_rescued_claims"))
    return timeseries("Rescued claims by outcome", text, Query(counts, "{{mode}}: {{outcome}}"), unit="short", width=24,
                      height=6, stacked=True, bars=True, links=[to_keeper("Rescues", "/rescues")])  # fmt: skip


def webhook(q: Queries) -> Panel:
    text = Text(
        shows="Alerts that the webhook received, by status, those that name no rescue included.",
        normal="firing and resolved in pairs, and a watchdog's beat if you send one.",
        next="nothing while alerts fire: does Alertmanager route to it, and does it have the token?",
        empty="The webhook is off: no token is set",
    )
    count = by("status", q.acts("riverkeeper_webhook_alerts_total"))
    return timeseries("Alerts received", text, Query(count, "{{status}}"), unit="short", height=6, stacked=True,
                      bars=True)  # fmt: skip
