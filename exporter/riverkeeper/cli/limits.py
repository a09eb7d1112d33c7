"""`riverkeeper limits`: which limits are in force, and where each comes from."""

from __future__ import annotations

import json

import click
from rich.table import Table
from rich.text import Text

from riverkeeper.cli.options import database_options, give_up, refuse_names
from riverkeeper.cli.terminal import console
from riverkeeper.config.load import Config
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.rescue.wakes.wake import Scope
from riverkeeper.scrape.limits import EffectiveLimits, read_limits
from riverkeeper.verdict.limits import Learned, format_duration
from riverkeeper.verdict.tiers import names_kind


@click.command()
@database_options
@click.argument("kind", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
def limits(config: Config, kind: str | None, as_json: bool) -> None:
    """Show the limits in force, of one KIND or of all kinds, and where each comes from.

    Exit code 2 for a KIND that neither a job nor a rule of `assign` has."""
    database = config.database
    try:
        found = read_limits(config.conninfo.reveal(), database.river_schema, database.keeper_schema, config, kind)
    except DatabaseError as error:
        give_up(error)
    if kind and not (found.known or names_kind(config, kind)):
        refuse_names(Scope(kind=kind), config)
    if as_json:
        click.echo(json.dumps(_as_json(found), indent=2))
        return
    console().print(_table(found))
    for sentence in _sentences(found):
        console().print(Text(sentence))


def _as_json(found: EffectiveLimits) -> dict[str, object]:
    rows: list[dict[str, object]] = [
        {
            "kind": entry.kind,
            "tier": entry.tier,
            "limit": entry.limit.name.value,
            "seconds": entry.limit.seconds,
            "origin": entry.limit.origin,
            "raised": entry.limit.raised,
        }
        for entry in found.limits
    ]
    rows += [
        {"kind": entry.kind, "tier": entry.tier, "limit": "run", "seconds": None, "origin": entry.why, "raised": False}
        for entry in found.missing
    ]
    return {
        "limits": rows,
        "past": dict(found.over_budget),
        "learned": {kind: _learned(learned) for kind, learned in found.learned.items()},
    }


def _learned(learned: Learned) -> dict[str, object]:
    """Infinity is no JSON: null where the quantile lies among runs that were ended for their age."""
    seconds = learned.seconds if learned.seconds < float("inf") else None
    return {"samples": learned.samples, "censored": learned.censored, "quantile": learned.quantile, "seconds": seconds}


def _table(found: EffectiveLimits) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("kind", "tier", "limit", "at"):
        table.add_column(column, justify="right" if column == "at" else "left", no_wrap=True)
    table.add_column("from", overflow="fold")
    rows = [
        (
            entry.kind or "(a queue's)",
            entry.tier,
            entry.limit.name.value,
            format_duration(entry.limit.seconds),
            entry.limit.origin,
        )
        for entry in found.limits
    ]
    rows += [(entry.kind, entry.tier, "run", "-", entry.why) for entry in found.missing]
    for row in sorted(rows, key=lambda row: row[:2]):
        table.add_row(*map(Text, row))  # plain text, never markup: kinds are written by users
    return table


def _sentences(found: EffectiveLimits) -> list[str]:
    kinds = {entry.kind for entry in found.limits}
    ended = [
        f"{learned.censored} of the {learned.samples} runs of {kind} were ended by a rescue for their age, "
        "and count as longer than all others."
        for kind, learned in sorted(found.learned.items())
        if learned.censored and kind in kinds
    ]
    past = [
        f"1 running job of {kind} is past its limit: no sample until it finishes."
        if jobs == 1
        else f"{jobs} running jobs of {kind} are past their limit: no samples until they finish."
        for kind, jobs in sorted(found.over_budget.items())
        if kind in kinds
    ]
    return ended + past
