"""What a reading costs the database: time and pages by pg_stat_statements, processor time where Linux tells it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from riverkeeper.maintenance import Maintenance
from riverkeeper.postgres.connection import Database, Session
from riverkeeper.scrape.reader import Reader, ReaderSettings
from riverkeeper.scrape.schemas import SchemaLookup
from riverkeeper.scrape.scrape import Snapshot

SETTINGS = ReaderSettings(river_schema=None, keeper_schema=None, late_window=600.0, max_pairs=1000)
WARM = 3  # readings before the first that counts: caches, hint bits, the ledger's first look back
SECONDS = 30.0  # for one reading; long enough to see how slow it is

SPENT = """
SELECT
    coalesce(sum(s.total_exec_time + s.total_plan_time), 0)::double precision AS milliseconds,
    coalesce(sum(s.shared_blks_hit + s.shared_blks_read), 0)::bigint AS pages
FROM pg_stat_statements AS s
JOIN pg_database AS d ON d.oid = s.dbid
WHERE d.datname = current_database() AND s.query NOT LIKE '%%pg_stat_%%'
"""
GROUP_BY = "SELECT state, queue, kind, count(*) FROM river_job GROUP BY state, queue, kind"


@dataclass(frozen=True, slots=True)
class Cost:
    """Medians of the readings. Milliseconds; pages of 8 kB; None where it could not be told."""

    database: float
    processor: float | None
    wall: float
    pages: int
    slowest: str  # the question that took longest, with its time


@dataclass(slots=True)
class Meter:
    """Measures one database: a scrape, together with the step of maintenance that belongs to it."""

    url: str
    maintenance: Maintenance
    reader: Reader
    samples: list[tuple[float, float | None, float, int]] = field(default_factory=list)
    last: Snapshot = field(default_factory=lambda: Snapshot(up=False, taken_at=0.0))

    def scrape(self) -> None:
        self.maintenance.step(SECONDS)
        self.last = _good(self.reader.read(SECONDS))

    def take(self) -> None:
        """One reading that counts."""
        with Session(self.url, "benchmark") as sql:
            before, processor = sql.execute(SPENT)[0], _processor(sql)
            began = time.perf_counter()
            self.scrape()
            wall = (time.perf_counter() - began) * 1e3
            spent, used = sql.execute(SPENT)[0], _processor(sql)
        processor_ms = used - processor if used is not None and processor is not None else None
        pages = spent.pages - before.pages
        self.samples.append((spent.milliseconds - before.milliseconds, processor_ms, wall, pages))

    def cost(self) -> Cost:
        database, processor, wall, pages = zip(*self.samples, strict=True)
        told = [value for value in processor if value is not None]
        slowest = max(self.last.queries, key=lambda query: query.seconds)
        return Cost(
            median(database),
            median(told) if told else None,
            median(wall),
            round(median(pages)),
            f"{slowest.name} {slowest.seconds * 1e3:.0f} ms",
        )


@contextlib.contextmanager
def meter(url: str) -> Iterator[Meter]:
    """A warm meter."""
    database, lookup = Database(url), SchemaLookup(None, None)
    maintenance = Maintenance(database, SETTINGS, lookup)
    meter = Meter(url, maintenance, Reader(database, SETTINGS, lookup, maintenance.wait_for_maintained))
    try:
        for _ in range(WARM):
            meter.scrape()
        yield meter
    finally:
        database.close()


def compare(meters: Sequence[Meter], repeat: int) -> list[Cost]:
    """Costs of several readers, measured in turn, so that what else the machine does falls on all of them."""
    for _ in range(repeat):
        for each in meters:
            each.take()
    return [each.cost() for each in meters]


def group_by(url: str, repeat: int) -> tuple[float, int]:
    """Milliseconds and pages of the question that a naive exporter asks: medians, the first time left out."""
    found = []
    with Session(url, "benchmark") as sql:
        for _ in range(repeat + 1):
            explained = sql.execute(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {GROUP_BY}")[0][0][0]
            plan = explained["Plan"]
            found.append((explained["Execution Time"], plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]))
    times, pages = zip(*found[1:], strict=True)
    return median(times), round(median(pages))


def _good(snapshot: Snapshot) -> Snapshot:
    if snapshot.error:
        raise RuntimeError(f"the reading failed, so it cannot be measured: {snapshot.error}")
    return snapshot


def _processor(sql: Session) -> float | None:
    """Milliseconds of processor time that the reader's server process has used so far."""
    rows = sql.execute(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'riverkeeper' AND datname = current_database()"
    )
    try:
        return int(Path(f"/proc/{rows[0].pid}/schedstat").read_text().split()[0]) / 1e6
    except (OSError, IndexError):
        return None
