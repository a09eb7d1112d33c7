"""Are there workers for the jobs? Slots and worker processes. Pure."""

from __future__ import annotations

from riverkeeper.dashboards.parts.facts import running_attempts, running_by_queue
from riverkeeper.dashboards.parts.field import (
    KINDS_OF_QUEUE,
    OF_LIMIT,
    RUNNING_PAGE,
    STUCK_PAGE,
    TIMES,
    colored,
    steps,
    to_board,
    to_page,
)
from riverkeeper.dashboards.parts.palette import GOOD, PLAIN, WARN
from riverkeeper.dashboards.parts.panel import Panel, Query, Text, stat, timeseries
from riverkeeper.dashboards.parts.query import Queries, by, total
from riverkeeper.dashboards.parts.scope import KIND
from riverkeeper.dashboards.parts.tables import COLORED, GAUGE, Column, table

SHOWN = 15  # kinds: more rows than that nobody reads
FAR_OVER = steps((None, PLAIN), (3, WARN))  # learned_limits.factor: there a learned limit calls a job stuck


def slots_there(q: Queries) -> str:
    """The slots of each queue's workers as River Pro records them; else the most jobs that ran at once within a day."""
    busiest = q.once(f"max_over_time({q.select('river_jobs', state='running')}[1d])")
    return f"({by('queue', q.fact('river_slots'))} or {by('queue', busiest)})"


def slots_busy(q: Queries) -> Panel:
    text = Text(
        shows="Running jobs as a share of the slots, in the fullest queue. Only River Pro records how many slots the "
        "workers have. Without it, the largest number of jobs that ran at once in the last day is used.",
        normal="below 80 % most of the time.",
        next="100 % while jobs wait: all slots are busy. Do stuck jobs hold them? If not, add workers.",
        empty="no queue",
    )
    share = f"topk(1, {running_by_queue(q)} / ({slots_there(q)} > 0))"
    return stat(
        "Slots busy", text, Query(share, "queue {{queue}}"), unit="percentunit", width=3, decimals=0,
        thresholds=steps((None, PLAIN), (0.95, WARN)), named_values=True,
        links=[KINDS_OF_QUEUE],
    )  # fmt: skip


def workers(q: Queries) -> tuple[Panel, ...]:
    return processes(q), slots(q), beating(q), long_running(q)


def processes(q: Queries) -> Panel:
    text = Text(
        shows="Beating is the number of worker processes that send heartbeats, idle processes included. Busy is the "
        "number of clients with a running job, by queue.",
        normal="beating is the number of processes that you deployed. It changes with a deploy or with scaling.",
        next="beating falls without a deploy: processes died, or lost the database. /stuck lists the jobs they held. "
        "Beating is absent: there is no heartbeat table, so nobody can see idle workers.",
        empty="No client has worked in this time range",
    )
    busy = by("queue", q.fact("river_queue_busy_clients"))
    beating_now = total(q.fact("river_beating_clients"), "max")
    return timeseries(
        "Worker processes", text, Query(beating_now, "beating"), Query(busy, "busy in {{queue}}"), unit="short", fill=0,
        width=8, decimals=0, overrides=[colored("beating", GOOD, custom__lineWidth=3)],
        links=[STUCK_PAGE],
    )  # fmt: skip


def slots(q: Queries) -> Panel:
    text = Text(
        shows="Running jobs by queue, as a share of the slots. Only River Pro records the slots. Without it, the "
        "largest number of jobs that ran at once in the last day is used.",
        normal="it moves below 80 %.",
        next="it stays at 100 % while jobs wait: the queue needs workers, or stuck jobs hold its slots. It falls while "
        "jobs wait: the workers of the queue are gone.",
        empty="No queue in this time range",
    )
    share = f"{running_by_queue(q)} / ({slots_there(q)} > 0)"
    return timeseries("Slots busy, by queue", text, Query(share, "{{queue}}"), unit="percentunit", fill=0, width=8,
                      at_most=1, thresholds=OF_LIMIT,
                      links=[KINDS_OF_QUEUE])  # fmt: skip


def beating(q: Queries) -> Panel:
    text = Text(
        shows="Running attempts. Beating: the worker sends heartbeats. Unknown: it sends none. Stuck: proven to be "
        "stuck.",
        normal="most are beating: only for these Riverkeeper notices a dead worker within seconds.",
        next="many are unknown: add the heartbeat client to those workers. The board Kind counts them by kind.",
        empty="No job has run in this time range",
    )
    return running_attempts(q, "Running jobs: alive, unknown, stuck", text, "beating", "unknown", "stuck",
                            links=[STUCK_PAGE], width=8, decimals=0)  # fmt: skip


def long_running(q: Queries) -> Panel:
    text = Text(
        shows=f"The {SHOWN} kinds whose oldest attempt has run longest. Usual is the time within which 95 % of the "
        "completed runs in this time range ended. Progress is the age of the least recent progress report.",
        normal="below 3 × usual, and progress younger than a minute or two.",
        next="click the queue for /running: how far each job is, and when it is expected to end. It is far over usual, "
        "and its progress is old: /stuck shows whether it hangs.",
        empty="Nothing runs",
    )
    longest = by("queue, kind", q.age("river_job_oldest_running_timestamp_seconds"), "max")
    buckets = by("le, queue, kind", q.increase("river_job_run_duration_seconds", "_bucket", over="[$__range]"))
    usual = f"histogram_quantile(0.95, {buckets}) > 0"
    progress = by("queue, kind", q.age("river_job_oldest_progress_timestamp_seconds"), "max")
    run_limit = by("queue, kind", q.fact("river_job_limit_used_ratio", limit="run"), "max")
    shown = f"and on (queue, kind) topk({SHOWN}, {longest})"
    return table(
        "Running long, against what is usual", text,
        Column("Queue", label="queue", width=140,
               links=[to_page("Its running jobs", "/running?queue=${__value.raw}&kind=${__data.fields.Kind}")]),
        Column("Kind", label="kind", links=[
            to_board("This kind", KIND, "kind=${__value.raw}", "queue=${__data.fields.Queue}")]),
        Column("Longest", width=120, expr=f"topk({SHOWN}, {longest})", unit="s"),
        Column("Usual", width=120, expr=f"{usual} {shown}", unit="s"),
        Column("Against usual", width=130, expr=f"{longest} / ({usual}) {shown}", unit=TIMES,
               look={"thresholds": FAR_OVER, "decimals": 1, **COLORED}),
        Column("Progress", width=120, expr=f"{progress} {shown}", unit="s"),
        Column("Run limit used", width=160, expr=f"{run_limit} {shown}", unit="percentunit",
               look={"thresholds": OF_LIMIT, "decimals": 0, "min": 0, "max": 1, **GAUGE}),
        width=24, height=9, sort={"Longest": True}, links=[RUNNING_PAGE],
    )  # fmt: skip
