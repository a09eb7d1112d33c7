"""`riverkeeper workers`: which processes work, which beat, and the outcome of the jobs of those that stopped."""

from __future__ import annotations

import json

import click
from rich.table import Table
from rich.text import Text

from riverkeeper.cli.options import database_options, give_up, give_up_list, limit_option, refuse_names, scope_of
from riverkeeper.cli.terminal import console
from riverkeeper.config.load import Config
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.scrape.workers import RUNTIMES, STATUSES, Workers
from riverkeeper.service import list_workers
from riverkeeper.verdict.workers import Presence
from riverkeeper.web.pages.filters import ListError
from riverkeeper.web.pages.job_list import JobQuery
from riverkeeper.web.pages.workers import (
    STATUS_WORDS,
    WorkerRow,
    describe_runtime,
    document,
    explain_no_heartbeats,
    make_filter,
    make_query,
    make_row,
    nobody_beats,
)

SECONDS = 20.0  # an operator waits


@click.command()
@database_options
@click.option("--queue", metavar="NAME", help="Only workers that hold a job of this queue.")
@click.option("--kind", metavar="NAME", help="Only workers that hold a job of this kind, or beat for it.")
@click.option("--client", metavar="TEXT", help="Only clients whose id holds this text.")
@click.option("--status", type=click.Choice(STATUSES), help="Only workers with this status.")
@click.option("--runtime", type=click.Choice(RUNTIMES), help="Only workers of this runtime.")
@limit_option("workers")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
def workers(config: Config, queue: str | None, kind: str | None, limit: int, as_json: bool, **own: str | None) -> None:
    """Show the processes that work, those that stopped beating first. Clients without heartbeats are known from jobs.

    Exit codes: 0 the workers were read, 1 they could not be read, 2 the command or the configuration is wrong.
    """
    query = make_query(scope_of(queue, kind, None, None), limit, own)
    try:
        found = list_workers(config, make_filter(query), limit, SECONDS)
    except DatabaseError as error:
        give_up(error)
    except ListError as error:
        give_up_list(error)
    if not found.shown:
        refuse_names(query.scope, config)
    if as_json:
        click.echo(json.dumps(document(query, found), indent=2))
    else:
        _print(query, found, asks_kubernetes=config.kubernetes.enabled)


def _print(query: JobQuery, found: Workers, *, asks_kubernetes: bool) -> None:
    out = console()
    numbers = ", ".join(f"{found.known.get(presence, 0)} {STATUS_WORDS[presence]}" for presence in Presence)
    out.print(Text(f"{found.found}{'' if found.complete else ' or more'} workers" if query.filters else numbers))
    if nobody_beats(found):
        out.print(Text("No process beats now: all are gone, or their heartbeats do not arrive.", style="bold red"))
    if (without := explain_no_heartbeats(found)) is not None:
        out.print(Text(without))
    if found.shown:
        out.print(_table(found))
        more = found.found - len(found.shown)
        out.print(Text(f"{more} more: --limit, or a filter, shows them.")) if more else None
    if found.runtimes:
        out.print(_runtimes(found, "not read here" if asks_kubernetes else ""))


def _table(found: Workers) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("client", "status", "last seen", "running", "kinds", "runtime", "level", "fence", "started", "end"):
        wraps = column in {"kinds", "end"}
        table.add_column(column, justify="right" if column == "running" else "left", overflow="fold", no_wrap=not wraps)
    for worker in found.shown:
        row = make_row(worker, found.now)
        status = Text(row.status, style="bold red" if worker.presence is Presence.STALE and worker.jobs else "")
        started = (row.started["ago"] if row.started else None) or "not known"
        texts = (
            _seen(row), str(worker.jobs), row.kinds, row.runtime, worker.level or "", worker.fence.value, started,
            "; ".join(row.end),
        )  # fmt: skip
        place = f"\n{row.host}" if worker.pod else ""  # else the client id shows it
        table.add_row(Text(f"{worker.client_id}{place}"), status, *map(Text, texts))
    return table


def _seen(row: WorkerRow) -> str:
    return f"{row.seen_by} {row.seen['ago']}" if row.seen else "not known"


def _runtimes(found: Workers, evidence: str) -> Table:
    """`evidence`: what stands there where only `riverkeeper serve` watches pods."""
    table = Table(title="What Riverkeeper has of each runtime", title_justify="left", box=None, pad_edge=False)
    for column in ("runtime", "workers", "metrics", "beats", "fence", "evidence of death"):
        table.add_column(column, justify="right" if column == "workers" else "left")
    for row in map(describe_runtime, found.runtimes):
        cells = (row.runtime, str(row.workers), row.metrics, row.beats, row.fence, evidence or row.evidence)
        table.add_row(*map(Text, cells))
    return table
