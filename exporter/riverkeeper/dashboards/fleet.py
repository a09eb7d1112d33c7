"""The fleet board: every River in one table, and which of them needs an operator. Pure."""

from __future__ import annotations

from riverkeeper.dashboards.parts.board import Board
from riverkeeper.dashboards.parts.facts import MODES, failed_share, rescuer, wait_limit_used
from riverkeeper.dashboards.parts.field import (
    ANY_IS_BAD,
    ANY_IS_ODD,
    BUDGET_LEFT,
    OF_FAILURE,
    OF_LIMIT,
    ONE_ACTIVE,
    PER_MINUTE,
    TIMES,
    to_river,
    words,
)
from riverkeeper.dashboards.parts.palette import BAD, PLAIN, QUIET
from riverkeeper.dashboards.parts.panel import Panel, Query, Text, timeline, timeseries
from riverkeeper.dashboards.parts.query import ALL_RIVERS, Queries, by
from riverkeeper.dashboards.parts.scope import FLEET, OVERVIEW, RESCUE, RIVER_NAME, DashboardScope
from riverkeeper.dashboards.parts.tables import COLORED, GAUGE, Column, table
from riverkeeper.dashboards.sections.budgets import SPENT
from riverkeeper.dashboards.sections.budgets import losses as losses_of
from riverkeeper.dashboards.sections.budgets import waits as waits_of

RIVER = ", ".join(RIVER_NAME)  # the labels that name a River
NAME = " ".join(f"{{{{{label}}}}}" for label in RIVER_NAME)
ALERTS = 'ALERTS{alertstate="firing", alertname=~"River.+", cluster=~"$cluster", namespace=~"$namespace"'
WATCHED = {
    -2: ("NEVER SEEN", BAD),
    -1: ("NOT WATCHED", BAD),
    0: ("UNREADABLE", BAD),
    1: ("watched", PLAIN),
}
LINE = [to_river("Overview of this River", OVERVIEW, of_line=True)]
WATCHED_LINES = {**WATCHED, 1: ("watched", QUIET)}


def fleet_board(scope: DashboardScope) -> Board:
    q = Queries(scope.replica_labels, (), ALL_RIVERS)
    return Board(
        FLEET,
        "Riverkeeper / Fleet",
        "All Rivers, one row each. Which of them needs an operator? Click a name to open the overview of that River.",
        (),
        (rivers(q, scope), watched_over_time(q), waits(q), stuck(q), failed(q), finished(q)),
        all_rivers=True,
    )


def rivers(q: Queries, scope: DashboardScope) -> Panel:
    text = Text(
        shows="One row for each River. Its name is the job label of the scrape, with cluster and namespace. The River "
        "with the most alerts that page is first.",
        normal="watched, no pages, no stuck jobs, wait limits used below 0.8 ×, one active replica.",
        next="click the name to open the overview of that River, or the number of stuck jobs to open its rescues. NOT "
        "WATCHED: no replica is scraped, so the other columns are empty.",
        empty="No River was scraped in this time range: does Prometheus scrape Riverkeeper?",
    )
    return table(
        "Rivers", text, *columns(q, scope), width=24, height=8, sort={"Pages": True, "Stuck": True, "Tickets": True}
    )


def columns(q: Queries, scope: DashboardScope) -> list[Column]:
    """What a row has, the most urgent at the left, where a phone shows it."""
    overview, rescue = to_river("Overview of this River", OVERVIEW), to_river("Its stuck jobs and rescues", RESCUE)
    brakes = f"sum by ({RIVER}) ({by(f'{RIVER}, brake', q.fact('riverkeeper_brake_engaged'), 'max')})"
    return [
        Column("Job", label="job", width=110, links=[overview, rescue]),
        Column("Watched", expr=watched(q, targets=True), unit="none", width=115,
               look={"mappings": words(WATCHED), **COLORED}),
        Column("Pages", expr=firing(q, "critical"), width=65, links=[overview],
               look={"thresholds": ANY_IS_BAD, **COLORED}),
        Column("Tickets", expr=firing(q, "warning"), width=70, links=[overview],
               look={"thresholds": ANY_IS_ODD, **COLORED}),
        Column("Stuck", expr=by(RIVER, q.fact("river_jobs_stuck")), width=65, links=[rescue],
               look={"thresholds": ANY_IS_BAD, **COLORED}),
        Column("Suspected", expr=by(RIVER, q.fact("river_jobs_suspected")), width=100, links=[rescue],
               look={"thresholds": ANY_IS_ODD, **COLORED}),
        Column("Budget left", expr=budget(q, scope), unit="percentunit", width=100, links=[overview],
               look={"thresholds": BUDGET_LEFT, "mappings": SPENT, "decimals": 0, **COLORED}),
        Column("Wait limit used", expr=waited(q), unit=TIMES, width=135, links=[overview],
               look={"thresholds": OF_LIMIT, "decimals": 1, "min": 0, "max": 1, **GAUGE}),
        Column("Attempts fail", expr=failed_share(q, "[$__range]", RIVER), unit="percentunit", width=115,
               links=[overview], look={"thresholds": OF_FAILURE, "decimals": 0, **COLORED}),
        Column("Lost", expr=lost(q), width=70, links=[overview],
               look={"thresholds": ANY_IS_ODD, "decimals": 0, **COLORED}),
        Column("Workers", expr=by(RIVER, q.fact("river_beating_clients"), "max"), width=85),
        Column("Rescuer", expr=rescuer(q, RIVER), unit="none", width=85, links=[rescue],
               look={"mappings": words(MODES), **COLORED}),
        Column("Brakes", expr=brakes, width=75, links=[rescue], look={"thresholds": ANY_IS_ODD, **COLORED}),
        Column("Active", expr=f"sum by ({RIVER}) ({q.select('riverkeeper_actor')})", width=75,
               look={"thresholds": ONE_ACTIVE, **COLORED}),
        Column("Namespace", label="namespace"),
        Column("Cluster", label="cluster"),
        Column("Replicas", expr=f"count by ({RIVER}) ({q.select('riverkeeper_build_info')})", width=85),
        Column("Database", label="database"),
        Column("Schema", label="river_schema"),
    ]  # fmt: skip


def firing(q: Queries, severity: str) -> str:
    """Alerts that fire, by River; 0 for a River that has none."""
    known = f"max by ({RIVER}) (last_over_time({q.select('riverkeeper_build_info')}[$__range])) * 0"
    return f'count by ({RIVER}) ({ALERTS}, severity="{severity}"}}) or {known}'


def watched(q: Queries, *, targets: bool) -> str:
    """By River: 1 if a replica reads its jobs, 0 if none can, -1 if none is scraped any more, -2 if none ever was.

    `targets`: with the database and the schema that the River was last seen in.
    """
    gone = f"max by ({RIVER}) (last_over_time({q.select('riverkeeper_build_info')}[$__range])) * 0 - 1"
    never = f'max by ({RIVER}) ({ALERTS}, alertname="RiverNotWatched"}}) * 0 - 2'
    state = f"({by(RIVER, q.select('river_up'), 'max')} or {gone} or {never})"
    if not targets:
        return state
    names = f"{RIVER}, database, river_schema"
    last = f"max by ({names}) (last_over_time({q.select('riverkeeper_target_info')}[$__range]))"
    return f"{last} * 0 + on ({RIVER}) group_left () {state} or on ({RIVER}) {state}"


def waited(q: Queries) -> str:
    """The share of its wait limit that the worst queue of each River uses; 0 where nothing waits."""
    return f"{wait_limit_used(q, RIVER)} or {by(RIVER, q.fact('river_jobs_ready'))} * 0"


def budget(q: Queries, scope: DashboardScope) -> str:
    """What is left of the worse of both error budgets, of the worst tier of each River."""
    both = {"waits": waits_of(scope), "losses": losses_of(scope)}
    parts = [
        f'label_replace({kept.left(q, f"{RIVER}, tier")}, "budget", "{name}", "", "")' for name, kept in both.items()
    ]
    return f"min by ({RIVER}) ({' or '.join(parts)})"


def lost(q: Queries) -> str:
    return by(RIVER, q.increase("river_jobs_finished_total", over="[$__range]", outcome="discarded"))


def watched_over_time(q: Queries) -> Panel:
    text = Text(
        shows="Could Riverkeeper read the jobs of each River?",
        normal="watched, without a gap.",
        next="NOT WATCHED, or a gap: Riverkeeper knew nothing at that time, and no alert about jobs could fire.",
        empty="No River was scraped in this time range",
    )
    return timeline("Watched?", text, Query(watched(q, targets=False), NAME), mappings=words(WATCHED_LINES), width=24,
                    height=6)  # fmt: skip


def waits(q: Queries) -> Panel:
    text = Text(
        shows="The share of its wait limit that the worst queue of each River uses. Values above 2 × are drawn at 2 ×.",
        normal="below 0.8 ×.",
        next="click the line for the overview of that River.",
        empty="No River has a wait limit",
    )
    return timeseries("Wait, share of limit", text, Query(f"clamp_max({waited(q)}, 2)", NAME), unit=TIMES, fill=0,
                      thresholds=OF_LIMIT, threshold_lines=True, shown_to=1.2, links=LINE)  # fmt: skip


def stuck(q: Queries) -> Panel:
    text = Text(
        shows="Jobs that are proven to be stuck, by River.",
        normal="0, or peaks of less than a minute.",
        next="click the line for the overview of that River.",
        empty="No River has verdicts",
    )
    return timeseries("Stuck jobs", text, Query(by(RIVER, q.fact("river_jobs_stuck")), NAME), unit="short", fill=0,
                      decimals=0, links=LINE)  # fmt: skip


def failed(q: Queries) -> Panel:
    text = Text(
        shows="Share of attempts that failed, by River. An attempt counts when it ends.",
        normal="below 5 %.",
        next="click the line for the overview of that River. It names the kinds.",
        empty="No job has finished in this time range",
    )
    share = failed_share(q, "[$__rate_interval]", RIVER)
    return timeseries("Attempts that fail", text, Query(share, NAME), unit="percentunit", fill=0,
                      links=LINE)  # fmt: skip


def finished(q: Queries) -> Panel:
    text = Text(
        shows="Jobs a minute that finish, by River.",
        normal="the usual curve of the day.",
        next="it falls while jobs wait: click the line for the overview of that River.",
        empty="No job has finished in this time range",
    )
    return timeseries("Finished jobs", text, Query(by(RIVER, q.per_minute("river_jobs_finished_total")), NAME),
                      unit=PER_MINUTE, fill=0, decimals=0, links=LINE)  # fmt: skip
