"""One transaction in the keeper schema on a connection of its own: for a page, a command or a webhook."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from riverkeeper.config.load import Config
from riverkeeper.postgres.connection import Database
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.schema.install import find_schemas, look

RESCUE_VERSION = 6  # of the keeper schema: what the rescuer and its audit need


def too_old(name: str, version: int) -> str:
    return f'keeper schema "{name}" has version {version}, and the rescuer and its audit need version {RESCUE_VERSION}'


@contextlib.contextmanager
def visit(config: Config, seconds: float, *, writing: bool = False) -> Iterator[Transaction]:
    """Raises DatabaseError; NO_KEEPER where there is no keeper schema, or one that is too old."""
    database, place = Database(config.conninfo.reveal()), config.database
    names: dict[str, str] = {}
    try:
        with (database.writing if writing else database.reading)(seconds, names) as tx:
            river = find_schemas(tx, names, place.river_schema, place.keeper_schema).schema
            name = names["keeper"]
            found = look(tx, name, river)
            if not found.installed:
                raise DatabaseError(ErrorKind.NO_KEEPER, f'keeper schema "{name}" is not installed')
            if found.version is None:
                raise DatabaseError(ErrorKind.FORBIDDEN, f'this login may not read keeper schema "{name}"')
            if found.version < RESCUE_VERSION:
                raise DatabaseError(ErrorKind.NO_KEEPER, too_old(name, found.version))
            yield tx
    finally:
        database.close()
