"""`riverkeeper schema`: the keeper's own tables, and who may do what."""

from __future__ import annotations

import click

from riverkeeper.cli.options import database_options, give_up
from riverkeeper.config.load import Config
from riverkeeper.database import run_script
from riverkeeper.errors import DatabaseError
from riverkeeper.keeper import schema as keeper_schema
from riverkeeper.keeper.grants import grants as grants_sql

UNKNOWN_RIVER = "public"  # what is printed for a River schema that was not named: River's own default


@click.group()
def schema() -> None:
    """Make, review, grant or remove the keeper schema."""


@schema.command()
@database_options
def install(config: Config) -> None:
    """Make or upgrade the keeper schema. Safe beside running workers and keepers; doing it again changes nothing."""
    try:
        name = keeper_schema.install(_url(config), config.database.river_schema, config.database.keeper_schema)
    except DatabaseError as error:
        give_up(error)
    click.echo(f'Keeper schema "{name}" is at version {keeper_schema.VERSION}.')


@schema.command()
@database_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Also where workers beat into it, whose late results then get out.")
def uninstall(config: Config, yes: bool, force: bool) -> None:
    """Drop the keeper schema and all it remembers. River's own tables are not touched. Refused while workers beat."""
    name = config.database.effective_keeper_schema
    if not yes:
        click.confirm(f'Drop schema "{name}" with the counts of finished jobs?', abort=True)
    try:
        river, keeper = config.database.river_schema, config.database.keeper_schema
        keeper_schema.uninstall(_url(config), river, keeper, force=force)
    except DatabaseError as error:
        give_up(error)
    click.echo(f'Keeper schema "{name}" is gone.')


@schema.command(name="print")
@database_options
def print_script(config: Config) -> None:
    """Print the SQL that makes the keeper schema, to be reviewed or run by hand."""
    river = config.database.river_schema or UNKNOWN_RIVER
    click.echo(keeper_schema.script(config.database.effective_keeper_schema, river), nl=False)


@schema.command()
@database_options
@click.option("--apply", "applied", is_flag=True, help="Run it too, by this login: the owner of River's tables.")
def grants(config: Config, applied: bool) -> None:
    """Print the roles that keepers and beating workers need, with the least rights that work, as SQL."""
    river = config.database.river_schema or UNKNOWN_RIVER
    script = grants_sql(river, config.database.effective_keeper_schema)
    click.echo(script, nl=False)
    if applied:
        try:
            run_script(_url(config), script)
        except DatabaseError as error:
            give_up(error)
        click.echo("-- Done. Give each login its role, as above.")


def _url(config: Config) -> str:
    return config.conninfo.reveal()
