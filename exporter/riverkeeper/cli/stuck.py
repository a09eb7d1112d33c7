"""`riverkeeper stuck`: which jobs are stuck, why, and what the rescuer does next."""

from __future__ import annotations

import json
from dataclasses import replace

import click
from rich.table import Table
from rich.text import Text

from riverkeeper.cli.options import (
    WRONG_USE,
    database_options,
    limit_option,
    list_pods_or_warn,
    refuse_choices,
    refuse_names,
    scope_of,
    scope_options,
    scrape_or_exit,
)
from riverkeeper.cli.terminal import JOB_HINT, console
from riverkeeper.config.load import Config
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.rescue.forecast import Forecast, forecast_rescue
from riverkeeper.rescue.stacks import read_listed_stacks
from riverkeeper.verdict.verdict import StuckJob
from riverkeeper.web.pages.filters import names_are_known
from riverkeeper.web.pages.job_list import JobQuery
from riverkeeper.web.pages.stuck import (
    NotJudged,
    StuckJobs,
    StuckPage,
    StuckRow,
    document,
    find_stuck_jobs,
    make_row,
    stack_of,
)


@click.command()
@database_options
@scope_options
@limit_option("jobs")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
def stuck(config: Config, limit: int, as_json: bool, **scope: str | None) -> None:
    """Show stuck jobs with what the rescuer does next, and suspected jobs with the missing evidence.

    Exit codes: 0 the jobs were judged, stuck or not; 1 they could not be judged; 2 the command or the configuration is
    wrong.
    """
    query = JobQuery(scope_of(**scope), limit)
    refuse_choices(query.scope, config, StuckPage.reasons)
    snapshot = scrape_or_exit(config, list_pods_or_warn(config))
    try:
        found = find_stuck_jobs(snapshot, query)
    except NotJudged as error:
        click.echo(f"Error: {error}\n  see `riverkeeper check`", err=True)
        raise SystemExit(WRONG_USE if snapshot.misconfigured else 1) from None
    if not (found.jobs or found.suspects or names_are_known(query.scope, snapshot)):
        refuse_names(query.scope, config)
    try:
        found = replace(found, stacks=read_listed_stacks(config, found.stacked))
    except DatabaseError as error:  # the list is worth more than its stacks
        found = replace(found, stacks_problem=error.message)
    policy, status = config, snapshot.rescuing

    def forecast(job: StuckJob) -> Forecast:
        return forecast_rescue(job, policy, status, found.now)

    if as_json:
        click.echo(json.dumps(document(query, found, forecast), indent=2))
    else:
        suspected = [make_row(job, None, found.now, found.missing(job)) for job in found.suspected]
        rows = [make_row(job, forecast(job), found.now, stack=stack_of(job, found)) for job in found.shown]
        _show(found, rows, suspected)


def _show(found: StuckJobs, rows: list[StuckRow], suspected: list[StuckRow]) -> None:
    if not found.path_ok:
        console().print(f"Missed heartbeats do not count now: {found.path_problem}.", markup=False)
    more = "" if found.complete else "+"
    if rows:
        console().print(_table(f"{len(rows)} of {found.jobs}{more} stuck jobs", "what the rescuer does next", rows))
    else:
        console().print(found.none_stuck, markup=False)
    if suspected:
        title = f"{len(suspected)} of {found.suspects}{more} suspected jobs, which are not rescued"
        console().print(_table(title, "missing evidence", suspected))
    if rows or suspected:
        console().print(JOB_HINT)


def _table(title: str, last: str, rows: list[StuckRow]) -> Table:
    table = Table(title=title, title_justify="left", show_lines=True)
    for column in ("id", "kind", "queue", "tier", "reason", "running", "last beat", "progress", last):
        table.add_column(column, justify="right" if column == "id" else "left", overflow="fold")
    for row in rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: StuckRow) -> tuple[Text, ...]:
    """Plain text, never markup: kinds and notes are texts of users."""
    job, verdict = row.stuck.job, row.stuck.verdict
    reason = f"{verdict.reason}\n{row.against}" if row.against else str(verdict.reason)
    last = "\n".join([row.forecast.plan, *row.forecast.held_by]) if row.forecast else row.missing
    if row.stack.where:
        reason += f"\nin {row.stack.where}, {row.stack.seen}"
    elif row.stack.missing:
        reason += f"\nstack: {row.stack.missing}"
    texts = (str(job.claim.job_id), job.kind, job.queue, verdict.tier, reason, row.age, row.beat, row.progress, last)
    return tuple(map(Text, texts))
