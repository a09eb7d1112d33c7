"""`riverkeeper rescue list` and `report`: what the rescuer did, and how often it was wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

import click
from rich.table import Table
from rich.text import Text

from riverkeeper.cli.options import (
    WholeNumber,
    database_options,
    give_up,
    limit_option,
    refuse_choices,
    refuse_names,
    scope_of,
    scope_options,
    seconds,
)
from riverkeeper.cli.terminal import JOB_HINT, console
from riverkeeper.config.load import Config
from riverkeeper.config.quantity import DURATION
from riverkeeper.formats import count_noun, moment
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.rescue.audit.history import AuditRecord, read_report, read_rescues
from riverkeeper.rescue.audit.report import ClaimCounts, bound_false_rate, describe_counts, sum_by_tier
from riverkeeper.schema.schemas import open_keeper
from riverkeeper.web.pages.job_list import JobQuery
from riverkeeper.web.pages.rescues import RescuesPage, describe_act, document

SECONDS = 20.0  # an operator waits


@click.command("list")
@database_options
@scope_options
@click.option("--job", "job_id", type=WholeNumber(min=1), metavar="ID", help="Only this job.")
@limit_option("rescues")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
def list_rescues(config: Config, job_id: int | None, limit: int, as_json: bool, **scope: str | None) -> None:
    """List rescues, newest first, including those that a dry run only recorded.

    Exit codes: 0 rescues or none, 1 the audit cannot be read, 2 a filter names what does not exist."""
    query = JobQuery(scope_of(**scope), limit, job_id)
    try:
        with open_keeper(config, SECONDS) as tx:
            found = read_rescues(tx, query.scope, limit, job_id)
    except DatabaseError as error:
        give_up(error)
    if not found.rows:
        refuse_choices(query.scope, config, RescuesPage.reasons)
        refuse_names(query.scope, config)
    if as_json:
        click.echo(json.dumps(document(query, found), indent=2))
    else:
        console().print(_table(found.rows) if found.rows else "The audit has no such rescue.")
        if found.rows:
            console().print(JOB_HINT)


def _table(rows: Sequence[AuditRecord]) -> Table:
    table = Table(title=f"The newest {count_noun(len(rows), 'rescue')}", title_justify="left")
    for column in ("when", "job", "kind", "queue", "tier", "reason", "done", "by", "previous worker"):
        table.add_column(column, justify="right" if column == "job" else "left", overflow="fold")
    for record in rows:
        done = f"{'dry run: ' if record.dry_run else ''}{describe_act(record)}"
        texts = (
            moment(record.at) or "",
            str(record.job_id),
            record.kind,
            record.queue,
            record.tier,
            _reason(record),
            f"{done}\n{record.work_sentence}" if record.work_sentence else done,
            record.woken_by,
        )
        table.add_row(*map(Text, texts), Text(record.outcome_sentence, style="bold red" if record.was_false else ""))
    return table


def _reason(record: AuditRecord) -> str:
    """With where the work hung, or why the worker's container ended."""
    if record.stack:
        return f"{record.reason}\nin {record.stack.where}"
    return f"{record.reason}\n{record.cause}" if record.cause else record.reason


@click.command()
@database_options
@click.option(
    "--since",
    callback=seconds,
    default="7d",
    show_default=True,
    metavar="DURATION",
    help="How far back to count rescues.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
def report(config: Config, since: float, as_json: bool) -> None:
    """Show how often the rescuer was wrong, or would have been in a dry run, by tier and by kind.

    A rescue is false if the lost worker was alive, or if the stuck work was completed. Known, unknown and open claims
    are three numbers. The rate covers only claims whose observation time is over.

    Exit code 1 if the audit cannot be read.
    """
    try:
        with open_keeper(config, SECONDS) as tx:
            tallies = read_report(tx, since)
    except DatabaseError as error:
        give_up(error)
    if as_json:
        click.echo(json.dumps(_report(tallies, since), indent=2))
    else:
        _print_report(tallies, since)


def _report(tallies: Sequence[ClaimCounts], since: float) -> dict[str, object]:
    tiers = [_tally(counts) | {"sentence": describe_counts(counts)} for counts in sum_by_tier(tallies)]
    return {"since_seconds": since, "tiers": tiers, "kinds": [_tally(counts) for counts in tallies]}


def _tally(counts: ClaimCounts) -> dict[str, object]:
    below = bound_false_rate(counts.rated_false, counts.rated) if counts.rated else None
    numbers = {"known": counts.known, "unknown": counts.unknown, "false_rate": counts.rate, "false_rate_below": below}
    return {key.removesuffix("_claims"): value for key, value in asdict(counts).items()} | numbers


def _print_report(tallies: Sequence[ClaimCounts], since: float) -> None:
    if not tallies:
        console().print(f"In the last {DURATION.format(since)} no job was rescued, not even in a dry run.")
        return
    for dry_run, title in (
        (True, "Dry run: what a live rescuer would have done"),
        (False, "Live: what the rescuer did"),
    ):
        of_mode = [counts for counts in tallies if counts.dry_run is dry_run]
        if of_mode:
            console().print(Text(f"{title}, in the last {DURATION.format(since)}", style="bold"))
            for counts in sum_by_tier(of_mode):
                console().print(Text(describe_counts(counts)))
            console().print(_kinds(of_mode))


def _kinds(tallies: Sequence[ClaimCounts]) -> Table:
    table = Table()
    for column in ("tier", "kind", "claims", "right", "false", "unknown", "open", "false rate"):
        table.add_column(column, justify="left" if column in {"tier", "kind"} else "right", overflow="fold")
    for counts in tallies:
        rate = "not yet" if counts.rate is None else f"{counts.rate:.1%} of {counts.rated}"
        texts = (
            counts.tier,
            counts.kind,
            counts.claims,
            counts.right_claims,
            counts.false_claims,
            counts.unknown,
            counts.open,
            rate,
        )
        table.add_row(*(Text(str(text)) for text in texts))
    return table
