"""`riverkeeper job`: one job's life, how it is, and what happens next and when."""

from __future__ import annotations

import json

import click
from rich.console import Console
from rich.text import Text

from riverkeeper.cli.options import WRONG_USE, WholeNumber, database_options, give_up, scrape_or_exit
from riverkeeper.cli.terminal import console
from riverkeeper.config.load import Config
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.rescue.stacks import request_stack
from riverkeeper.scrape.job_life import EventKind, JobLife, compose_life
from riverkeeper.service import read_job
from riverkeeper.web.pages.job import describe_job, document, list_unreadable, make_error, make_event, newest_stack
from riverkeeper.web.pages.job_list import BIGGEST_ID
from riverkeeper.web.pages.job_words import explain, headline, list_next, urgency

SECONDS = 20.0  # an operator waits
STACK_SECONDS = 30.0  # three beats of the default interval: one may be lost on the way
MOST_LINES = 12  # of one error's text: the page and --json have all of it
_STYLES = {"bad": "bold red", "fair": "bold yellow", "good": "bold green"}
_EVENT_STYLES = {EventKind.NOW: "bold", EventKind.AHEAD: "yellow", EventKind.SILENCE: "red"}


@click.command()
@database_options
@click.argument("job_id", type=WholeNumber(1, BIGGEST_ID), metavar="ID")
@click.option("--stack", "wants_stack", is_flag=True, help="Request its worker's stack first, and wait for it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
def job(config: Config, job_id: int, wants_stack: bool, as_json: bool) -> None:
    """Show one job's life: its claims, heartbeats, errors and rescues, its verdict, and what happens next and when.

    It never shows the arguments of the job. --stack requests where its work stands from its worker, and waits for
    three beats at most; it needs a login that may write the keeper schema.

    Exit codes: 0 the job was found, 1 River's table has no such job, it cannot be read, or no stack came, 2 the command
    or the configuration is wrong.
    """
    answered = _request(config, job_id) if wants_stack else True
    snapshot = scrape_or_exit(config)
    if not snapshot.up:
        click.echo(f"Error: {snapshot.error}\n  see `riverkeeper check`", err=True)
        raise SystemExit(WRONG_USE if snapshot.misconfigured else 1)
    try:
        life = compose_life(read_job(config, job_id, SECONDS), snapshot, config)
    except DatabaseError as error:
        give_up(error)
    if as_json:
        click.echo(json.dumps(document(life), indent=2))
    else:
        _print(life, console())
    if life.facts.row is None or not answered:
        raise SystemExit(1)


def _request(config: Config, job_id: int) -> bool:
    """Request the stack and wait; whether it came. Why it did not is written to standard error."""
    try:
        answer = request_stack(config, job_id, STACK_SECONDS)
    except DatabaseError as error:
        give_up(error)
    if answer.is_answered:
        return True
    if answer.claim is None:
        why = "it does not run"
    elif not answer.beats:
        why = "its worker does not beat for it, so that no request can reach it"
    else:
        why = f"its worker sent none within {STACK_SECONDS:g} s; the request stays"
    click.echo(f"No stack of job {job_id}: {why}.", err=True)
    return False


def _print(life: JobLife, out: Console) -> None:
    """Plain text, never markup: kinds, client ids and errors are texts of users."""
    now = life.facts.now
    out.print(Text(f"Job {life.facts.job_id}: {headline(life)}", style=_STYLES.get(urgency(life), "bold")))
    for sentence in explain(life):
        out.print(Text(f"  {sentence}"))
    out.print(Text("What happens next", style="bold"))
    for sentence in list_next(life):
        out.print(Text(f"  {sentence}"))
    if life.facts.is_known:
        out.print(Text("Its life", style="bold"))
        for event in life.events:
            row = make_event(event, now)
            clock = f" {row.clock}" if row.clock else ""
            style = _EVENT_STYLES.get(event.kind, "")
            out.print(Text(f"  {row.words or 'not known'}  {row.distance:>14}  {row.text}{clock}", style=style))
    stack = newest_stack(life)
    if stack.text or stack.missing:
        out.print(Text(f"Where its work {'stood' if stack.is_past else 'stands'}", style="bold"))
        out.print(Text(f"  {stack.where}; {stack.seen}" if stack.text else f"  {stack.missing}"))
        out.print(Text("\n".join(f"    {line}" for line in stack.text.splitlines())))
    _print_facts(life, out)


def _print_facts(life: JobLife, out: Console) -> None:
    pairs = describe_job(life)
    if pairs:
        out.print(Text("The job now", style="bold"))
    for word, value in pairs:
        out.print(Text(f"  {word:<18}{value}"))
    row = life.facts.row
    if row is not None and row.errors:
        out.print(Text(f"The newest {len(row.errors)} of {row.error_count} errors", style="bold"))
        for error in row.errors:
            shown = make_error(error, life.facts.now)
            out.print(Text(f"  {shown.attempt}, {shown.words}"))
            out.print(Text("\n".join(f"    {line}" for line in shown.text.splitlines()[:MOST_LINES])))
    if unreadable := list_unreadable(life):
        out.print(Text(f"Not known here, because this login may not read it: {', '.join(unreadable)}."))
