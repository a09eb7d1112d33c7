"""Do jobs get done? What is lost, what fails, and what fails for the last time. Pure."""

from __future__ import annotations

from riverkeeper.dashboards.parts.facts import ATTEMPTS, failed_share
from riverkeeper.dashboards.parts.field import (
    ANY_IS_BAD,
    ANY_IS_ODD,
    FAILING_PAGE,
    OF_FAILURE,
    PER_MINUTE,
    colored,
    to_board,
    to_page,
)
from riverkeeper.dashboards.parts.palette import ACTIVE
from riverkeeper.dashboards.parts.panel import Panel, Query, Text, bars, timeseries
from riverkeeper.dashboards.parts.query import Queries, by, total
from riverkeeper.dashboards.parts.scope import KIND
from riverkeeper.dashboards.parts.tables import COLORED, Column, table

TOP = 6  # kinds; more would not fit the first screen
OF_KIND = [to_board("This kind", KIND, "kind=${__field.labels.kind}"),
           to_page("Its failing jobs, with errors", "/failing?kind=${__field.labels.kind}")]  # fmt: skip


def failing_kinds(q: Queries) -> Panel:
    text = Text(
        shows="The kinds with the largest share of failed attempts in this time range. An attempt counts when it ends.",
        normal="below 5 %, or kinds whose retries succeed.",
        next="click a bar to open the board of the kind, or /failing, which lists the errors.",
        empty="No attempt has failed in this time range",
    )
    worst = f"topk({TOP}, {failed_share(q, '[$__range]', 'kind')} > 0.001)"
    return bars("Kinds that fail most: share of their attempts", text, Query(worst, "{{kind}}"),
                unit="percentunit", width=9, height=7, thresholds=OF_FAILURE, most=1, links=OF_KIND)  # fmt: skip


def failures(q: Queries) -> tuple[Panel, ...]:
    return success(q), failed_by_kind(q), lost_by_kind(q), last_attempts(q)


def success(q: Queries) -> Panel:
    text = Text(
        shows="Done is the share of finished jobs that completed; cancelled jobs do not count. Attempts is the share "
        "of attempts that did not fail.",
        normal="done is near 100 %. Attempts may be lower: River retries what fails.",
        next="done falls: River discards jobs. Only attempts falls: the retries still succeed.",
        empty="No job has finished in this time range",
    )
    lost, done = (total(q.rate("river_jobs_finished_total", outcome=end)) for end in ("discarded", "completed"))
    well, failed = (total(q.rate(ATTEMPTS, outcome=end)) for end in ("completed", "failed"))
    return timeseries(
        "Success of jobs and attempts", text,
        Query(f"{done} / ({done} + {lost} > 0)", "done"),
        Query(f"{well} / ({well} + {failed} > 0)", "attempts"),
        unit="percentunit", fill=0, at_least=None, at_most=1,
        overrides=[colored("done", ACTIVE, custom__lineWidth=2)],
        links=[FAILING_PAGE],
    )  # fmt: skip


def failed_by_kind(q: Queries) -> Panel:
    text = Text(
        shows="Share of attempts that failed, by kind. At each moment the kinds with the largest share are drawn.",
        normal="0, or short peaks.",
        next="one kind fails: look at its code, and at the services it calls. Many kinds fail at once: look at the "
        "database, and at the services they share.",
        empty="No attempt has failed in this time range",
    )
    worst = f"topk({TOP}, {failed_share(q, '[$__rate_interval]', 'kind')} > 0.001)"
    return timeseries("Failed attempts, by kind", text, Query(worst, "{{kind}}"), unit="percentunit", fill=0, at_most=1,
                      links=OF_KIND)  # fmt: skip


def lost_by_kind(q: Queries) -> Panel:
    text = Text(
        shows="Jobs a minute that River discarded, by kind. River does not retry a discarded job.",
        normal="none.",
        next="fix the cause, then retry the jobs in River UI. River deletes discarded jobs after a week.",
        empty="No job was discarded in this time range",
    )
    lost = by("kind", q.per_minute("river_jobs_finished_total", outcome="discarded"))
    return timeseries("Lost jobs, by kind", text, Query(f"topk({TOP}, {lost} > 0)", "{{kind}}"), unit=PER_MINUTE,
                      bars=True, stacked=True, links=OF_KIND)  # fmt: skip


def last_attempts(q: Queries) -> Panel:
    text = Text(
        shows="Live jobs that have failed, by kind, and how many of them River discards if they fail once more.",
        normal="no job on its last attempt.",
        next="click a kind to see its errors. Fix the cause, or raise max_attempts of these jobs, before they run "
        "again.",
        empty="No live job has failed",
    )
    errors = [to_page("Its failing jobs, with errors", "/failing?kind=${__value.raw}"),
              to_board("This kind", KIND, "kind=${__value.raw}")]  # fmt: skip
    failing = by("kind", q.fact("river_jobs_failing"))
    return table(
        "Losses to come: jobs on their last attempt", text,
        Column("Kind", label="kind", links=errors),
        Column("Last attempt", width=130, look={"thresholds": ANY_IS_BAD, **COLORED},
               expr=f"{by('kind', q.fact('river_jobs_last_attempt'))} and {failing} > 0"),
        Column("Failing", width=110, expr=f"{failing} > 0", look={"thresholds": ANY_IS_ODD, **COLORED}),
        width=12, height=9, sort={"Last attempt": True, "Failing": True},
    )  # fmt: skip
