"""What one collection of the ledger costs where a thousand jobs finish every second."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from benchmarks import kinds, losses
from benchmarks.cost import SPENT
from rich.console import Console
from rich.progress import track
from rich.table import Table

from riverkeeper.demo.postgres import THROW_AWAY, Server, start_postgres
from riverkeeper.ledger.ledger import Ledger
from riverkeeper.ledger.store import KeeperStore, MemoryStore
from riverkeeper.postgres.connection import Database, Session
from riverkeeper.postgres.statements import source
from riverkeeper.schema.install import install

RATE = 1_000  # finished jobs a second
EVERY = 15  # seconds between two scrapes
HISTORY = 1_800  # seconds of it before the first
COLLECTIONS = 60  # that count; after a warm-up of the late window, so that every visit is due
LATE_WINDOW = 600
START = 1_790_000_000
SCHEMAS = {"river": "public", "keeper": "riverkeeper"}
SERVER = (*THROW_AWAY, "shared_buffers=1GB", "max_wal_size=8GB", "shared_preload_libraries=pg_stat_statements")

# A kind has its own usual run time, from 10 ms to a minute, and a spread around it; 1 % are discarded or cancelled.
FINISH = """
INSERT INTO river_job (state, attempt, kind, queue, priority, scheduled_at, attempted_at, finalized_at)
SELECT (CASE WHEN n % 150 = 0 THEN 'discarded' WHEN n % 300 = 1 THEN 'cancelled' ELSE 'completed' END)::river_job_state,
    1, 'kind_' || kind, 'queue_' || kind % 5, 1 + kind % 4,
    ended - ran - random() * interval '5 s', ended - ran, ended
FROM (
    SELECT n, kind, to_timestamp({first}::float8 - CASE WHEN random() < {behind} THEN 70 ELSE 0 END)
            + n * interval '1 second' / {rate} AS ended,
        exp(ln(0.01) + (kind * 7919 % 100) * 0.087 + (random() + random() + random() - 1.5)) * interval '1 s' AS ran
    FROM (SELECT n, floor(random() * {kinds})::integer AS kind FROM generate_series(1, {jobs}) AS n) AS drawn
) AS job
"""


@dataclass(frozen=True)
class Shop:
    """What is measured: kinds, where the ledger is kept, and the share of workers a minute behind."""

    kinds: int
    durable: bool = True
    behind: float = 0
    rate: int = RATE

    @property
    def title(self) -> str:
        kept = "keeper schema" if self.durable else "memory"
        behind = f", {self.behind:.0%} of the clocks 70 s behind" if self.behind else ""
        return f"{self.rate:,} jobs/s of {self.kinds} kinds, {kept}{behind}"


SHOPS = (
    Shop(60),
    Shop(500),
    Shop(500, rate=RATE // 4),
    Shop(500, durable=False),
    Shop(60, behind=0.1),
    Shop(500, behind=0.1),
)


@dataclass(frozen=True)
class Cost:
    """One collection. Milliseconds, kilobytes."""

    database: float
    processor: float
    python: float
    rows: int
    wal: float


class Bench:
    """A shop at work, and one exporter."""

    def __init__(self, url: str, shop: Shop) -> None:
        self.url, self.shop, self.now = url, shop, START
        self.database = Database(url)
        self.ledger = Ledger(KeeperStore() if shop.durable else MemoryStore(), LATE_WINDOW, 1000)

    def work(self, sql: Session, seconds: int) -> None:
        values = {"first": self.now, "jobs": seconds * self.shop.rate, "rate": self.shop.rate, "kinds": self.shop.kinds}
        sql.execute(FINISH.format(**values, behind=self.shop.behind))
        self.now += seconds

    def collect(self) -> None:
        with self.database.reading(30, SCHEMAS) as tx:
            tx.query("river/open_transaction")
            reading = self.ledger.read(tx, float(self.now))
        if not self.shop.durable:
            return self.ledger.remember_shown(self.ledger.settle(tx, reading, {}))
        with self.database.writing(30, SCHEMAS) as tx:
            totals = self.ledger.settle(tx, reading, {})
        return self.ledger.remember_shown(totals)

    def cost(self, sql: Session) -> Cost:
        before, processor, wal = _spent(sql), _processor(sql), _wal(sql)
        python = time.process_time()
        self.collect()
        python = time.process_time() - python
        wal_after, processor_after, after = _wal(sql), _processor(sql), _spent(sql)
        return Cost(
            after[0] - before[0],
            processor_after - processor,
            python * 1e3,
            after[1] - before[1],
            (wal_after - wal) / 1024,
        )


def main() -> None:
    """Print tables: what the ledger costs, a row for each shop, what it cannot count, and what many kinds cost."""
    shown = Table(title=f"One collection of the ledger, a scrape every {EVERY} s")
    for heading in (
        "",
        "database ms, most",
        "processor ms, most",
        "of a core",
        "Python ms",
        "rows",
        "WAL kB",
        "kept MB",
    ):
        shown.add_column(heading, justify="right" if heading else "left")
    shown.add_column("resident MB", justify="right")
    with start_postgres(SERVER) as postgres:
        for number, shop in enumerate(SHOPS):
            shown.add_row(shop.title, *measure(postgres, f"ledger_{number}", shop))
    Console(width=None if sys.stdout.isatty() else 200).print(shown)
    losses.main()
    kinds.main()


def measure(postgres: Server, name: str, shop: Shop) -> Sequence[str]:
    url = postgres.database(name)
    with Session(url, "benchmark") as sql:
        sql.execute("CREATE EXTENSION pg_stat_statements")
        sql.execute(source("demo/river_table").replace("river.", "public."))
        sql.execute("DROP INDEX river_job_args_index, river_job_metadata_index")  # not asked, and slow to fill
        install(url, None, None)
        bench = Bench(url, shop)
        bench.work(sql, HISTORY)
        sql.execute("VACUUM ANALYZE river_job")
        warm = LATE_WINDOW // EVERY + 8
        costs, resident = [], 0
        for step in track(range(warm + COLLECTIONS), description=shop.title):
            bench.work(sql, EVERY)
            cost = bench.cost(sql)
            if step % 4 == 3:  # what autovacuum does once a minute
                sql.execute("VACUUM riverkeeper.ledger_slot, riverkeeper.ledger_total, riverkeeper.ledger")
            if step == warm:
                resident = _resident()
            if step >= warm:
                costs.append(cost)
        kept = sql.execute(
            "SELECT sum(pg_total_relation_size(oid)) / 1048576 AS mb FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'riverkeeper'::regnamespace"
        )[0].mb
        bench.database.close()
    database, processor = [cost.database for cost in costs], [cost.processor for cost in costs]
    return (
        f"{median(database):.0f}, {max(database):.0f}",
        f"{median(processor):.0f}, {max(processor):.0f}",
        f"{mean(processor) / EVERY / 10:.2f} %",
        f"{median(cost.python for cost in costs):.0f}",
        f"{median(cost.rows for cost in costs):,.0f}",
        f"{median(cost.wal for cost in costs):,.0f}",
        f"{kept:.0f}",
        f"{resident} → {_resident()}",
    )


def _spent(sql: Session) -> tuple[float, int]:
    rows = "SELECT coalesce(sum(rows), 0)::bigint AS rows FROM pg_stat_statements WHERE query NOT LIKE '%%pg_stat_%%'"
    return sql.execute(SPENT)[0].milliseconds, sql.execute(rows, {})[0].rows


def _wal(sql: Session) -> int:
    return int(sql.execute("SELECT pg_current_wal_insert_lsn() - '0/0' AS bytes")[0].bytes)


def _processor(sql: Session) -> float:
    """Milliseconds that the exporter's server process has computed."""
    asked = "SELECT pid FROM pg_stat_activity WHERE application_name = 'riverkeeper' AND datname = current_database()"
    pids = [row.pid for row in sql.execute(asked)]
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6 for pid in pids)


def _resident() -> int:
    """Megabytes of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) // 1024


if __name__ == "__main__":
    main()
