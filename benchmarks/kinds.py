"""What a collection of the ledger costs where every job has a kind of its own, as when an id is written into it."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.table import Table

from riverkeeper.demo.postgres import Server, start_postgres
from riverkeeper.ledger.ledger import Ledger
from riverkeeper.ledger.store import KeeperStore
from riverkeeper.postgres.connection import Database, Session
from riverkeeper.postgres.statements import source
from riverkeeper.schema.install import install

START, EVERY, ROUNDS = 1_790_000_000.0, 15, 4
SCHEMAS = {"river": "public", "keeper": "riverkeeper"}
KINDS = (1_000, 10_000, 100_000)  # between two scrapes; every tenth job is of one of five steady kinds
FINISH = """
INSERT INTO river_job (state, attempt, kind, queue, priority, scheduled_at, attempted_at, finalized_at)
SELECT 'completed', 1, CASE WHEN i % 10 = 0 THEN 'steady ' || i % 50 ELSE 'id {first} ' || i END, 'queue ' || i % 5,
    1 + i % 4, at - interval '5 s', at - interval '1 s', at
FROM (
    SELECT i, to_timestamp({first}) + i * interval '{every} s' / {jobs} AS at FROM generate_series(1, {jobs}) AS i
) AS job
"""


def main() -> None:
    """Print a row for each number of kinds: the worst of a few collections."""
    shown = Table(title=f"One collection of the ledger, every job of a kind of its own, a scrape every {EVERY} s")
    for heading in ("jobs between two scrapes", "cells read", "Python ms, most", "wall ms, most", "jobs lost"):
        shown.add_column(heading, justify="right")
    with start_postgres() as postgres:
        for jobs in KINDS:
            shown.add_row(f"{jobs:,}", *measure(postgres, f"kinds_{jobs}", jobs))
    Console(width=None if sys.stdout.isatty() else 200).print(shown)


def measure(postgres: Server, name: str, jobs: int) -> tuple[str, str, str, str]:
    url = postgres.database(name)
    database, ledger = Database(url), Ledger(KeeperStore(), 600, 1000)
    with Session(url, "benchmark") as sql:
        sql.execute(source("demo/river_table").replace("river.", "public."))
        install(url, None, None)
        collect(database, ledger, START)
        costs = []
        for step in range(ROUNDS):
            now = START + step * EVERY
            sql.execute(FINISH.format(first=now, every=EVERY, jobs=jobs))
            costs.append(collect(database, ledger, now + EVERY))
    database.close()
    cells, python, wall, counted = zip(*costs, strict=True)
    lost = ROUNDS * jobs - counted[-1]
    return f"{max(cells):,.0f}", f"{max(python):,.0f}", f"{max(wall):,.0f}", f"{lost:,.0f}"


def collect(database: Database, ledger: Ledger, now: float) -> tuple[float, float, float, float]:
    """Cells read, milliseconds of our processor and of the clock on the wall, jobs counted so far."""
    python, wall = time.process_time(), time.monotonic()
    with database.reading(60, SCHEMAS) as tx:
        tx.query("river/open_transaction")
        reading = ledger.read(tx, now)
    with database.writing(60, SCHEMAS) as tx:
        totals = ledger.settle(tx, reading, {})
    ledger.remember_shown(totals)
    jobs = sum(tally.jobs for series, tally in totals.series.items() if series.measure == "run")
    return len(reading.cells), (time.process_time() - python) * 1e3, (time.monotonic() - wall) * 1e3, jobs
