"""`riverkeeper failing`: live jobs that have failed; the job with the fewest attempts left comes first."""

from __future__ import annotations

import json

import click
from rich.table import Table
from rich.text import Text

from riverkeeper.cli.options import database_options, give_up, limit_option, refuse_names
from riverkeeper.cli.terminal import JOB_HINT, console
from riverkeeper.config.load import Config
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.rescue.wakes.wake import Scope
from riverkeeper.river.failing import FailingJob, FailingJobs
from riverkeeper.service import failing_jobs
from riverkeeper.web.pages.failing import document, make_row
from riverkeeper.web.pages.job_list import JobQuery


@click.command()
@database_options
@click.option("--queue", metavar="NAME", help="Only this queue.")
@click.option("--kind", metavar="NAME", help="Only this kind.")
@limit_option("jobs")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
def failing(config: Config, queue: str | None, kind: str | None, limit: int, as_json: bool) -> None:
    """Show live jobs that have failed, the job with the fewest attempts left first."""
    try:
        found = failing_jobs(config, queue, kind, limit)
    except DatabaseError as error:
        give_up(error)
    scope = Scope(queue or None, kind or None)
    if not found.jobs:
        refuse_names(scope, config)
    if as_json:
        click.echo(json.dumps(document(JobQuery(scope, limit), found), indent=2))
    else:
        console().print(_table(found) if found.jobs else Text(_describe_nothing(queue, kind)))
        if found.jobs:
            console().print(JOB_HINT)


def _table(found: FailingJobs) -> Table:
    more = "+" if found.bounded else ""
    title = f"{len(found.jobs)} of {found.found}{more} failing jobs"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in ("id", "queue", "kind", "attempt", "left", "next try"):
        table.add_column(column, justify="right" if column in {"id", "left"} else "left", no_wrap=True)
    table.add_column("last error", overflow="fold")
    for job in found.jobs:
        table.add_row(*_cells(job, found.now))
    return table


def _cells(job: FailingJob, now: float) -> tuple[Text, ...]:
    """Plain text, never markup: kinds and errors are texts of users."""
    left = Text(str(job.attempts_left), style="bold red" if job.attempts_left <= 1 else "")
    texts = [str(job.id), job.queue, job.kind, f"{job.attempt}/{job.max_attempts}"]
    first_line = (job.last_error or "").partition("\n")[0][:160]
    return *map(Text, texts), left, Text(make_row(job, now).next_try), Text(first_line)


def _describe_nothing(queue: str | None, kind: str | None) -> str:
    of_kind, in_queue = f" of kind {kind}" if kind else "", f" in queue {queue}" if queue else ""
    return f"No live job{of_kind}{in_queue} has failed."
