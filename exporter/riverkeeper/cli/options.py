"""Options that commands share, and the configuration they make together."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn

import click

from riverkeeper.config.layers import Options, find_flag
from riverkeeper.config.load import Config, load
from riverkeeper.config.problem import ConfigErrors
from riverkeeper.postgres.errors import DatabaseError

Command = Callable[..., Any]
WRONG_USE = 2


def option(name: str, **settings: Any) -> Callable[[Command], Command]:
    """A click option with the help text of the flag table."""
    entry = find_flag(name)
    return click.option(name, entry.parameter, metavar=entry.metavar, help=entry.help, **settings)


def database_options(command: Command) -> Command:
    """--config.file, --database-url and --river-schema; the command is called with `config`, the loaded Config."""

    @option("--config.file", type=click.Path(path_type=Path))
    @option("--database-url")
    @option("--river-schema")
    @wraps(command)
    def configured(config_file: Path | None, database_url: str | None, river_schema: str | None, **rest: Any) -> Any:
        given = Options(database_url=database_url, river_schema=river_schema)
        return command(config=load_or_exit(config_file, given), **rest)

    return configured


def load_or_exit(file: Path | None, given: Options) -> Config:
    """The configuration, or exit code 2 with every mistake in it."""
    try:
        return load(file, os.environ, given)
    except ConfigErrors as errors:
        click.echo(str(errors), err=True)
        raise SystemExit(WRONG_USE) from None


def give_up(error: DatabaseError) -> NoReturn:
    """Exit code 1 with what happened and what to do; 2 where the command or the configuration is wrong."""
    click.echo(f"Error: {error.message}\n  {error.fix}", err=True)
    raise SystemExit(WRONG_USE if error.is_wrong_use else 1) from None
