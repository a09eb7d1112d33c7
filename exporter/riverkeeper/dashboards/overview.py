"""The overview board: is anything wrong, and where? One screen, then a section for each question. Pure."""

from __future__ import annotations

from riverkeeper.dashboards.parts.board import Board, BoardSection
from riverkeeper.dashboards.parts.facts import MODES, brakes_engaged, query_success, rescuer
from riverkeeper.dashboards.parts.field import (
    AGE_OF_SCRAPE,
    ANY_IS_BAD,
    ANY_IS_ODD,
    KINDS_OF_QUEUE,
    OF_LIMIT,
    ONE_ACTIVE,
    RESCUES_PAGE,
    STUCK_PAGE,
    TIMES,
    link,
    named,
    to_board,
    to_page,
    words,
)
from riverkeeper.dashboards.parts.palette import ACTIVE, BAD, PLAIN, WARN
from riverkeeper.dashboards.parts.panel import Panel, Query, Text, stat
from riverkeeper.dashboards.parts.query import Queries, total
from riverkeeper.dashboards.parts.scope import KIND, OVERVIEW, RESCUE, DashboardScope
from riverkeeper.dashboards.parts.tables import COLORED, Column, table
from riverkeeper.dashboards.sections.budgets import budget_left, budgets
from riverkeeper.dashboards.sections.failures import failing_kinds, failures
from riverkeeper.dashboards.sections.maintenance import database, maintenance
from riverkeeper.dashboards.sections.queues import queue_table, queues
from riverkeeper.dashboards.sections.workers import slots_busy, workers

FILTERS = ("queue",)


def overview_board(scope: DashboardScope) -> Board:
    q = Queries(scope.replica_labels, FILTERS)
    return Board(
        OVERVIEW,
        "Riverkeeper / Overview",
        "Is anything wrong with this River, and where? Start at the top left; each panel describes what to do next.",
        FILTERS,
        (
            stuck_now(q), budget_left(q, scope), longest_wait(q), slots_busy(q), who_acts(q), trust(q),
            alerts(scope), failing_kinds(q),
            queue_table(q),
        ),
        (
            BoardSection("Queues: do jobs wait?", queues(q)),
            BoardSection("Error budgets: how much may still go wrong?", budgets(q, scope)),
            BoardSection("Failures: do jobs get done?", failures(q)),
            BoardSection("Workers: is there anybody to do them?", workers(q)),
            BoardSection("Leader, scheduler, cleaner", maintenance(q)),
            BoardSection("Database", database(q)),
        ),
    )  # fmt: skip


def stuck_now(q: Queries) -> Panel:
    text = Text(
        shows="Proven: running attempts that are stuck (worker lost, hung, over budget …). Suspected: running attempts "
        "that may be stuck, without proof. No job is in both numbers.",
        normal="0, or a few for less than a minute: the rescuer waits before it takes a job.",
        next="click for /stuck. It lists each job with the reason, and with the planned action or the missing proof.",
        empty="no verdicts: Riverkeeper cannot read running jobs",
    )
    return stat(
        "Stuck jobs", text,
        Query(total(q.fact("river_jobs_stuck")), "proven"),
        Query(total(q.fact("river_jobs_suspected")), "suspected"),
        unit="short", width=3, thresholds=ANY_IS_BAD, named_values=True,
        overrides=[named("suspected", thresholds=ANY_IS_ODD)],
        links=[to_page("The jobs, with reason and plan", "/stuck"), to_board("Liveness and rescue", RESCUE)],
    )  # fmt: skip


def longest_wait(q: Queries) -> Panel:
    text = Text(
        shows="The queue whose oldest due job has used the largest share of its wait limit. 2 × is twice the limit. "
        "The limit comes from the tier of the queue.",
        normal="below 0.8 ×.",
        next="find the queue in the table below: is it paused, frozen or without a producer? Do more jobs come than it "
        "finishes?",
        empty="no job is due",
    )
    worst = f"topk(1, {q.fact('river_job_limit_used_ratio', limit='wait')})"
    return stat(
        "Longest wait, share of limit", text, Query(worst, "queue {{queue}} ({{tier}})"), unit=TIMES,
        width=4, thresholds=OF_LIMIT, named_values=True, decimals=1,
        links=[KINDS_OF_QUEUE,
               to_page("Its failing jobs", "/failing?queue=${__field.labels.queue}")],
    )  # fmt: skip


def who_acts(q: Queries) -> Panel:
    text = Text(
        shows="Rescuer: the strongest mode of all tiers. Active: the number of replicas that may rescue now. Brakes: "
        "the number of brakes that pause all rescues now.",
        normal="the mode that you configured, 1 active replica, 0 brakes.",
        next="DRY RUN in orange: jobs are stuck, and nobody restarts them. Brakes above 0: `riverkeeper rescue "
        "status` shows the reason.",
        empty="the rescuer does not run",
    )
    return stat(
        "Who acts on stuck jobs?", text,
        Query(f"sum({q.select('riverkeeper_actor')})", "active"),
        Query(f"sum({brakes_engaged(q)})", "brakes"),
        Query(rescuer(q), "rescuer"),
        unit="short", width=5, named_values=True, decimals=0, size=16,
        overrides=[
            named("rescuer", unit="none", mappings=words(MODES)),
            named("active", thresholds=ONE_ACTIVE),
            named("brakes", thresholds=ANY_IS_ODD),
        ],
        links=[to_board("Liveness and rescue", RESCUE), RESCUES_PAGE],
    )  # fmt: skip


UP = {0: ("NO", BAD), 1: ("yes", PLAIN)}
FENCE = {0: ("NO", WARN), 1: ("on", PLAIN)}
DURABLE = {0: ("NO", WARN), 1: ("yes", PLAIN)}


def trust(q: Queries) -> Panel:
    text = Text(
        shows="Read: can a replica read the job table? Age: how old are the newest numbers? Failing: how many queries "
        "fail? Fence: does the database drop late results? Kept: do counts survive a restart of Riverkeeper?",
        normal="yes, an age of at most two scrape intervals, 0, on, yes.",
        next="read is NO, or the age grows: the other panels show the past. Run `riverkeeper check`, and read "
        "Riverkeeper's log.",
        empty="NOT WATCHED: no replica was scraped",
    )
    age = f"ceil(time() - {total(q.select('riverkeeper_snapshot_timestamp_seconds'), 'max')})"
    failed = f"count({query_success(q)} == 0) or vector(0)"
    return stat(
        "Can I trust this board?", text,
        Query(total(q.select("river_up"), "max"), "read"),
        Query(age, "age"),
        Query(f"{failed} and on () {total(q.select('river_up'), 'max')}", "failing"),
        Query(total(q.fact("riverkeeper_fence_installed"), "min"), "fence"),
        Query(total(q.select("riverkeeper_ledger_durable"), "min"), "kept"),
        unit="short", width=5, named_values=True, decimals=0, size=16,
        overrides=[
            named("read", unit="none", mappings=words(UP)),
            named("age", unit="s", thresholds=AGE_OF_SCRAPE),
            named("failing", thresholds=ANY_IS_ODD),
            named("fence", unit="none", mappings=words(FENCE)),
            named("kept", unit="none", mappings=words(DURABLE)),
        ],
        links=[to_board("Riverkeeper itself", RESCUE)],
    )  # fmt: skip


SHOWN = "severity, alertname, cause, queue, kind, tier, reason"
# An alert about a River that was never scraped has few labels: an empty value is let in. Grafana escapes values of a
# variable that takes several, as queue does; the others only on request, and then for a string in backticks.
OURS = (
    'alertname=~"River.+", severity!="none", cluster=~`${cluster:regex}|`, namespace=~`${namespace:regex}|`, '
    'job=~`${job:regex}|`, queue=~"$queue|"'
)
FIRING = f'ALERTS{{alertstate="firing", {OURS}}}'
SINCE = f"ALERTS_FOR_STATE{{{OURS}}}"
URGENCY = {3: ("page", BAD), 2: ("ticket", WARN), 1: ("info", ACTIVE)}


def urgency() -> str:
    """By the labels of an alert: 3 wakes somebody, 2 waits for the day, 1 is for information."""
    levels = {"critical": 3, "warning": 2, "info": 1}
    return " or ".join(
        f'max by ({SHOWN}) ({FIRING[:-1]}, severity="{name}"}}) * {number}' for name, number in levels.items()
    )


def alerts(scope: DashboardScope) -> Panel:
    """From Prometheus' own series of alerts, so that it shows what was true at any time, in any Grafana."""
    text = Text(
        shows="The alerts of Riverkeeper's rules that fire now for this River: the most urgent first, then the oldest.",
        normal="an empty table.",
        next="click the alert to open its runbook. Click the reason to see the jobs, the queue or kind to see its "
        "board.",
        empty="No alert fires (or the alert rules are not loaded: see /rules in Prometheus)",
    )
    runbook = link("Runbook", f"{scope.runbooks}/${{__value.raw}}.md", new_tab=True)
    since = f"min by ({SHOWN}) ({SINCE} and ignoring (alertstate) {FIRING})"
    return table(
        "Alerts that fire", text,
        Column("Urgency", expr=urgency(), unit="none", width=80, look={"mappings": words(URGENCY), **COLORED}),
        Column("Alert", label="alertname", width=215, links=[runbook]),
        Column("For", expr=f"time() - {since}", unit="s", width=90),
        Column("Queue", label="queue", width=90, links=[to_board("Its kinds", KIND, "queue=${__value.raw}")]),
        Column("Kind", label="kind", width=120, links=[to_board("This kind", KIND, "kind=${__value.raw}"),
                                                       to_page("Its failing jobs", "/failing?kind=${__value.raw}")]),
        Column("Tier", label="tier", links=[to_page("Its stuck jobs", "/stuck?tier=${__value.raw}")]),
        Column("Cause", label="cause"),
        Column("Reason", label="reason", links=[to_page("The jobs", "/stuck?reason=${__value.raw}")]),
        width=15, height=7, sort={"Urgency": True, "For": True}, without=("severity",),
        links=[STUCK_PAGE, to_page("Failing", "/failing")],
    )  # fmt: skip
