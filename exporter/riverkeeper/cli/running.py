"""`riverkeeper running`: which jobs run now, the longest first."""

from __future__ import annotations

import json

import click
from rich.table import Table
from rich.text import Text

from riverkeeper.cli.options import (
    database_options,
    give_up,
    give_up_list,
    limit_option,
    refuse_choices,
    refuse_names,
    scope_of,
    scrape_or_exit,
)
from riverkeeper.cli.terminal import JOB_HINT, console
from riverkeeper.config.load import Config
from riverkeeper.formats import count
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.service import longest_jobs, read_clients
from riverkeeper.web.pages.filters import ListError, refuse_unknown_worker
from riverkeeper.web.pages.job_list import JobQuery
from riverkeeper.web.pages.running import (
    RunningJobs,
    RunningRow,
    document,
    list_running,
    make_filter,
    make_row,
)


@click.command()
@database_options
@click.option("--queue", metavar="NAME", help="Only this queue.")
@click.option("--kind", metavar="NAME", help="Only this kind.")
@click.option("--tier", metavar="NAME", help="Only this tier.")
@click.option("--worker", metavar="NAME", help="Only this worker: a client id, or the host or pod of such ids.")
@limit_option("jobs")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
def running(config: Config, worker: str | None, limit: int, as_json: bool, **scope: str | None) -> None:
    """Show running jobs, the longest first: progress, expected end, limit and verdict.

    Exit codes: 0 the jobs were read; 1 they could not be read; 2 the command or the configuration is wrong.
    """
    query = JobQuery(scope_of(**scope, reason=None), limit, own={"worker": worker} if worker else {})
    refuse_choices(query.scope, config, ())
    snapshot = scrape_or_exit(config)
    try:
        found = list_running(longest_jobs(config, make_filter(query), limit, many=snapshot.many_run), snapshot, config)
        if not found.jobs:
            refuse_names(query.scope, config)
            refuse_unknown_worker(worker, read_clients(config) if worker else ())
    except DatabaseError as error:
        give_up(error)
    except ListError as error:
        give_up_list(error)
    if as_json:
        click.echo(json.dumps(document(query, found), indent=2))
    else:
        _show(query, found)


def _show(query: JobQuery, found: RunningJobs) -> None:
    if not found.jobs:
        filters = "".join(f", {name} {value}" for name, value in query.filters.items())
        console().print(f"No job is running{filters}.", markup=False)
        return
    console().print(_table(found))
    if not found.found.beats:
        console().print("There are no heartbeats that this login can read: last beats and progress are unknown.")
    elif not found.found.notes:
        console().print("Notes of progress are not shown: this login may not read them.")
    console().print(JOB_HINT)


def _table(found: RunningJobs) -> Table:
    more = "+" if found.found.bounded else ""
    title = f"the {len(found.jobs)} longest of {count(found.found.found)}{more} running jobs"
    table = Table(title=title, title_justify="left", show_lines=True)
    for column in ("id", "kind", "worker", "running", "last beat", "progress", "expected end", "run limit", "verdict"):
        table.add_column(column, justify="right" if column == "id" else "left", overflow="fold")
    for job in found.jobs:
        table.add_row(*_cells(make_row(job, found.found.now)))
    return table


def _cells(row: RunningRow) -> tuple[Text, ...]:
    """Plain text, never markup: kinds and notes are texts of users."""
    listed, job = row.listed, row.listed.job
    done = [] if row.percent is None else [_bar(row.percent)]
    note = job.beat.note if job.beat else None
    saved = f"checkpoint {row.checkpoint.ago}" if row.checkpoint else None
    texts: tuple[list[str | None], ...] = (
        [str(job.claim.job_id)],
        [job.kind, f"queue {job.queue}"],
        [row.worker],
        [row.running.ago, row.running.words],
        [row.beat.ago, row.beat.words],
        [*done, row.progress.ago, row.progress.words, note, saved],
        [row.end, row.end_range, listed.end.why],
        [row.limit, listed.limit.origin if listed.limit else None],
        [listed.word.value, listed.reason.value if listed.reason else listed.why],
    )
    return tuple(Text("\n".join(filter(None, lines))) for lines in texts)


def _bar(percent: int) -> str:
    """Ten letters that every terminal has."""
    full = percent // 10
    return f"[{'#' * full}{'.' * (10 - full)}] {percent} %"
