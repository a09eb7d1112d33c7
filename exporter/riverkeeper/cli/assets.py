"""`riverkeeper assets`: alert rules, dashboards and manifests to deploy with Riverkeeper."""

from __future__ import annotations

from pathlib import Path

import click

from riverkeeper.assets.render import find_local_links, find_missing_links, render
from riverkeeper.cli.options import database_options
from riverkeeper.config.load import Config


@click.command()
@database_options
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--local", is_flag=True, help="Allow links to localhost, for a demo on one machine.")
def assets(config: Config, directory: Path, local: bool) -> None:
    """Write alert rules, dashboards and manifests into DIRECTORY.

    The files use the tiers and labels of this configuration.

    Replaces files of the same names in DIRECTORY, and does not touch other files.
    """
    if (found := find_local_links(config.assets)) and not local:
        raise click.ClickException(
            f"{' and '.join(f'assets.{option}' for option in found)} is an address of this machine. On another "
            "machine its links lead nowhere. Set the address that a browser uses there, or add --local for a demo."
        )
    try:
        for name, text in sorted(render(config.assets).items()):
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            click.echo(path)
    except OSError as error:
        raise click.ClickException(f"cannot write {error.filename}: {error.strerror}") from None
    for hint in find_missing_links(config.assets):
        click.echo(hint, err=True)
