"""`riverkeeper assets`: the files to deploy beside the keeper."""

from __future__ import annotations

from pathlib import Path

import click

from riverkeeper.assets.render import render
from riverkeeper.cli.options import database_options
from riverkeeper.config.load import Config


@click.command()
@database_options
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
def assets(config: Config, directory: Path) -> None:
    """Write rules, dashboards and manifests into DIRECTORY, with this configuration's tiers and labels.

    Files that are there under the same names are replaced; others are left alone.
    """
    try:
        for name, text in sorted(render(config.assets).items()):
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            click.echo(path)
    except OSError as error:
        raise click.ClickException(f"cannot write {error.filename}: {error.strerror}") from None
