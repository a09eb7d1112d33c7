"""`riverkeeper look`: what River's own tables tell about its troubles."""

from __future__ import annotations

import json
from pathlib import Path

import click

from riverkeeper import __version__, logs
from riverkeeper.cli.options import give_up, load_or_exit, option
from riverkeeper.cli.terminal import console
from riverkeeper.config.layers import Options
from riverkeeper.look.inspect import inspect
from riverkeeper.look.page import page
from riverkeeper.look.report import document
from riverkeeper.look.terminal import shown
from riverkeeper.postgres.errors import DatabaseError


@click.command()
@click.argument("url", required=False)
@option("--config.file", type=click.Path(path_type=Path))
@option("--river-schema")
@click.option("--json", "as_json", is_flag=True, help="For scripts: one object, its findings in a list.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page to this file, for a mail.")
def look(url: str | None, config_file: Path | None, river_schema: str | None, as_json: bool, html: Path | None) -> None:
    """Say what River's own tables tell: what is stuck now, and what went wrong lately.

    Needs a login that may read River's tables, and nothing else. Writes nothing.
    URL is postgresql://user@host/database; without it the configuration says which database.

    Exit codes: 0 done, whatever was found; 1 it could not be read.
    """
    config = load_or_exit(config_file, Options(database_url=url, river_schema=river_schema))
    logs.configure("error", "logfmt")  # what a reading logs on its way would stand among the answer
    try:
        found = inspect(config)
    except DatabaseError as error:
        give_up(error)
    if html is not None:
        _write(html, page(found, __version__))
    if as_json:
        click.echo(json.dumps(document(found), indent=2))
    elif html is None:
        console().print(shown(found))


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}") from None
    click.echo(f"Wrote {file}.", err=True)
