"""`riverkeeper config`: check the configuration, or print what is in force."""

from __future__ import annotations

import click

from riverkeeper.cli.options import database_options
from riverkeeper.cli.terminal import OrderedGroup
from riverkeeper.config.load import Config
from riverkeeper.config.render import render_config


@click.group(cls=OrderedGroup)
def config() -> None:
    """Check or print the configuration."""


@config.command()
@database_options
def check(config: Config) -> None:
    """Check the configuration, and show every mistake with its line.

    Exit codes: 0 no mistake, 2 a mistake.
    """
    click.echo("The configuration is right.")


@config.command(name="print")
@database_options
def print_config(config: Config) -> None:
    """Print the configuration in force as YAML, with the source of each value. No secrets."""
    click.echo(render_config(config), nl=False)
