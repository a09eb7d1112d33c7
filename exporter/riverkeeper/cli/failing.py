"""`riverkeeper failing`: which jobs fail, nearest to being discarded first."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime

import click
from rich.table import Table
from rich.text import Text

from riverkeeper.cli.options import database_options, give_up
from riverkeeper.cli.terminal import console
from riverkeeper.config.load import Config
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.river.failing import FailingJob, FailingJobs
from riverkeeper.service import failing_jobs


@click.command()
@database_options
@click.option("--queue", metavar="NAME", help="Only this queue.")
@click.option("--kind", metavar="NAME", help="Only this kind.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="At most so many jobs.")
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
def failing(config: Config, queue: str | None, kind: str | None, limit: int, as_json: bool) -> None:
    """Show live jobs that have failed, nearest to being discarded first."""
    try:
        found = failing_jobs(config, queue, kind, limit)
    except DatabaseError as error:
        give_up(error)
    if as_json:
        click.echo(json.dumps(_as_json(found), indent=2))
    else:
        console().print(_table(found) if found.jobs else Text(_none(queue, kind)))


def _as_json(found: FailingJobs) -> dict[str, object]:
    jobs = [
        asdict(job) | {"scheduled_at": _rfc3339(job.scheduled_at), "attempted_at": _rfc3339(job.attempted_at)}
        for job in found.jobs
    ]
    return {"jobs": jobs, "found": found.found, "bounded": found.bounded, "now": _rfc3339(found.now)}


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
    """Plain text, never markup: kinds and errors are written by users."""
    left = Text(str(job.attempts_left), style="bold red" if job.attempts_left <= 1 else "")
    texts = [str(job.id), job.queue, job.kind, f"{job.attempt}/{job.max_attempts}"]
    first_line = (job.last_error or "").partition("\n")[0][:160]
    return *map(Text, texts), left, Text(_until(job, now)), Text(first_line)


def _none(queue: str | None, kind: str | None) -> str:
    of_kind, in_queue = f" of kind {kind}" if kind else "", f" in queue {queue}" if queue else ""
    return f"No live job{of_kind}{in_queue} has failed."


def _until(job: FailingJob, now: float) -> str:
    if job.state == "running":
        return "running"
    seconds = round(job.scheduled_at - now)
    return "due" if seconds <= 0 else f"in {seconds} s"


def _rfc3339(moment: float | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")
