"""Finds River's schema and the keeper schema. No other module looks for them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from riverkeeper.config.load import Config
from riverkeeper.postgres.connection import begin_transaction
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.statements import default_keeper_schema
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.river.detect import find_river
from riverkeeper.river.layout import Layout
from riverkeeper.schema.layout import HEARTBEAT_COLUMNS, RESCUE_VERSION, VERSION, KeeperSchema

INSPECT_SECONDS = 5.0
MOST_NAME_BYTES = 63  # Postgres cuts longer names


@dataclass(frozen=True, slots=True)
class Schemas:
    """River, and the name of its keeper schema, which need not be installed."""

    layout: Layout
    keeper: str

    @property
    def river(self) -> str:
        return self.layout.schema


def find_schemas(tx: Transaction, river_schema: str | None, keeper_schema: str | None) -> Schemas:
    """Find both schemas; later statements of the transaction then use them. Raises DatabaseError.

    River is found by its name, or by the search_path, as River's clients find it. The keeper schema is found by its
    name, or by a default name: the schema that serves this River comes first.
    """
    layout = find_river(tx, river_schema)
    keeper = keeper_schema or _find_keeper(tx, layout.schema, default_keeper_schema(river_schema))
    tx.name_schemas(keeper=keeper)
    return Schemas(layout, keeper)


def _find_keeper(tx: Transaction, river_schema: str, default: str) -> str:
    """A River has one keeper schema, whether a command finds the River by its name or by the search_path."""
    both = dict.fromkeys((default, default_keeper_schema(None), default_keeper_schema(river_schema)))
    for row in tx.query("schema/find_keepers", {"names": [name for name in both if fits(name)]}):
        tx.name_schemas(keeper=row.name)
        try:
            serves = [meta.river_schema for meta in tx.query("schema/read_meta")]
        except DatabaseError:  # perhaps locked: `inspect_keeper` reports the error, and no other schema is taken
            return str(row.name)
        if river_schema in serves:
            return str(row.name)
    return default


def fits(name: str) -> bool:
    """Whether Postgres takes the whole name."""
    return len(name.encode()) <= MOST_NAME_BYTES


def inspect_keeper(tx: Transaction, schemas: Schemas) -> KeeperSchema:
    """The keeper schema as it is. Raises DatabaseError WRONG_KEEPER, TOO_NEW or ROW_SECURITY if it must not be used."""
    name = schemas.keeper
    columns = [f"{table}.{column}" for table, read in HEARTBEAT_COLUMNS.items() for column in read]
    found = tx.query("schema/inspect_keeper", {"schema": name, "columns": columns})
    if not found or not found[0].usable:
        return KeeperSchema(name, installed=bool(found))
    rights = found[0]
    if rights.filtered:
        tables = ", ".join(rights.filtered)
        message = f'row level security is active on {tables} of keeper schema "{name}" for this login'
        raise DatabaseError(ErrorKind.ROW_SECURITY, message)
    rows = tx.query("schema/read_meta")
    if not rows:
        return KeeperSchema(name)
    _refuse_foreign(name, schemas.river, rows[0].river_schema)
    _refuse_too_new(name, rows[0].version, rows[0].min_compatible)
    return KeeperSchema(
        name,
        installed=True,
        writable=rights.writable,
        version=rows[0].version,
        outdated=rows[0].version < VERSION,  # an older schema serves what it has: migrations only add
        heartbeat=rights.heartbeat,
        audit=rights.audit,
        learns=rights.learns,
        control=rights.control,
        sweepable=rights.heartbeat is not None and rights.sweepable,
        checkpoints=rights.checkpoints,
        checkpoints_sweepable=rights.checkpoints_sweepable,
        counts_work=rights.heartbeat is not None and rights.writable and rights.counts_work,
    )


def _refuse_foreign(name: str, river: str, river_schema: str) -> None:
    if river_schema != river:
        message = f'keeper schema "{name}" belongs to River schema "{river_schema}", not to "{river}"'
        raise DatabaseError(ErrorKind.WRONG_KEEPER, message)


def _refuse_too_new(name: str, version: int, min_compatible: int) -> None:
    if min_compatible > VERSION:
        message = (
            f'keeper schema "{name}" has version {version} and needs a Riverkeeper that knows version'
            f" {min_compatible}; this one knows version {VERSION}"
        )
        raise DatabaseError(ErrorKind.TOO_NEW, message)


@contextlib.contextmanager
def open_schemas(
    url: str, river_schema: str | None, keeper_schema: str | None, seconds: float, *, writing: bool = False
) -> Iterator[tuple[Transaction, Schemas]]:
    """A transaction on a new connection, which is closed afterwards, and both schemas. Raises DatabaseError."""
    with begin_transaction(url, seconds, writing=writing) as tx:
        yield tx, find_schemas(tx, river_schema, keeper_schema)


@contextlib.contextmanager
def open_keeper(config: Config, seconds: float, *, writing: bool = False) -> Iterator[Transaction]:
    """A transaction on a new connection, with a keeper schema that the rescuer and its audit can use.

    For a page, a command or the webhook. Raises DatabaseError.
    """
    place = config.database
    url = config.conninfo.reveal()
    with open_schemas(url, place.river_schema, place.keeper_schema, seconds, writing=writing) as (tx, schemas):
        require_version(inspect_keeper(tx, schemas), RESCUE_VERSION, "the rescuer and its audit")
        yield tx


def require_version(keeper: KeeperSchema, version: int, user: str) -> None:
    """Raises DatabaseError NO_KEEPER where the keeper schema is missing or too old for `user`, else FORBIDDEN."""
    if not keeper.installed:
        raise DatabaseError(ErrorKind.NO_KEEPER, f'keeper schema "{keeper.name}" is not installed')
    if keeper.version is None:
        raise DatabaseError(ErrorKind.FORBIDDEN, f'this login may not read keeper schema "{keeper.name}"')
    if keeper.version < version:
        message = f'keeper schema "{keeper.name}" has version {keeper.version}, and {user} needs version {version}'
        raise DatabaseError(ErrorKind.NO_KEEPER, message)


def read_schema_names(url: str, river_schema: str | None, keeper_schema: str | None) -> tuple[str, str]:
    """The names of River's schema and of the keeper schema. Raises DatabaseError."""
    with open_schemas(url, river_schema, keeper_schema, INSPECT_SECONDS) as (_, schemas):
        return schemas.river, schemas.keeper


def refuse_foreign_keeper(url: str, river_schema: str | None, keeper_schema: str | None) -> None:
    """Raises DatabaseError where the keeper schema must not be used, or where the database cannot be read."""
    with open_schemas(url, river_schema, keeper_schema, INSPECT_SECONDS) as (tx, schemas):
        inspect_keeper(tx, schemas)
