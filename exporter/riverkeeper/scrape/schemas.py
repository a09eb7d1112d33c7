"""Looks up River's schema and the keeper schema once a minute, for every loop of the process."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.river.layout import Layout
from riverkeeper.schema.layout import KeeperSchema
from riverkeeper.schema.schemas import find_schemas, inspect_keeper

LOOKUP_SECONDS = 60.0  # the catalog is read again this often, and after any failure


@dataclass(frozen=True, slots=True)
class FoundSchemas:
    """River's layout and the keeper schema, as the catalog describes them."""

    layout: Layout
    keeper: KeeperSchema
    keeper_error: str | None  # why the keeper schema cannot be used; `keeper` is then as if it were not installed
    standby: bool
    names: Mapping[str, str]  # of both schemas, as statements use them
    found_at: float  # our monotonic clock


class SchemaLookup:
    """Finds both schemas, and remembers them. Several threads may use it: each gets a whole value."""

    def __init__(self, river_schema: str | None, keeper_schema: str | None) -> None:
        self._river_schema, self._keeper_schema = river_schema, keeper_schema
        self._found: FoundSchemas | None = None

    def find(self, tx: Transaction, *, standby: bool) -> FoundSchemas:
        """Both schemas; later statements of the transaction use them. Raises DatabaseError."""
        found = self._found
        if found is not None and found.standby == standby and time.monotonic() - found.found_at < LOOKUP_SECONDS:
            tx.name_schemas(**found.names)
            return found
        found = self._look_up(tx, standby)
        self._found = None if found.keeper_error else found
        return found

    def forget(self) -> None:
        """Look the schemas up again next time: a column, a right or a table may have gone."""
        self._found = None

    def _look_up(self, tx: Transaction, standby: bool) -> FoundSchemas:
        schemas = find_schemas(tx, self._river_schema, self._keeper_schema)
        keeper, error = KeeperSchema(schemas.keeper), None
        try:
            keeper = inspect_keeper(tx, schemas)
        except DatabaseError as failed:
            error = str(failed)
        return FoundSchemas(schemas.layout, keeper, error, standby, dict(tx.schemas), time.monotonic())
