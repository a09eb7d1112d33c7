"""How does one kind of job fare: does it fail, how long does it run, what runs now? Pure."""

from __future__ import annotations

from riverkeeper.dashboards.board import Board, Section
from riverkeeper.dashboards.field import ANY_IS_BAD, ANY_IS_ODD, OF_LIMIT, colored, to_board, to_keeper
from riverkeeper.dashboards.kind.kinds_table import kinds
from riverkeeper.dashboards.kind.run_times import run_times
from riverkeeper.dashboards.kind.waits import waits
from riverkeeper.dashboards.panel import Form, Panel, Query, Text
from riverkeeper.dashboards.panels import bars, stat, timeseries
from riverkeeper.dashboards.query import Queries, by, total
from riverkeeper.dashboards.scope import Scope
from riverkeeper.dashboards.uids import KIND, RESCUE

FILTERS = ("queue", "kind")
PAGE = "?kind=${kind}"


def kind(scope: Scope) -> Board:
    q = Queries(scope.replica_labels, FILTERS)
    return Board(
        KIND,
        "Riverkeeper / Kind",
        "One kind of job, in the chosen queues: its failures first, then run times, what runs now, waits and ends.",
        FILTERS,
        (
            failing(q), last_attempt(q), discarded(q), running(q), oldest(q), limits_used(q),
            failing_over_time(q), kinds(q),
        ),
        (Section("Run time", run_times(q)), Section("Waiting and ending", waits(q))),
        one_kind=True,
    )  # fmt: skip


def failing(q: Queries) -> Panel:
    text = Text(
        shows="Live jobs of this kind that have failed at least once.",
        normal="0, or a few that succeed when tried again.",
        next="click: /failing names them with their errors.",
        empty="kind not seen",
    )
    jobs = total(q.fact("river_jobs_failing"))
    return stat("Failing", text, Query(jobs, "failing"), unit="short", width=3, thresholds=ANY_IS_ODD,
                links=[to_keeper("Failing jobs", f"/failing{PAGE}")])  # fmt: skip


def last_attempt(q: Queries) -> Panel:
    text = Text(
        shows="Live jobs of this kind whose next failure discards them.",
        normal="0.",
        next="click: mend the cause, or raise max_attempts of these jobs, before they run again.",
        empty="kind not seen",
    )
    jobs = total(q.fact("river_jobs_last_attempt"))
    return stat("On last attempt", text, Query(jobs, "last"), unit="short", width=3, thresholds=ANY_IS_BAD,
                links=[to_keeper("Failing jobs", f"/failing{PAGE}")])  # fmt: skip


def discarded(q: Queries) -> Panel:
    text = Text(
        shows="Jobs of this kind that were given up in the time shown, each counted once.",
        normal="0.",
        next="River keeps discarded jobs for a week: retry them from its UI once the cause is mended.",
        empty="kind not seen",
    )
    lost = q.increase("river_jobs_finished_total", over="[$__range]", outcome="discarded")
    return stat("Discarded", text, Query(total(lost), "discarded", Form.NOW), unit="short", width=3,
                thresholds=ANY_IS_BAD, decimals=0)  # fmt: skip


def running(q: Queries) -> Panel:
    text = Text(
        shows="Attempts of this kind that run now.",
        normal="what its workers hold; 0 with jobs due means that nobody works it.",
        next="below, their ages against the limit.",
        empty="kind not seen",
    )
    run = q.fact("river_jobs_by_kind", state="running")
    return stat("Running", text, Query(total(run), "running"), unit="short", width=3)


def oldest(q: Queries) -> Panel:
    text = Text(
        shows="Age of the attempt that has run longest, by the database's clock.",
        normal="below the limit that is drawn in the panel of run times.",
        next="click: /stuck says whether it is lost, hung or only long.",
        empty="none runs",
    )
    age = total(q.age("river_job_oldest_running_timestamp_seconds"), "max")
    return stat("Oldest running", text, Query(age, "age"), unit="s", width=4,
                links=[to_keeper("Stuck jobs", f"/stuck{PAGE}")])  # fmt: skip


def limits_used(q: Queries) -> Panel:
    text = Text(
        shows="The worst present value of each limit of this kind, as a share of it: 100 % is at the limit.",
        normal="below 80 %.",
        next="heartbeat: its worker is silent. progress: it beats and does not move. run: it is longer than usual. "
        "silence: it has not finished for too long.",
        empty="No limit holds, or nothing it applies to runs",
    )
    used = by("limit, tier", q.fact("river_job_limit_used_ratio"), "max")
    return bars("Limits used", text, Query(used, "{{limit}} ({{tier}})", Form.NOW), unit="percentunit", width=8,
                height=4, thresholds=OF_LIMIT, most=1,
                links=[to_keeper("Stuck jobs", f"/stuck{PAGE}"), to_board("Liveness and rescue", RESCUE)])  # fmt: skip


def failing_over_time(q: Queries) -> Panel:
    text = Text(
        shows="Live jobs of this kind that have failed, and those whose next failure discards them.",
        normal="hills that fall again as retries succeed.",
        next="both rise: it is not passing by itself. Last attempts only: old failures come to their end.",
        empty="No live job of this kind in this time",
    )
    return timeseries(
        "Failing and last attempts", text,
        Query(total(q.fact("river_jobs_failing")), "failing"),
        Query(total(q.fact("river_jobs_last_attempt")), "on last attempt"),
        unit="short", links=[to_keeper("Failing jobs", f"/failing{PAGE}")],
        overrides=[colored("failing", "orange"), colored("on last attempt", "red")],
    )  # fmt: skip
