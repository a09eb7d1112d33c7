"""Are running jobs alive? Heartbeats, limits, and why workers ended. Pure."""

from __future__ import annotations

from riverkeeper.dashboards.parts.facts import (
    RUNNING,
    running_attempts,
)
from riverkeeper.dashboards.parts.field import (
    OF_LIMIT,
    STUCK_PAGE,
    steps,
    to_board,
    to_page,
)
from riverkeeper.dashboards.parts.palette import PLAIN, WARN
from riverkeeper.dashboards.parts.panel import Panel, Query, Text, heatmap, timeseries
from riverkeeper.dashboards.parts.query import Queries, by
from riverkeeper.dashboards.parts.scope import KIND


def liveness(q: Queries) -> tuple[Panel, ...]:
    return coverage(q), heartbeat_ages(q), limits_used(q), oldest_heartbeat(q), lost_by_cause(q)


def coverage(q: Queries) -> Panel:
    text = Text(
        shows="Running attempts. Beating: the worker sends heartbeats. Unknown: it sends none. Stuck: proven to be "
        "stuck. Suspected: without proof.",
        normal="most are beating: only for these Riverkeeper notices a dead worker within seconds.",
        next="many are unknown: add the heartbeat client to those workers. The board Kind counts them by kind.",
        empty="No job has run in this time range",
    )
    return running_attempts(q, "Beating, unknown, stuck, suspected", text, *RUNNING, links=[STUCK_PAGE])


def heartbeat_ages(q: Queries) -> Panel:
    text = Text(
        shows="Beating attempts by the time since their last beat.",
        normal="one band below the declared interval.",
        next="one band climbs: one process stopped beating. All bands climb: check the network to the database.",
        empty="No beating job has run in this time range",
    )
    ages = q.once(q.select("river_job_heartbeat_age_seconds", "_bucket"))
    return heatmap("Time since the last beat", text, f"sum by (le) ({ages})")


def limits_used(q: Queries) -> Panel:
    text = Text(
        shows="How much of each limit the worst running job uses. Values above 200 % are drawn at 200 %.",
        normal="heartbeat below a third, run below 80 %.",
        next="a line is above the red line: a job is stuck. Click to see the kinds.",
        empty="No limits: Riverkeeper gave no verdicts in this time range",
    )
    used = q.fact("river_job_limit_used_ratio", limit="~heartbeat|progress|run")
    worst = f"clamp_max({by('limit, tier', used, 'max')}, 2)"
    return timeseries(
        "Limits used", text, Query(worst, "{{limit}} ({{tier}})"), unit="percentunit", fill=0, thresholds=OF_LIMIT,
        threshold_lines=True, links=[to_board("Kinds", KIND)],
    )  # fmt: skip


def oldest_heartbeat(q: Queries) -> Panel:
    text = Text(
        shows="Time since the last beat of the attempt that has not beaten for longest, in each queue.",
        normal="below the declared interval of its clients, 10 s at the defaults.",
        next="a line climbs: a process died, froze or lost the database. Click for /stuck.",
        empty="No beating job has run in this time range",
    )
    ages = by("queue", q.age("river_job_oldest_heartbeat_timestamp_seconds"), "max")
    return timeseries("Oldest heartbeat", text, Query(ages, "{{queue}}"), unit="s", fill=0, logarithmic=True,
                      links=[to_page("Stuck jobs", "/stuck?queue=${__field.labels.queue}")])  # fmt: skip


LOST = "queue_reason:riverkeeper_jobs_lost:increase1h"
OF_KILLS = steps((None, PLAIN), (3, WARN))  # as RiverWorkersOutOfMemory has it


def lost_by_cause(q: Queries) -> Panel:
    text = Text(
        shows="Jobs that lost their worker within the hour before, by why its container ended, as its pod's status has "
        "it. Held jobs and dry runs count too.",
        normal="none.",
        next="OOMKilled: the workers need more memory, or one kind does. Completed: a deploy gave its jobs too little "
        "time to end. Evicted, Preempted, NodeShutdown: look at the nodes. Error: read the log of the worker. Click to "
        "see pods and kinds.",
        empty="No job was lost by proof from Kubernetes, or kubernetes.enabled is off",
    )
    count = by("queue, reason", q.recorded(LOST))
    return timeseries(
        "Why workers ended: jobs lost within an hour", text, Query(f"{count} > 0", "{{reason}} in {{queue}}"),
        unit="short", width=24, fill=0, decimals=0, shown_to=4, thresholds=OF_KILLS, threshold_lines=True,
        links=[to_page("Rescues after proof", "/rescues?reason=worker_dead&queue=${__field.labels.queue}")],
    )  # fmt: skip
