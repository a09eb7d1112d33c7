"""Which alerts fire, and where each leads. Pure."""

from __future__ import annotations

from riverkeeper.dashboards.field import BAD, WARN, Json, link, to_board, to_keeper
from riverkeeper.dashboards.panel import Panel, Text
from riverkeeper.dashboards.scope import Scope
from riverkeeper.dashboards.tables import COLORED, Column, table
from riverkeeper.dashboards.uids import KIND, RESCUE

SHOWN = "severity, alertname, queue, kind, tier, reason"
# An alert about a keeper that is gone has none of its labels: an empty value is let in. The watchdog always fires.
OURS = 'alertname=~"River.+", alertname!="RiverWatchdog", job=~"$job|", queue=~"$queue|"'
FIRING = f'ALERTS{{alertstate="firing", {OURS}}}'
SINCE = f"ALERTS_FOR_STATE{{{OURS}}}"


def alerts(scope: Scope) -> Panel:
    """From Prometheus' own series of alerts, so that it shows what was true at any time, in any Grafana."""
    text = Text(
        shows="Riverkeeper's alerts that fire now. Those of other Rivers behind the same job label are among them.",
        normal="an empty table.",
        next="click the alert for its runbook, its reason for the jobs, its queue or kind for their board.",
        empty="No alert fires (or the alert rules are not loaded: see /rules in Prometheus)",
    )
    runbook = link("Runbook", f"{scope.runbooks}/${{__value.raw}}.md", new_tab=True)
    since = f"min by ({SHOWN}) ({SINCE} and ignoring (alertstate) {FIRING})"
    return table(
        "Alerts that fire", text,
        Column("Severity", label="severity", width=75, look={"mappings": severities(), **COLORED}),
        Column("Alert", label="alertname", width=230, links=[runbook]),
        Column("Queue", label="queue", width=85, links=[to_board("Its kinds", KIND, "queue=${__value.raw}")]),
        Column("Kind", label="kind", width=125, links=[to_board("This kind", KIND, "kind=${__value.raw}")]),
        Column("Tier", label="tier", width=75, links=[to_board("Liveness and rescue", RESCUE)]),
        Column("Reason", label="reason", width=110, links=[to_keeper("The jobs", "/stuck?reason=${__value.raw}")]),
        Column("For", expr=f"time() - {since}", unit="s"),
        width=14, height=7, sort={"Severity": False, "For": False},
        links=[to_keeper("Stuck jobs", "/stuck"), to_keeper("Failing", "/failing")],
    )  # fmt: skip


def severities() -> list[Json]:
    colors = {"critical": BAD, "warning": WARN, "info": "blue"}
    options = {name: {"text": name, "color": color, "index": index}
               for index, (name, color) in enumerate(colors.items())}  # fmt: skip
    return [{"type": "value", "options": options}]
