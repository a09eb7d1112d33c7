"""Are there workers for the jobs? Slots and worker processes. Pure."""

from __future__ import annotations

from riverkeeper.dashboards.parts.facts import running_attempts, running_by_queue
from riverkeeper.dashboards.parts.field import KINDS_OF_QUEUE, OF_LIMIT, STUCK_PAGE, colored, steps
from riverkeeper.dashboards.parts.palette import GOOD, PLAIN, WARN
from riverkeeper.dashboards.parts.panel import Panel, Query, Text, stat, timeseries
from riverkeeper.dashboards.parts.query import Queries, by, total


def slots_there(q: Queries) -> str:
    """The slots of each queue's workers: those that River Pro records, else the most that ran at once within a day."""
    busiest = q.once(f"max_over_time({q.select('river_jobs', state='running')}[1d])")
    return f"({by('queue', q.fact('river_slots'))} or {by('queue', busiest)})"


def slots_busy(q: Queries) -> Panel:
    text = Text(
        shows="Running jobs as a share of the slots, in the fullest queue. Only River Pro records how many slots its "
        "workers have; without it, the most that ran at once within a day stands for them.",
        normal="below 80 % most of the time.",
        next="100 % while jobs wait: all slots are busy. Do stuck jobs hold them? Else add workers.",
        empty="no queue",
    )
    share = f"topk(1, {running_by_queue(q)} / ({slots_there(q)} > 0))"
    return stat(
        "Slots busy", text, Query(share, "queue {{queue}}"), unit="percentunit", width=3, decimals=0,
        thresholds=steps((None, PLAIN), (0.95, WARN)), named_values=True,
        links=[KINDS_OF_QUEUE],
    )  # fmt: skip


def workers(q: Queries) -> tuple[Panel, ...]:
    return processes(q), slots(q), beating(q)


def processes(q: Queries) -> Panel:
    text = Text(
        shows="Beating: worker processes with the heartbeat client, idle ones too. Busy: clients with a running job, "
        "by queue.",
        normal="beating is the number that you deployed, and changes only with a deploy or with scaling.",
        next="beating falls without a deploy: processes died or lost the database. See /stuck for what they held. "
        "Beating is absent: no heartbeat table, so idle workers cannot be seen.",
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
        shows="Running jobs by queue, as a share of the slots: those that River Pro records, else the most that ran at "
        "once within a day.",
        normal="moves below 80 %.",
        next="flat at 100 % while jobs wait: the queue needs workers, or stuck jobs hold its slots. Falls while jobs "
        "wait: its workers are gone.",
        empty="No queue in this time range",
    )
    share = f"{running_by_queue(q)} / ({slots_there(q)} > 0)"
    return timeseries("Slots busy, by queue", text, Query(share, "{{queue}}"), unit="percentunit", fill=0, width=8,
                      at_most=1, thresholds=OF_LIMIT,
                      links=[KINDS_OF_QUEUE])  # fmt: skip


def beating(q: Queries) -> Panel:
    text = Text(
        shows="Running attempts: beating ones, unknown ones without heartbeats, and those proven to be stuck.",
        normal="mostly beating: only for these Riverkeeper notices a dead worker within seconds.",
        next="many unknown: add the heartbeat client to those workers; the board Kind counts them by kind.",
        empty="No job has run in this time range",
    )
    return running_attempts(q, "Running jobs: alive, unknown, stuck", text, "beating", "unknown", "stuck",
                            links=[STUCK_PAGE], width=8, decimals=0)  # fmt: skip
