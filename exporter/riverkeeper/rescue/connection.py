"""The rescuer's own connection: transactions that find both schemas, and check the login's rights once a minute."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from riverkeeper.config.load import Config
from riverkeeper.heartbeat.leases import lease_clock
from riverkeeper.postgres.connection import Database
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.schema.layout import RESCUE_VERSION, KeeperSchema
from riverkeeper.schema.schemas import find_schemas, inspect_keeper, require_version

CHECK_SECONDS = 60.0  # between two checks of the catalog, as for a scrape; after an error at once


class RescueConnection:
    """A connection for one thread at a time."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._is_live = config.is_live
        self._schemas: Mapping[str, str] = {}
        self._inspected_at = float("-inf")
        self._found: KeeperSchema | None = None  # by `reading`
        self.may_rescue = False  # False: dry runs only; known after the first writing transaction
        self.database = Database(config.conninfo.reveal())

    @property
    def schemas(self) -> Mapping[str, str]:
        """The names of both schemas, as the statements take them; empty before the first transaction."""
        return self._schemas

    @contextmanager
    def writing(self, seconds: float) -> Iterator[Transaction]:
        """Raises DatabaseError: NO_KEEPER or FORBIDDEN where this login may not do what the mode needs."""
        try:
            with self.database.writing(seconds, self._schemas) as tx:
                if lease_clock() - self._inspected_at > CHECK_SECONDS:
                    self._inspect(tx)
                yield tx
        except DatabaseError:
            self._inspected_at = float("-inf")
            raise

    @contextmanager
    def reading(self, seconds: float) -> Iterator[tuple[Transaction, KeeperSchema]]:
        """A transaction of a login that may only read, with the keeper schema as found. Raises DatabaseError."""
        try:
            with self.database.reading(seconds, self._schemas) as tx:
                if self._found is None or lease_clock() - self._inspected_at > CHECK_SECONDS:
                    self._found = self._find(tx)
                    self._inspected_at = lease_clock()
                yield tx, self._found
        except DatabaseError:
            self._found = None
            raise

    def close(self) -> None:
        self.database.close()

    def _inspect(self, tx: Transaction) -> None:
        found = self._find(tx)
        require_version(found, RESCUE_VERSION, "the rescuer and its audit")
        if not found.writable:
            raise DatabaseError(ErrorKind.FORBIDDEN, f'this login may not write keeper schema "{found.name}"')
        self.may_rescue = tx.query("rescue/read_rights")[0].may_rescue
        if not self.may_rescue and self._is_live:  # it must not keep the leadership from a replica that may
            raise DatabaseError(ErrorKind.FORBIDDEN, "this login may not rescue, and the mode is live")
        self._inspected_at = lease_clock()

    def _find(self, tx: Transaction) -> KeeperSchema:
        place = self._config.database
        schemas = find_schemas(tx, place.river_schema, place.keeper_schema)
        self._schemas = tx.schemas
        return inspect_keeper(tx, schemas)
