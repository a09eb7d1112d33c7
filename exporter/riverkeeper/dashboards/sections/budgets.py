"""How much may still go wrong? Error budgets of waits and of losses, by tier, from the recording rules. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from riverkeeper.dashboards.parts.field import (
    BUDGET_LEFT,
    BURN,
    FAILING_PAGE,
    STUCK_PAGE,
    TIMES,
    Json,
    to_board,
)
from riverkeeper.dashboards.parts.palette import BAD
from riverkeeper.dashboards.parts.panel import Panel, Query, Text, stat, timeseries
from riverkeeper.dashboards.parts.query import Queries, by
from riverkeeper.dashboards.parts.scope import KIND, OBJECTIVE, DashboardScope

MONTH = "[30d:1h]"  # the window of a budget, hour by hour
SPENT: list[Json] = [
    {"type": "range", "options": {"from": None, "to": 0, "result": {"text": "spent", "color": BAD, "index": 0}}}
]
NO_RULES = "unknown: no job has ended, or the recording rules are not loaded"


@dataclass(frozen=True, slots=True)
class Budget:
    """One promise: of all jobs, at most the share that the objective leaves may be bad."""

    all_jobs: str  # recorded
    bad_jobs: str  # recorded
    objectives: Mapping[str, float]

    def left(self, q: Queries, labels: str) -> str:
        """By labels, the share of the month's budget that is left; below 0 it is overspent."""
        return f"1 - ({self._of_allowed(labels, lambda name, tier: _in_month(q.recorded(name, tier=tier)))})"

    def burn(self, q: Queries, window: str, labels: str) -> str:
        """By labels, how many times faster than allowed the budget is spent."""

        def counted(name: str, tier: str) -> str:
            return q.recorded(name.replace("increase1h", f"increase{window}"), tier=tier)

        return self._of_allowed(labels, counted)

    def _of_allowed(self, labels: str, count: Callable[[str, str], str]) -> str:
        """The share of bad jobs as a multiple of what is allowed; each tier by its own objective."""
        others = "!" + "|".join(self.objectives) if self.objectives else "~.+"
        parts = []
        for tier, objective in [*self.objectives.items(), (others, OBJECTIVE)]:
            bad, every = (by(labels, count(f"{name}:increase1h", tier)) for name in (self.bad_jobs, self.all_jobs))
            parts.append(f"{bad} / ({every} > 0) / {1 - objective:.6g}")
        return " or ".join(parts)


def _in_month(series: str) -> str:
    """Counts of all hours; in the first hour after a start, those of that hour."""
    return f"(sum_over_time({series}{MONTH}) or {series})"


def waits(scope: DashboardScope) -> Budget:
    return Budget("queue_tier:river_job_waits", "queue_tier:river_job_waits_late", scope.wait_objectives)


def losses(scope: DashboardScope) -> Budget:
    return Budget("queue_kind_tier:river_jobs_ended", "queue_kind_tier:river_jobs_lost", scope.loss_objectives)


def budget_left(q: Queries, scope: DashboardScope) -> Panel:
    text = Text(
        shows="The rest of the error budgets of 30 days, in the worst tier. Waits counts the jobs that started after "
        "the wait limit of their tier. Losses counts the jobs that River discarded. By default a budget is 1 % of the "
        "jobs.",
        normal="above 25 %.",
        next="it is spent, or it falls fast: the section Error budgets shows when, Queues and Failures show where.",
        empty=NO_RULES,
    )
    return stat(
        "Error budget left", text,
        Query(f"bottomk(1, {waits(scope).left(q, 'tier')})", "waits ({{tier}})"),
        Query(f"bottomk(1, {losses(scope).left(q, 'tier')})", "losses ({{tier}})"),
        unit="percentunit", width=4, decimals=0, thresholds=BUDGET_LEFT, mappings=SPENT, named_values=True,
        links=[to_board("Kinds", KIND), FAILING_PAGE, STUCK_PAGE],
    )  # fmt: skip


def budgets(q: Queries, scope: DashboardScope) -> tuple[Panel, ...]:
    return (
        burn(q, waits(scope), "Waits: how fast the budget burns",
             "jobs that started after the wait limit of their tier", "the section Queues shows which queue waits."),
        burn(q, losses(scope), "Losses: how fast the budget burns",
             "jobs that River discarded", "the section Failures shows which kind loses jobs."),
    )  # fmt: skip


def burn(q: Queries, budget: Budget, title: str, bad: str, next_step: str) -> Panel:
    text = Text(
        shows=f"How fast {bad} use up the error budget, by tier, in the last hour. At 1 × the budget lasts 30 days. "
        "At 14.4 × (red line) it lasts two days, and RiverWaitBudgetBurning or RiverLossBudgetBurning fires.",
        normal="below 1 ×.",
        next=next_step,
        empty=NO_RULES,
    )
    return timeseries(
        title, text, Query(budget.burn(q, "1h", "tier"), "{{tier}}"), unit=TIMES, fill=0, shown_to=15, thresholds=BURN,
        threshold_lines=True, links=[to_board("Kinds", KIND), FAILING_PAGE],
    )  # fmt: skip
