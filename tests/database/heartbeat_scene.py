"""A database with both schemas, a job that runs, and the Python client beating for its process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg

from conformance.floor import Event
from conformance.rescue import rescue
from conformance.worker import until
from database.heartbeat_sql import Connection, claims_of, connected
from riverkeeper.heartbeat import Beater, Claim, Tier
from riverkeeper.schema.install import install

INTERVAL = 0.2  # seconds; limits and faults are scaled with it


class Scene:
    def __init__(self, url: str, sql: Connection, beater: Beater) -> None:
        self.url, self.sql, self.beater = url, sql, beater
        [self.job] = claims_of(sql, 1)
        self.claim = Claim(**self.job)

    def row(self) -> Event | None:
        return self.sql.execute("SELECT * FROM riverkeeper.heartbeat").fetchone()

    def beaten(self) -> Event:
        return until(self.row, "the first beat")

    async def beaten_async(self) -> None:
        while self.row() is None:
            await asyncio.sleep(0.01)

    def rescue(self) -> None:
        with psycopg.connect(self.url) as keeper:
            assert rescue(keeper, self.job, -3600)

    def outcome(self) -> str:
        return str(until(lambda: (self.row() or {})["outcome"], "the end to be told"))


@contextmanager
def staged(url: str) -> Iterator[Scene]:
    install(url, None, None)
    with ExitStack() as stack:
        sql = stack.enter_context(connected(url))
        beater = stack.enter_context(Beater(url, "worker", tier=Tier(INTERVAL)))
        yield Scene(url, sql, beater)
