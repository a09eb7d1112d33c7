"""The pages of what runs and who works, with a hundred thousand running jobs of five thousand processes.

`riverkeeper serve` answers them. Time of the database by pg_stat_statements, all statements of one page together; the
scrape under it is read once. Every fiftieth process has stopped beating.
"""

from __future__ import annotations

import time
import urllib.request
from dataclasses import replace
from statistics import median

from benchmarks.cost import SPENT
from benchmarks.filling import vacuum
from benchmarks.memory import serving
from benchmarks.readings import server, table
from benchmarks.shapes import JUST_FINISHED, Shape, running
from rich.table import Table

from riverkeeper.postgres.connection import Session

PROCESSES = 5_000
CLAIMS = replace(running(), client=f"i / 20 %% {PROCESSES}")  # twenty jobs of twenty kinds each
CROWD = Shape("crowd", "100 k running of 5,000 processes", (CLAIMS, JUST_FINISHED), beating=True)
CLIENTS = """INSERT INTO riverkeeper.client
    (instance, client_id, software, beat_interval, beat_at, started_at, kinds, fences)
    SELECT md5('host-' || i)::uuid, 'host-' || i, 'riverbeat-go/0.1.0', '5 min',
        now() - CASE WHEN i %% 50 = 0 THEN interval '50 min' ELSE interval '1 s' END,
        now() - interval '1 day', ARRAY['kind_1', 'kind_2'], true
    FROM generate_series(0, %(processes)s - 1) AS i"""
PATIENT = "UPDATE riverkeeper.heartbeat SET beat_interval = '5 min', beat_at = now()"  # fresh for as long as this runs
PAGES = (
    "workers", "workers?limit=500", "workers?status=stale", "workers?kind=kind_3", "workers?client=host-77",
    "running", "running?limit=500", "running?tier=standard", "running?worker=host-7",
)  # fmt: skip


def measure(scale: float, repeat: int) -> Table:
    """One row for each page: medians."""
    shown = Table("page", "database ms", "pages of 8 kB", "wall ms", "kB", "kB of JSON", title=CROWD.title)
    with server() as postgres, table(postgres, CROWD, scale, "crowd") as url:
        with Session(url, "benchmark") as sql:
            sql.execute(PATIENT)
            sql.execute(CLIENTS, {"processes": PROCESSES})
        vacuum(url)
        with serving(url, "collect: {min_interval: 5m}") as (_, metrics):
            base = metrics.rpartition("/")[0]
            for path in PAGES:
                _take(url, f"{base}/{path}")  # fills caches, and reads the scrape
                samples = [_take(url, f"{base}/{path}") for _ in range(repeat)]
                spent, pages, wall, size = (median(values) for values in zip(*samples, strict=True))
                json = _take(url, f"{base}/{path.replace('?', '.json?') if '?' in path else f'{path}.json'}")[3]
                shown.add_row(path, f"{spent:.0f}", f"{pages:,.0f}", f"{wall:.0f}", f"{size:.0f}", f"{json:.0f}")
    return shown


def _take(url: str, address: str) -> tuple[float, float, float, float]:
    """Milliseconds of the database, its pages, milliseconds until the answer was here, and its kilobytes."""
    with Session(url, "benchmark") as sql:
        sql.execute("SELECT pg_stat_statements_reset()", {})
        began = time.perf_counter()
        with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310 - our own server
            body = answer.read()
        wall = (time.perf_counter() - began) * 1e3
        row = sql.execute(SPENT, {})[0]
    return row.milliseconds, row.pages, wall, len(body) / 1024
