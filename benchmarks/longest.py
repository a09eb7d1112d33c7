"""The list of the jobs that have run longest, among a hundred thousand: time of the database by pg_stat_statements."""

from __future__ import annotations

import time
from statistics import median

from benchmarks.cost import SPENT
from benchmarks.filling import vacuum
from benchmarks.readings import server, table
from benchmarks.shapes import SHAPES
from rich.table import Table

from riverkeeper.config.layers import Options
from riverkeeper.config.load import Config, load
from riverkeeper.postgres.connection import Session
from riverkeeper.river.longest import RunningFilter
from riverkeeper.service import longest_jobs

SHOWN = 50  # as the page shows
FILTERS = {
    "all": RunningFilter(),
    "a kind": RunningFilter(kind="kind_3"),
    "a worker": RunningFilter(worker="host-7"),
    "a tier": RunningFilter(tier="standard"),
}
MANY = [shape for shape in SHAPES if shape.name in {"ct", "c++"}]


def measure(scale: float, repeat: int) -> Table:
    """One row for each table, state and filter: medians."""
    shown = Table("table", "", "filter", "database ms", "pages", "processor ms", title=f"The {SHOWN} longest jobs")
    with server() as postgres:
        for shape in MANY:
            with table(postgres, shape, scale, "longest") as url:
                config = load(None, {}, Options(database_url=url))
                for state in ("as inserted", "vacuumed"):
                    if state == "vacuumed":
                        vacuum(url)
                    for name, wanted in FILTERS.items():
                        samples = [_take(url, config, wanted) for _ in range(repeat + 1)][1:]  # the first fills caches
                        spent, pages, processor = (median(values) for values in zip(*samples, strict=True))
                        shown.add_row(shape.name, state, name, f"{spent:.0f}", f"{pages:,.0f}", f"{processor:.0f}")
    return shown


def _take(url: str, config: Config, wanted: RunningFilter) -> tuple[float, float, float]:
    """Milliseconds of the database, pages, milliseconds of our processor."""
    with Session(url, "benchmark") as sql:
        sql.execute("SELECT pg_stat_statements_reset()", {})
        began = time.process_time()
        longest_jobs(config, wanted, SHOWN, many=True)
        processor = (time.process_time() - began) * 1e3
        row = sql.execute(SPENT, {})[0]
    return row.milliseconds, row.pages, processor
