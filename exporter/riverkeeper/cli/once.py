"""One reading of the database, for a command that answers and ends."""

from __future__ import annotations

from riverkeeper import logs
from riverkeeper.cli.options import give_up
from riverkeeper.config.load import Config
from riverkeeper.postgres.connection import Database
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.scrape.reader import Reader
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.service import reader_settings

SECONDS = 20.0  # a person waits


def read_once(config: Config) -> Snapshot:
    """The reading that a scrape would take; what it logs on its way would stand among the answer, and is left out."""
    logs.configure("error", "logfmt")
    try:
        database = Database(config.conninfo.reveal())
    except DatabaseError as error:
        give_up(error)
    reader = Reader(database, reader_settings(config))
    try:
        return reader.read(SECONDS)
    finally:
        reader.close()
