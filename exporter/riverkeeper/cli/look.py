"""`riverkeeper look`: what is stuck and what went wrong, from River's own tables alone."""

from __future__ import annotations

import json
from pathlib import Path

import click

from riverkeeper import __version__, logs
from riverkeeper.cli.options import give_up, load_or_exit, option
from riverkeeper.cli.terminal import console
from riverkeeper.config.layers import Options
from riverkeeper.look.inspect import inspect
from riverkeeper.look.render import render_page, render_terminal
from riverkeeper.look.report import document
from riverkeeper.postgres.errors import DatabaseError


@click.command()
@click.argument("url", required=False)
@option("--config.file", type=click.Path(path_type=Path))
@option("--river-schema")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts: one object with a list of findings.")
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write the report as one HTML page to this file."
)
def look(url: str | None, config_file: Path | None, river_schema: str | None, as_json: bool, html: Path | None) -> None:
    """Show what is stuck now and what went wrong lately, from River's own tables.

    Needs only a login that can read River's tables. Writes nothing.
    URL is postgresql://user@host/database. Without a URL, the configuration names the database.

    Exit codes: 0 the database was read, 1 it could not be read, 2 the command or the configuration is wrong.
    """
    config = load_or_exit(config_file, Options(database_url=url, river_schema=river_schema))
    logs.configure("error", "logfmt")  # log lines of the scrape would stand among the answer
    try:
        found = inspect(config)
    except DatabaseError as error:
        give_up(error)
    if html is not None:
        _write(html, render_page(found, __version__))
    if as_json:
        click.echo(json.dumps(document(found), indent=2))
    elif html is None:
        console().print(render_terminal(found))


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}") from None
    click.echo(f"The report is in {file}.", err=True)
