"""The board of one kind of job: failures, run times, what runs now, waits and ends. Pure."""

from __future__ import annotations

from riverkeeper.dashboards.parts.board import Board, BoardSection
from riverkeeper.dashboards.parts.facts import ATTEMPTS, WAITED, failed_share, limit_by_tier, running_attempts
from riverkeeper.dashboards.parts.field import (
    ANY_IS_BAD,
    ANY_IS_ODD,
    LIMIT_LINES,
    OF_FAILURE,
    OF_LIMIT,
    PER_MINUTE,
    colored,
    to_board,
    to_page,
)
from riverkeeper.dashboards.parts.palette import ACTED, ACTIVE, BAD, GOOD, QUIET, WARN
from riverkeeper.dashboards.parts.panel import Panel, Query, Text, bars, heatmap, stat, timeseries
from riverkeeper.dashboards.parts.query import Queries, by, total
from riverkeeper.dashboards.parts.scope import KIND, RESCUE, DashboardScope
from riverkeeper.dashboards.parts.tables import COLORED, GAUGE, Column, table

FILTERS = ("queue", "kind")
PAGE = "?kind=${kind}"
STUCK = [to_page("Its stuck jobs", f"/stuck{PAGE}")]
FAILING = [to_page("Its failing jobs, with errors", f"/failing{PAGE}")]


def kind_board(scope: DashboardScope) -> Board:
    q = Queries(scope.replica_labels, FILTERS, one_kind=True)
    return Board(
        KIND,
        "Riverkeeper / Kind",
        "One kind of job in the selected queues: failures first, then run times, running jobs, waits and outcomes.",
        FILTERS,
        (
            failed(q), failing(q), last_attempt(q), discarded(q), running(q), oldest(q), limits_used(q),
            failing_over_time(q), kinds(q),
        ),
        (BoardSection("Run time", run_times(q)), BoardSection("Waiting and ending", waits(q))),
        one_kind=True,
    )  # fmt: skip


def failed(q: Queries) -> Panel:
    text = Text(
        shows="Share of this kind's attempts that failed in this time range. An attempt counts when it ends.",
        normal="below 5 %.",
        next="click for /failing, which shows the errors.",
        empty="none finished",
    )
    return stat("Attempts that fail", text, Query(failed_share(q, "[$__range]", "kind"), "failed"),
                unit="percentunit", width=3, thresholds=OF_FAILURE, decimals=0,
                links=FAILING)  # fmt: skip


def failing(q: Queries) -> Panel:
    text = Text(
        shows="Live jobs of this kind that have failed at least once.",
        normal="0, or a few that succeed when River retries them.",
        next="click for /failing, which lists them with their errors.",
        empty="kind not seen",
    )
    jobs = total(q.fact("river_jobs_failing"))
    return stat("Failing", text, Query(jobs, "failing"), unit="short", width=3, thresholds=ANY_IS_ODD,
                links=FAILING)  # fmt: skip


def last_attempt(q: Queries) -> Panel:
    text = Text(
        shows="Live jobs of this kind that River discards if they fail once more.",
        normal="0.",
        next="click to see them. Fix the cause, or raise max_attempts of these jobs, before they run again.",
        empty="kind not seen",
    )
    jobs = total(q.fact("river_jobs_last_attempt"))
    return stat("On last attempt", text, Query(jobs, "last"), unit="short", width=3, thresholds=ANY_IS_BAD,
                links=FAILING)  # fmt: skip


def discarded(q: Queries) -> Panel:
    text = Text(
        shows="Jobs of this kind that River discarded in this time range.",
        normal="0.",
        next="fix the cause, then retry the jobs in River UI. River deletes discarded jobs after a week.",
        empty="kind not seen",
    )
    lost = q.increase("river_jobs_finished_total", over="[$__range]", outcome="discarded")
    return stat("Discarded", text, Query(total(lost), "discarded"), unit="short", width=3,
                thresholds=ANY_IS_BAD, decimals=0, links=FAILING)  # fmt: skip


def running(q: Queries) -> Panel:
    text = Text(
        shows="Attempts of this kind that run now.",
        normal="at most the slots of its workers.",
        next="it is 0 while jobs are due: no client works this kind. It is high: compare the ages with the limit "
        "below.",
        empty="kind not seen",
    )
    run = q.fact("river_jobs_by_kind", state="running")
    return stat(
        "Running",
        text,
        Query(total(run), "running"),
        unit="short",
        width=3,
        links=STUCK,
    )


def oldest(q: Queries) -> Panel:
    text = Text(
        shows="Age of the longest running attempt, by the database's clock.",
        normal="below the limit in the panel Run time.",
        next="click for /stuck, which shows whether the job is lost, hung or only long.",
        empty="none runs",
    )
    age = total(q.age("river_job_oldest_running_timestamp_seconds"), "max")
    return stat("Oldest running", text, Query(age, "age"), unit="s", width=3,
                links=STUCK)  # fmt: skip


def limits_used(q: Queries) -> Panel:
    text = Text(
        shows="How much of each limit the worst job of this kind uses. 100 % is at the limit.",
        normal="below 80 %.",
        next="above 100 %, by limit: heartbeat: the worker stopped beating. progress: the job beats, and reports no "
        "progress. run: the job runs longer than usual. silence: no job of this kind has finished for too long.",
        empty="No limit applies to a running job",
    )
    used = by("limit, tier", q.fact("river_job_limit_used_ratio"), "max")
    return bars("Limits used", text, Query(used, "{{limit}} ({{tier}})"), unit="percentunit", width=6,
                height=4, thresholds=OF_LIMIT, most=1,
                links=[to_page("Stuck jobs", f"/stuck{PAGE}"), to_board("Liveness and rescue", RESCUE)])  # fmt: skip


def failing_over_time(q: Queries) -> Panel:
    text = Text(
        shows="Live jobs of this kind that have failed, and those that River discards if they fail once more.",
        normal="peaks that fall when retries succeed.",
        next="both lines rise: retries do not help. Only the last attempts rise: old failures are near their end.",
        empty="No live job of this kind in this time range",
    )
    return timeseries(
        "Failing and last attempts", text,
        Query(total(q.fact("river_jobs_failing")), "failing"),
        Query(total(q.fact("river_jobs_last_attempt")), "on last attempt"),
        unit="short", links=FAILING,
        overrides=[colored("failing", WARN), colored("on last attempt", BAD)],
    )  # fmt: skip


def kinds(q: Queries) -> Panel:
    text = Text(
        shows="All kinds in the selected queues, not only the selected kind. Kinds with failures are first.",
        normal="no job on its last attempt, and limits used below 80 %.",
        next="click a kind to show it here, with its queue.",
        empty="No kind in these queues in the last hour",
    )
    run = {"limit": "~run|heartbeat|progress", "kind": None}
    return table(
        "Kinds in the selected queues", text,
        Column("Queue", label="queue", width=95),
        Column("Kind", label="kind", links=[
            to_board("This kind", KIND, "kind=${__value.raw}", "queue=${__data.fields.Queue}"),
            to_page("Its failing jobs", "/failing?kind=${__value.raw}")]),
        Column("Failing", width=75, expr=by("queue, kind", q.fact("river_jobs_failing", kind=None)),
               look={"thresholds": ANY_IS_ODD, **COLORED}),
        Column("Last attempt", width=105, expr=by("queue, kind", q.fact("river_jobs_last_attempt", kind=None)),
               look={"thresholds": ANY_IS_BAD, **COLORED}),
        Column("Running", width=80, expr=by("queue, kind", q.fact("river_jobs_by_kind", kind=None, state="running"))),
        Column("Unknown", width=85, expr=by("queue, kind", q.fact("river_jobs_unknown", kind=None))),
        Column("Limit used", width=140, expr=by("queue, kind", q.fact("river_job_limit_used_ratio", **run), "max"),
               unit="percentunit", look={"thresholds": OF_LIMIT, "decimals": 0, "min": 0, "max": 1, **GAUGE}),
        width=12, height=9, sort={"Failing": True},
    )  # fmt: skip


RUNS = "river_job_run_duration_seconds"
WEEK = " offset 1w"
PERCENTILE_COLORS = (colored("p50", QUIET), colored("p95", ACTIVE), colored("p99", ACTED))


def percentiles(q: Queries, histogram: str) -> list[Query]:
    return [Query(q.quantile(percent / 100, histogram), f"p{percent}") for percent in (50, 95, 99)]


def limit_in_force(q: Queries, name: str, **matchers: str | None) -> Query:
    """A line that LIMIT_LINES draws."""
    return Query(limit_by_tier(q, name, **matchers), "limit ({{tier}})")


def run_times(q: Queries) -> tuple[Panel, ...]:
    return quantiles(q), spread(q), running_ages(q), beating(q)


def quantiles(q: Queries) -> Panel:
    text = Text(
        shows="Run time of completed jobs, with the limit in force, and with the p99 of the same hour a week ago.",
        normal="p99 is near last week's line, and far below the limit.",
        next="p99 leaves last week's line: what was deployed? p99 is near the limit: healthy jobs will count as stuck.",
        empty="No job of this kind has completed in this time range",
    )
    return timeseries(
        "Run time", text,
        *percentiles(q, RUNS),
        Query(q.quantile(0.99, RUNS, WEEK), "p99 a week ago"),
        limit_in_force(q, "run"),
        unit="s", fill=0, logarithmic=True,
        overrides=[*PERCENTILE_COLORS,
                   colored("p99 a week ago", ACTED, custom__lineStyle={"fill": "dot", "dash": [2, 6]}),
                   LIMIT_LINES],
        in_order=True, links=STUCK,
    )  # fmt: skip


def spread(q: Queries) -> Panel:
    text = Text(
        shows="Completed jobs by run time.",
        normal="one band.",
        next="the band climbs: the work grows. There are two bands: two kinds of work share one name. Give the second "
        "one a kind of its own, so that its limit fits.",
        empty="No job of this kind has completed in this time range",
    )
    return heatmap("Run time, all jobs", text, f"sum by (le) ({q.increase(RUNS, '_bucket')})")


def running_ages(q: Queries) -> Panel:
    text = Text(
        shows="Age of the longest running attempt in each queue, with the limit in force.",
        normal="sawteeth below the limit.",
        next="a line only rises: that job does not end. Click for /stuck.",
        empty="No job has run in this time range",
    )
    ages = by("queue", q.age("river_job_oldest_running_timestamp_seconds"), "max")
    return timeseries(
        "Running now, against the limit", text, Query(ages, "{{queue}}"), limit_in_force(q, "run"),
        unit="s", logarithmic=True, fill=0, overrides=[LIMIT_LINES],
        in_order=True, links=STUCK,
    )  # fmt: skip


def beating(q: Queries) -> Panel:
    text = Text(
        shows="Running attempts. Beating: the worker sends heartbeats. Unknown: it sends none.",
        normal="all are beating with the heartbeat client, and all are unknown without it.",
        next="some are unknown: a worker has no heartbeat client, or cannot reach the database.",
        empty="No job has run in this time range",
    )
    return running_attempts(q, "Beating and unknown", text, "beating", "unknown", links=STUCK)


STATES = {"available": ACTIVE, "pending": QUIET, "retryable": WARN, "running": GOOD, "scheduled": ACTED}


def waits(q: Queries) -> tuple[Panel, ...]:
    return wait_times(q), outcomes(q), live(q), attempts(q), last_finished(q)


def wait_times(q: Queries) -> Panel:
    text = Text(
        shows="Time from due to claimed, for all kinds in the selected queues: River claims by queue, not by kind. The "
        "limit comes from the tier.",
        normal="below two seconds while clients have free slots.",
        next="waits rise while few jobs run: a client is gone. Waits rise while all slots are busy: add workers.",
        empty="No job has finished in these queues in this time range",
    )
    return timeseries(
        "Wait", text,
        *percentiles(q, WAITED),
        limit_in_force(q, "wait", kind=None),
        unit="s", fill=0, logarithmic=True,
        overrides=[*PERCENTILE_COLORS, LIMIT_LINES],
        in_order=True, links=STUCK,
    )  # fmt: skip


def outcomes(q: Queries) -> Panel:
    text = Text(
        shows="Jobs of this kind that finish in a minute, by outcome.",
        normal="completed only.",
        next="discarded: the jobs are lost unless you retry them. Cancelled: did the job cancel itself, or an "
        "operator?",
        empty="No job of this kind has finished in this time range",
    )
    ended = by("outcome", q.per_minute("river_jobs_finished_total"))
    return timeseries(
        "Finished, by outcome", text, Query(ended, "{{outcome}}"), unit=PER_MINUTE, fill=0, decimals=1,
        overrides=[colored("completed", GOOD), colored("discarded", BAD), colored("cancelled", ACTED)],
        links=FAILING,
    )  # fmt: skip


def live(q: Queries) -> Panel:
    text = Text(
        shows="Live jobs of this kind, by state.",
        normal="running and available; retryable where retries succeed.",
        next="available only grows: no client works this kind. Scheduled only grows: see Overdue jobs in the Overview.",
        empty="No live job of this kind, or its queue is too long to read each row",
    )
    states = by("state", q.fact("river_jobs_by_kind"))
    return timeseries("Live jobs, by state", text, Query(states, "{{state}}"), unit="short", width=8, fill=0,
                      overrides=[colored(name, color) for name, color in STATES.items()],
        links=FAILING,
    )  # fmt: skip


def attempts(q: Queries) -> Panel:
    text = Text(
        shows="How many attempts ended for each job that finished.",
        normal="1.",
        next="at 2 every job runs twice, so half of the work is wasted. /failing shows the errors.",
        empty="No job of this kind has finished in this time range",
    )
    mean = f"{total(q.rate(ATTEMPTS))} / ({total(q.rate('river_jobs_finished_total'))} > 0)"
    return timeseries("Attempts per finished job", text, Query(mean, "attempts"), unit="short", width=8,
                      links=FAILING)  # fmt: skip


def last_finished(q: Queries) -> Panel:
    text = Text(
        shows="Time since a job of this kind last finished. The limit is there for kinds that must finish regularly.",
        normal="for a periodic kind, a sawtooth as high as its period.",
        next="it climbs beyond the period: does a client lead, so that River inserts the job? Does the job still run?",
        empty="No job of this kind is known to have finished",
    )
    ages = by("queue", q.age("river_job_last_finished_timestamp_seconds"), "max")
    return timeseries(
        "Since last finished", text, Query(ages, "{{queue}}"), limit_in_force(q, "silence"), unit="s", width=8,
        logarithmic=True, fill=0,
        overrides=[LIMIT_LINES],
        in_order=True, links=STUCK,
    )  # fmt: skip
