"""One scrape, for a command that answers and ends."""

from __future__ import annotations

from riverkeeper import logs
from riverkeeper.cli.options import give_up
from riverkeeper.config.load import Config
from riverkeeper.maintenance import Maintenance
from riverkeeper.postgres.connection import Database
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.scrape.reader import Reader, reader_settings
from riverkeeper.scrape.schemas import SchemaLookup
from riverkeeper.scrape.scrape import Snapshot

SECONDS = 20.0  # a person waits
COMMITTED_SECONDS = 5.0  # of these, for what maintenance has committed


def read_once(config: Config) -> Snapshot:
    """A scrape with what `serve` has committed; writes nothing. What it would log is left out of the answer."""
    logs.configure("error", "logfmt")
    settings = reader_settings(config)
    lookup = SchemaLookup(settings.river_schema, settings.keeper_schema)
    try:
        database = Database(config.conninfo.reveal())
    except DatabaseError as error:
        give_up(error)
    try:
        committed = Maintenance(database, settings, lookup).read_committed(COMMITTED_SECONDS)
        return Reader(database, settings, lookup, lambda: committed).read(SECONDS)
    finally:
        database.close()
