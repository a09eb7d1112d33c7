"""The command line. Exit codes: 0 done, 1 failed or found something, 2 the command or the configuration is wrong."""

from __future__ import annotations

import click

from riverkeeper import __version__
from riverkeeper.cli.terminal import DoorsGroup, escape_unprintable

DOORS = {
    "Look (needs a login that can read River's tables)": (
        "look",
        "check",
        "serve",
        "stuck",
        "job",
        "running",
        "workers",
        "failing",
        "limits",
    ),
    "Beat (needs the keeper schema, and one line in each worker)": ("schema",),
    "Rescue (needs the keeper schema and its rescuer role)": ("rescue",),
    "Set up": ("config", "assets", "demo", "version"),
}


@click.group(
    cls=DoorsGroup,
    doors=DOORS,
    package=__name__,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
def main() -> None:
    """Riverkeeper shows which River jobs are stuck and why, and rescues them.

    It reads River's job table in Postgres. Each step below works without the next one.

    Exit codes: 0 done, 1 the command failed or found something, 2 the command or the configuration is wrong.
    """
    escape_unprintable()


@main.command()
def version() -> None:
    """Print the version of Riverkeeper."""
    click.echo(f"riverkeeper {__version__}")
