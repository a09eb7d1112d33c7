"""`riverkeeper check`: findings about the setup, and their fixes."""

from __future__ import annotations

import json

import click
from rich.table import Table
from rich.text import Text

from riverkeeper.cli.options import WRONG_USE, database_options
from riverkeeper.cli.terminal import console
from riverkeeper.config.load import Config
from riverkeeper.doctor import pods
from riverkeeper.doctor.check import examine
from riverkeeper.doctor.doors import describe_doors, find_open_doors
from riverkeeper.doctor.report import CheckFinding, CheckReport, Level
from riverkeeper.web.webhook import check as webhook_check

_LEVELS = {
    Level.OK: Text("ok", "green"),
    Level.WARNING: Text("warning", "yellow"),
    Level.NOT_YET: Text("not yet", "cyan"),
    Level.MISSING: Text("missing", "magenta"),
    Level.PROBLEM: Text("problem", "bold red"),
}


@click.command()
@database_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
def check(config: Config, as_json: bool) -> None:
    """Check the setup, and show a fix for each problem. Changes nothing.

    "missing" is a step of the setup that was not made, "not yet" waits for its time or for a decision, "problem" is
    broken. The last line shows whether a job whose worker is killed now would be rescued, or which of the three doors
    (Look, Beat, Rescue) is not open, and the next command.

    Exit codes: 0 nothing is broken, 1 a problem, 2 the command or the configuration names an object that does not
    exist.
    """
    examined = examine(config)
    others = (*webhook_check.findings(config.webhook), *pods.findings(config.kubernetes))
    report = CheckReport((*examined.findings, *others), examined.misconfigured)
    if as_json:
        doors = {"doors": find_open_doors(report.findings), "summary": describe_doors(report.findings)}
        click.echo(json.dumps({**report.as_json(), **doors}, indent=2))
    else:
        console().print(table_of(report))
        if report.counts:
            click.echo(report.counts)
        click.echo(describe_doors(report.findings))
    if report.has_problems:
        raise SystemExit(WRONG_USE if report.misconfigured else 1)


def table_of(report: CheckReport) -> Table:
    """One row for each finding; the fix is below the message."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in report.findings:
        table.add_row(_LEVELS[finding.level], finding.topic, _describe(finding))
    return table


def _describe(finding: CheckFinding) -> Text:
    """Plain text, never markup: it has names that users chose."""
    text = Text(finding.message)
    return text.append(f"\n→ {finding.fix}", "dim") if finding.fix else text
