"""`riverkeeper schema`: the keeper schema, its roles and its fence."""

from __future__ import annotations

import click

from riverkeeper.cli.options import Command, database_options, give_up
from riverkeeper.cli.terminal import OrderedGroup
from riverkeeper.config.load import Config
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.schema import install as keeper_schema
from riverkeeper.schema.fence import Fence, fence_script, fence_status, install_fence, remove_fence
from riverkeeper.schema.grants import (
    KEEPER,
    READER,
    RESCUER,
    GrantRequest,
    apply_grants,
    printable,
    read_target,
    render_grants,
)
from riverkeeper.schema.schemas import read_schema_names
from riverkeeper.schema.setup import SetupStep, set_up

ROLES = {"reader": READER, "keeper": KEEPER, "rescuer": RESCUER}


# The completer of these versions takes a dropped result for its own bug and ends the whole process.
UPGRADE_FIRST = (
    "Workers with River 0.44 to 0.47 for Go panic where a result is dropped: upgrade them to 0.48 or newer first."
)


@click.group(cls=OrderedGroup)
def schema() -> None:
    """Install, review, grant or remove the keeper schema."""


def _grant_options(command: Command) -> Command:
    """--login, --role and --workers; the command is called with them."""
    for decorate in (
        click.option(
            "--workers",
            metavar="NAME",
            help="The login of the workers, if they do not use the login that owns River's tables.",
        ),
        click.option(
            "--role",
            type=click.Choice(list(ROLES)),
            help="The role of this login. Default: the least that the configured mode needs.",
        ),
        click.option(
            "--login", metavar="NAME", help="Riverkeeper's login. Default: the URL's, unless it owns River's tables."
        ),
    ):
        command = decorate(command)
    return command


@schema.command()
@database_options
@_grant_options
@click.option(
    "--fence/--no-fence", default=True, help="Also put the fence on River's table, if this login owns the table."
)
def install(config: Config, login: str | None, role: str | None, workers: str | None, fence: bool) -> None:
    """Create or upgrade the keeper schema, put the fence on River's table, and give the roles their rights.

    Does what this login may do, and prints what is missing and who must run what. Best run by the login that owns
    River's tables. Safe while workers and Riverkeeper run. A second run changes nothing.

    Exit codes: 0 the keeper schema is there, 1 it is not, 2 the command or the configuration is wrong."""
    request = GrantRequest(login, ROLES[role] if role else None, workers, config.is_live)
    try:
        steps = set_up(*_target(config), request, fence=fence)
    except DatabaseError as error:
        give_up(error)
    for step in steps:
        _print_step(step)
    if fence:
        click.echo(UPGRADE_FIRST)


def _print_step(step: SetupStep) -> None:
    colon = ":" if step.command or step.sql else ""
    click.echo(f"{step.state:<9}{printable(step.message)}{colon}")
    if step.command:
        click.echo(f"         {step.command}")
    if step.sql:
        click.echo(f"\n{step.sql}")


@schema.command()
@database_options
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option(
    "--force",
    is_flag=True,
    help="Drop it although workers beat into it. Their late results are then no longer dropped.",
)
def uninstall(config: Config, yes: bool, force: bool) -> None:
    """Drop the keeper schema with all its data. River's own tables stay as they are.

    Refused while workers beat."""
    place = config.database
    try:
        river, name = read_schema_names(_url(config), place.river_schema, place.keeper_schema)
        if not yes:
            click.confirm(f'Drop schema "{name}" with the counts of finished jobs?', abort=True)
        keeper_schema.uninstall(_url(config), river, name, force=force)
    except DatabaseError as error:
        give_up(error)
    click.echo(f'Keeper schema "{name}" is dropped.')


@schema.command(name="print")
@database_options
def print_script(config: Config) -> None:
    """Print the SQL that creates the keeper schema, to review it or to run it with psql. Changes nothing."""
    place = config.database
    try:
        river, keeper = read_schema_names(_url(config), place.river_schema, place.keeper_schema)
    except DatabaseError as error:
        give_up(error)
    click.echo(keeper_schema.script(keeper, river), nl=False)


@schema.command()
@database_options
@_grant_options
@click.option("--apply", "applied", is_flag=True, help="Run the parts that this login is allowed to run.")
def grants(config: Config, login: str | None, role: str | None, workers: str | None, applied: bool) -> None:
    """Print the SQL of the roles and the least privileges that Riverkeeper needs.

    One part is for an administrator, and one for each owner of tables.
    """
    place, live = config.database, config.is_live
    request = GrantRequest(login, ROLES[role] if role else None, workers, live)
    try:
        target = read_target(_url(config), place.river_schema, place.keeper_schema, request)
        click.echo(render_grants(target), nl=False)
        left = apply_grants(_url(config), target) if applied else []
    except DatabaseError as error:
        give_up(error)
    if applied:
        click.echo("-- Done." if not left else "-- Done, except the parts that this login is not allowed to run:")
        for part in left:
            command = "" if part.owner is None else ": run `riverkeeper schema install` as this login"
            click.echo(f"-- the part for {printable(part.run_by)}{command}")
    if left:
        raise SystemExit(1)


@schema.group(cls=OrderedGroup)
def fence() -> None:
    """Install, remove or check the two triggers by which the database drops results of earlier attempts."""


@fence.command(name="install")
@database_options
def fence_install(config: Config) -> None:
    """Put the fence on River's table. Needs the login that owns the table.

    Writes of River wait for a second at most. A second run changes nothing."""
    try:
        _print_fence(install_fence(*_target(config)), installed=True)
    except DatabaseError as error:
        give_up(error)


@fence.command(name="remove")
@database_options
def fence_remove(config: Config) -> None:
    """Remove the fence from River's table. Needs the login that owns the table.

    Clients notice it within a minute, and then attach no more tokens."""
    try:
        remove_fence(*_target(config))
    except DatabaseError as error:
        give_up(error)
    click.echo("The fence is removed.")


@fence.command(name="status")
@database_options
def fence_show(config: Config) -> None:
    """Show whether the fence is in force, and the fix if it is not.

    Exit codes: 0 in force, 1 not in force."""
    try:
        found = fence_status(*_target(config))
    except DatabaseError as error:
        give_up(error)
    _print_fence(found)
    if not found.in_force:
        raise SystemExit(1)


@fence.command(name="print")
@database_options
def print_fence_script(config: Config) -> None:
    """Print the SQL of the two triggers, for the owner of River's table to review or to run."""
    try:
        river, keeper = read_schema_names(*_target(config))
    except DatabaseError as error:
        give_up(error)
    click.echo(fence_script(keeper, river), nl=False)


def _print_fence(found: Fence, *, installed: bool = False) -> None:
    click.echo(f"{found.message[0].upper()}{found.message[1:]}.")
    if not found.in_force:
        click.echo(f"  {found.fix}")
    elif installed:
        click.echo(UPGRADE_FIRST)


def _target(config: Config) -> tuple[str, str | None, str | None]:
    return _url(config), config.database.river_schema, config.database.keeper_schema


def _url(config: Config) -> str:
    return config.conninfo.reveal()
