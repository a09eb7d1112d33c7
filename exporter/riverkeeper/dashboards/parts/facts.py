"""What several boards show alike: expressions, the words and colours of their values. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from riverkeeper.dashboards.parts.field import Json, colored
from riverkeeper.dashboards.parts.palette import ACTIVE, BAD, GOOD, PLAIN, QUIET, WARN
from riverkeeper.dashboards.parts.panel import Panel, Query, Text, timeseries
from riverkeeper.dashboards.parts.query import Queries, by, total

ATTEMPTS = "river_job_attempts_ended_total"  # each attempt as it ends, also while its job is tried again
WAITED = "river_job_wait_duration_seconds"


def failed_share(q: Queries, over: str, labels: str) -> str:
    """The share of attempts that failed; those whose worker was lost (rescued) are no fault of the kind."""
    failed = by(labels, q.increase(ATTEMPTS, over=over, outcome="failed"))
    ended = by(labels, q.increase(ATTEMPTS, over=over, outcome="~completed|failed"))
    return f"{failed} / ({ended} > 0)"


def running_by_queue(q: Queries) -> str:
    return by("queue", q.fact("river_jobs", state="running"))


def wait_limit_used(q: Queries, labels: str) -> str:
    """The share of its wait limit that the longest wait uses."""
    return by(labels, q.fact("river_job_limit_used_ratio", limit="wait"), "max")


def limit_by_tier(q: Queries, name: str, **matchers: str | None) -> str:
    """A limit in seconds."""
    return by("tier", q.fact("river_job_limit_seconds", limit=name, **matchers), "max")


def query_success(q: Queries) -> str:
    """By query to the database: 0 if it fails in any replica."""
    return by("query", q.select("riverkeeper_query_success"), "min")


def brakes_engaged(q: Queries) -> str:
    return by("brake", q.fact("riverkeeper_brake_engaged"), "max")


# 4: dry run, and jobs of the tier are stuck.
MODES = {1: ("disabled", QUIET), 2: ("dry\u00a0run", ACTIVE), 3: ("live", PLAIN), 4: ("DRY\u00a0RUN", WARN)}


def mode_of_tiers(q: Queries, river: str = "") -> str:
    """By tier: 1 disabled, 2 dry run, 3 live; 4 where jobs are stuck that a dry run leaves as they are."""
    labels = f"{river}, tier" if river else "tier"
    live, dry, off = (by(labels, q.fact("riverkeeper_rescue_mode", mode=mode), "max")
                      for mode in ("live", "dry_run", "disabled"))  # fmt: skip
    stuck = by(labels, q.fact("river_jobs_stuck"))
    dry_run = f"({dry} == 1) * 2"
    return f"({live} == 1) * 3 or {dry_run} + ({stuck} > bool 0) * 2 or {dry_run} or ({off} == 1)"


def rescuer(q: Queries, river: str = "") -> str:
    """The strongest mode of any tier stands for the rescuer; stuck jobs that a dry run leaves stand above it."""
    return by(river, mode_of_tiers(q, river), "max")


RUNNING = {  # running attempts by what is known of them
    "beating": colored("beating", GOOD),
    "unknown": colored("unknown", QUIET),
    "stuck": colored("stuck", BAD, custom__lineWidth=2),
    "suspected": colored("suspected", WARN, custom__lineWidth=2),
}


def running_attempts(
    q: Queries,
    title: str,
    text: Text,
    *states: str,
    links: Sequence[Json],
    width: int = 12,
    decimals: int | None = None,
) -> Panel:
    """One line for each of these states; every running attempt is beating or unknown."""
    queries = (Query(total(q.fact(f"river_jobs_{state}")), state) for state in states)
    return timeseries(title, text, *queries, unit="short", fill=0, overrides=[RUNNING[state] for state in states],
                      links=links, width=width, decimals=decimals)  # fmt: skip
