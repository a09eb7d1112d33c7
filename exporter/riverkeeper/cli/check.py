"""`riverkeeper check`: the doctor."""

from __future__ import annotations

import json

import click

from riverkeeper.cli.options import WRONG_USE, database_options
from riverkeeper.cli.terminal import console
from riverkeeper.config.load import Config
from riverkeeper.doctor.check import examine
from riverkeeper.doctor.report import Report
from riverkeeper.doctor.report_table import table_of
from riverkeeper.rescue.rules import rules_of
from riverkeeper.web.webhook import check as webhook_check


@click.command()
@database_options
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
def check(config: Config, as_json: bool) -> None:
    """Say what works, what is missing, and how to mend it. Changes nothing. Exit code 1 if there is a problem.

    Exit code 2 if the command or the configuration names what is not there.
    """
    place, rules = config.database, rules_of(config)
    examined = examine(
        config.conninfo.reveal(), place.river_schema, place.keeper_schema, live=rules.is_live, rules=rules
    )
    report = Report((*examined.findings, *webhook_check.findings(config.webhook)), examined.misconfigured)
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=2))
    else:
        console().print(table_of(report))
        click.echo(report.summary)
    if report.has_problems:
        raise SystemExit(WRONG_USE if report.misconfigured else 1)
