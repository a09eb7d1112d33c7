"""Makes, upgrades and removes the keeper schema. One keeper schema belongs to one River schema."""

from __future__ import annotations

from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.session_settings import SEARCH_PATH
from riverkeeper.postgres.statements import literal, quote_identifier, statement
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.schema.fence import (
    FENCE_FUNCTIONS,
    INSTALL_SECONDS,
    LOCK_INSTALL,
    TABLE_LOCK_MILLISECONDS,
    install_fence,
    owner_grants,
    read_fence,
    retry_while_locked,
)
from riverkeeper.schema.grants import name_in_script
from riverkeeper.schema.layout import KEEPER_TABLES, KEEPER_VIEWS, MIN_COMPATIBLE, VERSION
from riverkeeper.schema.schemas import MOST_NAME_BYTES, Schemas, inspect_keeper, open_schemas

MIGRATIONS = (
    "schema/migrations/001_ledger",
    "schema/migrations/002_heartbeat",
    "schema/migrations/003_rescue",
    "schema/migrations/004_runs",
    "schema/migrations/005_fence",
    "schema/migrations/006_was_false",
    "schema/migrations/007_attempts",
    "schema/migrations/008_checkpoint",
    "schema/migrations/009_stack",
)


def install(url: str, river_schema: str | None, keeper_schema: str | None, *, fence: bool = True) -> str:
    """Make or upgrade the keeper schema, in one transaction; a second run changes nothing. Returns its name.

    With `fence`, put the fence on River's table where this login may; `fence_status` reports the result.
    """
    with open_schemas(url, river_schema, keeper_schema, INSTALL_SECONDS, writing=True) as (tx, schemas):
        _refuse_shared_name(schemas)
        tx.execute(f"SET LOCAL lock_timeout = {INSTALL_SECONDS * 1000:.0f}")
        tx.execute(LOCK_INSTALL)
        # CREATE SCHEMA IF NOT EXISTS fails for a login that may not create schemas, also where the schema exists.
        _create_schema(tx, schemas.keeper)
        tx.execute(statement("schema/create_meta", keeper=schemas.keeper))
        _migrate(tx, schemas)
        _let_owner_fence(tx, schemas.keeper)
    if fence:
        _fence_if_allowed(url, schemas)
    return schemas.keeper


def _create_schema(tx: Transaction, name: str) -> None:
    """Make the schema where it is not there. Raises DatabaseError FORBIDDEN with the login that must do what."""
    creator = tx.query("schema/read_creator", {"schema": name})[0]
    if creator.owner is not None:
        if not creator.may_fill:
            message = f'keeper schema "{name}" belongs to login "{creator.owner}", and this login is "{creator.name}"'
            raise DatabaseError(ErrorKind.FORBIDDEN, message, f'run this as login "{creator.owner}"')
        return
    if not creator.may_create:
        message = f'login "{creator.name}" may not create a schema in database "{creator.database}"'
        create = f"CREATE SCHEMA {name_in_script(name)} AUTHORIZATION {name_in_script(creator.name)};"
        fix = f"an administrator runs: {create} Then run this again"
        raise DatabaseError(ErrorKind.FORBIDDEN, message, fix)
    tx.execute(create_statement(name))


def _fence_if_allowed(url: str, schemas: Schemas) -> None:
    try:
        install_fence(url, schemas.river, schemas.keeper)
    except DatabaseError as error:
        if error.kind is not ErrorKind.NO_FENCE:
            raise


def _migrate(tx: Transaction, schemas: Schemas) -> None:
    rows = tx.query("schema/read_meta")
    if rows:
        inspect_keeper(tx, schemas)
    done = rows[0].version if rows else 0
    for number, migration in enumerate(MIGRATIONS, start=1):
        if number > done:
            tx.execute(statement(migration, keeper=schemas.keeper))
    values = {"river_schema": schemas.river, "version": VERSION, "min_compatible": MIN_COMPATIBLE}
    tx.query("schema/write_meta", values)


def _let_owner_fence(tx: Transaction, name: str) -> None:
    """Give the owner of River's table, where it does not own the keeper schema, the rights to install the fence."""
    fence = read_fence(tx)
    if fence.owner and not fence.owned:
        tx.execute(owner_grants(name, fence.owner))


def _refuse_shared_name(schemas: Schemas) -> None:
    if schemas.keeper.encode()[:MOST_NAME_BYTES] == schemas.river.encode()[:MOST_NAME_BYTES]:
        message = f'"{schemas.keeper}" is River\'s own schema, and cannot be the keeper schema too'
        raise DatabaseError(ErrorKind.SHARED_SCHEMA, message)


def create_statement(name: str) -> str:
    return f"CREATE SCHEMA IF NOT EXISTS {quote_identifier(name)}"


def script(name: str, river_schema: str) -> str:
    """The SQL that `install` runs in an empty database, for review or for a manual install."""
    river = literal(river_schema).replace("%", "%%")
    parts = [create_statement(name) + ";", statement("schema/create_meta", keeper=name) + ";"]
    parts += [statement(migration, keeper=name) for migration in MIGRATIONS]
    values = f"VALUES ({river}, {VERSION}, {MIN_COMPATIBLE});"  # an operator cannot bind parameters
    parts.append(f"INSERT INTO {quote_identifier(name)}.meta (river_schema, version, min_compatible) {values}")
    return (
        f"BEGIN;\nSET LOCAL search_path = {SEARCH_PATH};\n"
        + "\n".join(part.strip() for part in parts).replace("%%", "%")
        + "\nCOMMIT;\n"
    )


def uninstall(url: str, river_schema: str | None, keeper_schema: str | None, *, force: bool = False) -> str:
    """Drop the keeper schema with all its data. Returns its name.

    Raises DatabaseError: WRONG_KEEPER where it serves another River, BEATING where workers beat, unless `force`.
    """

    def drop() -> str:
        with open_schemas(url, river_schema, keeper_schema, INSTALL_SECONDS, writing=True) as (tx, schemas):
            if not inspect_keeper(tx, schemas).installed:
                raise DatabaseError(ErrorKind.MISSING, f'there is no keeper schema "{schemas.keeper}"', _NAME_IT)
            _drop(tx, schemas.keeper, force)
            return schemas.keeper

    return retry_while_locked(drop)


_NAME_IT = "name it with database.keeper_schema, if it has another name"


def _drop(tx: Transaction, name: str, force: bool) -> None:
    _refuse_shared(tx, name)
    if not force:
        _refuse_beating(tx, name)
    # The fence first: dropping its functions drops its triggers, with any owner of River's table.
    functions = ", ".join(f"{quote_identifier(name)}.{function}()" for function in FENCE_FUNCTIONS)
    tx.execute(f"SET LOCAL lock_timeout = {TABLE_LOCK_MILLISECONDS}; DROP FUNCTION IF EXISTS {functions} CASCADE")
    tx.execute(f"DROP SCHEMA {quote_identifier(name)} CASCADE")


def _refuse_shared(tx: Transaction, name: str) -> None:
    """Refuse to drop objects of others with the schema."""
    others = tx.query("schema/list_strangers", {"schema": name, "tables": [*KEEPER_TABLES, *KEEPER_VIEWS]})
    if others:
        names = ", ".join(row.name for row in others)
        message = f'schema "{name}" also holds objects that are not Riverkeeper\'s ({names})'
        fix = f"move them to another schema, or drop Riverkeeper's tables yourself: {', '.join(KEEPER_TABLES)}"
        raise DatabaseError(ErrorKind.SHARED_SCHEMA, message, fix)


def _refuse_beating(tx: Transaction, name: str) -> None:
    """Jobs go on without the tables, but nothing drops late results any more."""
    if not tx.query("schema/find_table", {"schema": name, "table": "heartbeat"}):
        return
    schema = quote_identifier(name)
    tx.execute(f"LOCK TABLE {schema}.client, {schema}.heartbeat IN SHARE MODE")  # no beat comes in between
    beating = tx.query("schema/count_beating")[0]
    if beating.clients or beating.claims:
        message = f'{beating.clients} worker processes and {beating.claims} jobs beat into keeper schema "{name}"'
        raise DatabaseError(ErrorKind.BEATING, message)
