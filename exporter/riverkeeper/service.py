"""The running keeper: its configuration, its collector and its page, as the web part uses them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from riverkeeper.collector import Collector, still_waiting
from riverkeeper.config.load import Config
from riverkeeper.config.problem import ConfigErrors
from riverkeeper.database import Database
from riverkeeper.metrics.catalogue.process import Process
from riverkeeper.metrics.exposition import Exposition
from riverkeeper.reading import Reader, Settings
from riverkeeper.river.detect import detect
from riverkeeper.river.failing import read_failing
from riverkeeper.snapshot import Snapshot
from riverkeeper.web.keeper import FailingJobs

log = structlog.get_logger()

FAILING_SECONDS = 3.0  # for a person who waits in front of a page; and a stop must not wait longer


class Service:
    """Implements web.keeper.Keeper. `load` reads the configuration again, and raises ConfigErrors."""

    def __init__(self, config: Config, load: Callable[[], Config]) -> None:
        self.config = config
        self._load = load
        self._collector = _collector(config)
        self._exposition = Exposition()
        self._process = Process()
        self._failing = asyncio.Semaphore(1)  # a page for people: one connection at a time is enough

    async def snapshot(self, seconds: float) -> Snapshot:
        flight = asyncio.wrap_future(self._collector.flight(seconds))
        try:
            return await asyncio.wait_for(asyncio.shield(flight), seconds)
        except TimeoutError:
            return still_waiting(seconds)

    def latest(self) -> Snapshot | None:
        return self._collector.latest

    def exposition(self, snapshot: Snapshot, accept: str, names: frozenset[str]) -> tuple[bytes, str]:
        return self._exposition.page(snapshot, self._process, accept, names)

    async def failing(self, queue: str | None, kind: str | None, shown: int) -> FailingJobs:
        async with self._failing:
            return await asyncio.to_thread(failing_jobs, self.config, queue, kind, shown)

    async def reload(self) -> str | None:
        try:
            config = await asyncio.to_thread(self._load)
        except ConfigErrors as errors:
            self._process.config_reloaded = False
            log.error("configuration not reloaded, the one before stays in force", problems=str(errors))
            return str(errors)
        self._process.config_reloaded = True
        if config.web != self.config.web:
            log.warning("changes of web.listen_address and web.config_file take effect at the next start")
        if config != self.config:  # a new reader counts in memory from 0 again: not for nothing
            before, self._collector, self.config = self._collector, _collector(config), config
            before.close()
        log.info("configuration reloaded")
        return None

    def count_rejected(self, reason: str) -> None:
        self._process.rejected[reason] += 1

    def close(self) -> None:
        """Take no new readings; the one under way ends by its own limits."""
        self._collector.close()


def reader_settings(config: Config) -> Settings:
    """What a reading needs of the configuration."""
    return Settings(
        river_schema=config.database.river_schema,
        keeper_schema=config.database.keeper_schema,
        late_window=config.collect.late_window,
        max_pairs=config.collect.max_pairs,
        metadata_interval=config.heartbeat.metadata_interval,
    )


def failing_jobs(config: Config, queue: str | None, kind: str | None, shown: int) -> FailingJobs:
    """The failing jobs, asked on a connection of their own. Raises DatabaseError."""
    database = Database(config.conninfo.reveal())
    schemas: dict[str, str] = {}
    try:
        with database.reading(FAILING_SECONDS, schemas) as tx:
            layout = detect(tx, config.database.river_schema)
            schemas["river"] = layout.schema
            return read_failing(tx, layout, queue, kind, shown)
    finally:
        database.close()


def _collector(config: Config) -> Collector:
    return Collector(Reader(Database(config.conninfo.reveal()), reader_settings(config)), config.collect.min_interval)
