"""Is anything wrong, and where? One screen, then the queues. Pure."""

from __future__ import annotations

from riverkeeper.dashboards.board import Board, Section
from riverkeeper.dashboards.field import ANY_IS_BAD, ANY_IS_ODD, OF_LIMIT, colored, to_board, to_keeper
from riverkeeper.dashboards.overview.alerts_table import alerts
from riverkeeper.dashboards.overview.maintenance import maintenance
from riverkeeper.dashboards.overview.queue_states import queue_states
from riverkeeper.dashboards.overview.queues_table import queues
from riverkeeper.dashboards.overview.trust import trust
from riverkeeper.dashboards.panel import Form, Panel, Query, Text
from riverkeeper.dashboards.panels import stat, timeseries
from riverkeeper.dashboards.query import Queries, by, total
from riverkeeper.dashboards.scope import Scope
from riverkeeper.dashboards.uids import KIND, OVERVIEW, RESCUE

FILTERS = ("queue",)


def overview(scope: Scope) -> Board:
    q = Queries(scope.replica_labels, FILTERS)
    return Board(
        OVERVIEW,
        "Riverkeeper / Overview",
        "Is anything wrong with this River, and where? Read it from the top left; each panel says what to do next.",
        FILTERS,
        (
            worst_limit(q), stuck_now(q), oldest_wait(q), due_jobs(q), failing_kinds(q), trust(q),
            alerts(scope), queue_states(q),
            in_against_out(q), due_by_queue(q),
        ),
        (Section("Queues", (queues(q),)), Section("Leader, scheduler, cleaner", maintenance(q))),
    )  # fmt: skip


def worst_limit(q: Queries) -> Panel:
    text = Text(
        shows="The job, or the wait of a queue, that is nearest to its limit or furthest beyond it. 100 % is at it.",
        normal="below 80 %. A limit is the tier's, or three times the kind's own p99.",
        next="click for what is stuck; the name says which queue, kind and limit.",
        empty="no limits",
    )
    worst = f"topk(1, {q.fact('river_job_limit_used_ratio')})"
    return stat(
        "Worst limit used", text, Query(worst, "{{limit}} of {{queue}} {{kind}}", Form.NOW), unit="percentunit",
        width=4, thresholds=OF_LIMIT, named_values=True, decimals=0,
        links=[to_keeper("Stuck jobs", "/stuck"), to_board("Liveness and rescue", RESCUE)],
    )  # fmt: skip


def stuck_now(q: Queries) -> Panel:
    text = Text(
        shows="Running attempts that are stuck: worker lost, hung, over budget and so on; and those that may be.",
        normal="0, or a few for less than a minute while the rescuer waits out a fence.",
        next="click: /stuck names each job, why, and what would be done about it.",
        empty="no verdicts",
    )
    return stat(
        "Stuck now", text,
        Query(total(q.fact("river_jobs_stuck")), "stuck"),
        Query(total(q.fact("river_jobs_suspected")), "suspected"),
        unit="short", width=3, thresholds=ANY_IS_BAD, named_values=True,
        links=[to_keeper("Stuck jobs", "/stuck"), to_board("Liveness and rescue", RESCUE)],
    )  # fmt: skip


def oldest_wait(q: Queries) -> Panel:
    text = Text(
        shows="How long the job waits that became due first and is not claimed, by the database's clock.",
        normal="seconds. What is too long depends on the tier: the table below has it as a share of its limit.",
        next="look which queue, below: is it paused, frozen, without a producer, or only slower than its inflow?",
        empty="nothing due",
    )
    age = q.age("river_job_oldest_ready_timestamp_seconds")
    return stat("Oldest due wait", text, Query(total(age, "max"), "wait"), unit="s", width=4)


def due_jobs(q: Queries) -> Panel:
    text = Text(
        shows="Jobs that are available and due: what a worker could claim now.",
        normal="near 0, or a hill that falls again. Of long queues it is the planner's estimate.",
        next="compare with in and out below; add workers only if they are all busy.",
        empty="not readable",
    )
    return stat("Due jobs", text, Query(total(q.fact("river_jobs_ready")), "due"), unit="short", width=3)  # fmt: skip


def failing_kinds(q: Queries) -> Panel:
    text = Text(
        shows="Kinds with live jobs that have failed at least once: retrying now, not yet discarded.",
        normal="0, or kinds whose failures pass by themselves.",
        next="click: /failing names the jobs, nearest to being discarded first, with their errors.",
        empty="not readable",
    )
    failing = f"sum({by('kind', q.fact('river_jobs_failing'), 'max')} > bool 0)"
    return stat(
        "Failing kinds", text, Query(failing, "kinds"), unit="short", width=4, thresholds=ANY_IS_ODD,
        links=[to_keeper("Failing jobs", "/failing"), to_board("Kind", KIND)],
    )  # fmt: skip


def in_against_out(q: Queries) -> Panel:
    text = Text(
        shows="Jobs a second that come and that finish. In is computed: what finished plus how the live jobs grew.",
        normal="in and completed lie on each other. In above out for long is a backlog that grows.",
        next="discarded above 0: see Kind. In above completed: are all clients busy, or do jobs run longer?",
        empty="No job has finished while the keeper watched",
    )
    done = q.rate("river_jobs_finished_total")
    entered = f"clamp_min({total(done)} + {total(q.growth('river_jobs'))}, 0)"
    return timeseries(
        "In against out", text, Query(entered, "in (computed)"), Query(by("outcome", done), "{{outcome}}"),
        unit="ops", height=7,
        overrides=[colored("in (computed)", "blue", custom__fillOpacity=20), colored("completed", "green"),
                   colored("discarded", "red"), colored("cancelled", "purple")],
    )  # fmt: skip


def due_by_queue(q: Queries) -> Panel:
    text = Text(
        shows="Jobs that are available and due, by queue.",
        normal="hills that fall again.",
        next="a hill that only rises: click the line to see the kinds of that queue.",
        empty="No queue was seen in this time",
    )
    return timeseries(
        "Due by queue", text, Query(by("queue", q.fact("river_jobs_ready")), "{{queue}}"), unit="short", height=7,
        stacked=True, links=[to_board("Kinds of this queue", KIND, "queue=${__field.labels.queue}")],
    )  # fmt: skip
