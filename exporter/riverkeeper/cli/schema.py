"""`riverkeeper schema`: the keeper's own tables, and who may do what."""

from __future__ import annotations

import click

from riverkeeper.cli.groups import OrderedGroup
from riverkeeper.cli.options import database_options, give_up
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
from riverkeeper.schema.layout import VERSION
from riverkeeper.schema.schemas import read_schema_names

ROLES = {"reader": READER, "keeper": KEEPER, "rescuer": RESCUER}


# Their completer takes a result that was dropped for a bug of its own, and ends the whole process.
UPGRADE_FIRST = (
    "Workers with River 0.44 to 0.47 for Go panic where a result is dropped: upgrade them to 0.48 or newer first."
)


@click.group(cls=OrderedGroup)
def schema() -> None:
    """Make, review, grant or remove the keeper schema."""


@schema.command()
@database_options
@click.option("--fence/--no-fence", default=True, help="Put the fence on River's table too, where this login may.")
def install(config: Config, fence: bool) -> None:
    """Make or upgrade the keeper schema. Safe beside running workers and keepers; doing it again changes nothing."""
    given = _given(config)
    try:
        name = keeper_schema.install(*given, fence=fence)
        click.echo(f'Keeper schema "{name}" is at version {VERSION}.')
        if fence:
            _tell(fence_status(*given), installed=True)
    except DatabaseError as error:
        give_up(error)


@schema.command()
@database_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Also where workers beat into it, whose late results then get out.")
def uninstall(config: Config, yes: bool, force: bool) -> None:
    """Drop the keeper schema and all it remembers. River's own tables are not touched. Refused while workers beat."""
    place = config.database
    try:
        river, name = read_schema_names(_url(config), place.river_schema, place.keeper_schema)
        if not yes:
            click.confirm(f'Drop schema "{name}" with the counts of finished jobs?', abort=True)
        keeper_schema.uninstall(_url(config), river, name, force=force)
    except DatabaseError as error:
        give_up(error)
    click.echo(f'Keeper schema "{name}" is gone.')


@schema.command(name="print")
@database_options
def print_script(config: Config) -> None:
    """Print the SQL that makes the keeper schema, to be reviewed or run by hand. Changes nothing."""
    place = config.database
    try:
        river, keeper = read_schema_names(_url(config), place.river_schema, place.keeper_schema)
    except DatabaseError as error:
        give_up(error)
    click.echo(keeper_schema.script(keeper, river), nl=False)


@schema.command()
@database_options
@click.option("--login", metavar="NAME", help="Riverkeeper's login. Default: the URL's, unless it owns River's tables.")
@click.option("--role", type=click.Choice(list(ROLES)), help="Its role. By default the least for the configured mode.")
@click.option("--workers", metavar="NAME", help="The login by which workers beat, where that is not River's own.")
@click.option("--apply", "applied", is_flag=True, help="Run the parts that this login may run.")
def grants(config: Config, login: str | None, role: str | None, workers: str | None, applied: bool) -> None:
    """Print the roles and the least rights that work, as SQL: a part for an administrator, a part for each owner."""
    place, live = config.database, config.is_live
    request = GrantRequest(login, ROLES[role] if role else None, workers, live)
    try:
        target = read_target(_url(config), place.river_schema, place.keeper_schema, request)
        click.echo(render_grants(target), nl=False)
        left = apply_grants(_url(config), target) if applied else []
    except DatabaseError as error:
        give_up(error)
    if applied:
        click.echo("-- Done." if not left else "-- Done, but for what this login may not run:")
        for part in left:
            click.echo(f"-- the part for {printable(part.run_by)}")
    if left:
        raise SystemExit(1)


@schema.group(cls=OrderedGroup)
def fence() -> None:
    """The two triggers on River's table by which the database drops results of earlier attempts."""


@fence.command(name="install")
@database_options
def fence_install(config: Config) -> None:
    """Put the fence on River's table, as its owner. River's writes wait for a second at most; again changes nothing."""
    try:
        _tell(install_fence(*_given(config)), installed=True)
    except DatabaseError as error:
        give_up(error)


@fence.command(name="remove")
@database_options
def fence_remove(config: Config) -> None:
    """Take the fence from River's table, as its owner. Clients notice within a minute and attach no tokens then."""
    try:
        remove_fence(*_given(config))
    except DatabaseError as error:
        give_up(error)
    click.echo("The fence is removed.")


@fence.command(name="status")
@database_options
def fence_show(config: Config) -> None:
    """Say whether the fence is in force, and who must do what if not; exit code 1 then."""
    try:
        found = fence_status(*_given(config))
    except DatabaseError as error:
        give_up(error)
    _tell(found)
    if not found.in_force:
        raise SystemExit(1)


@fence.command(name="print")
@database_options
def print_fence(config: Config) -> None:
    """Print the SQL of the two triggers, to be reviewed or run by hand by the owner of River's table."""
    try:
        river, keeper = read_schema_names(*_given(config))
    except DatabaseError as error:
        give_up(error)
    click.echo(fence_script(keeper, river), nl=False)


def _tell(found: Fence, *, installed: bool = False) -> None:
    click.echo(f"{found.message[0].upper()}{found.message[1:]}.")
    if not found.in_force:
        click.echo(f"  {found.fix}")
    elif installed:
        click.echo(UPGRADE_FIRST)


def _given(config: Config) -> tuple[str, str | None, str | None]:
    return _url(config), config.database.river_schema, config.database.keeper_schema


def _url(config: Config) -> str:
    return config.conninfo.reveal()
