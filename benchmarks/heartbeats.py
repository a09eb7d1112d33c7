"""What heartbeats cost the database: WAL, HOT updates, table size, CPU and time of a statement.

`python benchmarks/heartbeats.py [--seconds 60] [--fillfactors 50,70]`; figures in docs/heartbeats.md. Ratios and counts
hold anywhere; CPU and times are of the machine they were taken on.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from riverkeeper.demo.postgres import Server, start_postgres
from riverkeeper.heartbeat import ActiveClaim, Claim, HeartbeatTier
from riverkeeper.heartbeat.table import HeartbeatTable, JobMetadata, WorkerProcess
from riverkeeper.postgres.connection import Session
from riverkeeper.postgres.statements import source
from riverkeeper.schema.install import install

CLAIM = """
INSERT INTO river_job (kind, queue, state, attempt, attempted_at, attempted_by, args, metadata)
SELECT 'report', 'default', 'running', 1, clock_timestamp(), ARRAY['worker'],
    jsonb_build_object('customer', i, 'note', repeat('x', 200)), jsonb_build_object('trace', md5(i::text))
FROM generate_series(1, %(count)s) AS i
RETURNING id, to_char(attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS attempted_at
"""
STATISTICS = """
SELECT n_tup_upd, n_tup_hot_upd, pg_table_size(relid) AS heap, pg_indexes_size(relid) AS indexes
FROM pg_stat_user_tables WHERE relid = to_regclass(%(name)s)
"""
# The one session beside ours: the client's.
WORKER = """SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"""
LIMIT_SECONDS = 30.0
TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def database(server: Server, name: str) -> Iterator[Session]:
    """A session on a new database with a River-shaped table and the keeper schema."""
    url = server.database(name)
    with Session(url) as session:
        session.execute(source("demo/river_table").replace("river.", "public."))
        install(url, None, None)
        session.execute("ALTER TABLE riverkeeper.heartbeat SET (autovacuum_enabled = off)")
        session.execute("ALTER TABLE river_job SET (autovacuum_enabled = off)")
        yield session


def claimed(session: Session, count: int) -> list[ActiveClaim]:
    rows = session.execute(CLAIM, {"count": count})
    return [ActiveClaim(Claim(row.id, row.attempted_at, 1), HeartbeatTier(), 0.0) for row in rows]


def wal(session: Session) -> int:
    return int(session.execute("SELECT pg_current_wal_insert_lsn() - '0/0' AS bytes")[0].bytes)


def statistics_of(session: Session, name: str) -> Any:
    session.execute("SELECT pg_stat_force_next_flush()")
    return session.execute(STATISTICS, {"name": name})[0]


def write_cost(
    session: Session, table: HeartbeatTable | JobMetadata, name: str, beats: int = 200, jobs: int = 1000
) -> str:
    """A line of the table: `beats` beats of `jobs` claims, with no vacuum in between."""
    works = claimed(session, jobs)
    beat(table, works)
    first, began = statistics_of(session, name), wal(session)
    worker, spent = session.execute(WORKER)[0].pid, []
    for round_ in range(beats):
        for work in works[:: 10 if round_ % 2 else 5]:  # some jobs tell of progress, with notes of changing length
            work.progress(round_ / beats, "x" * (round_ % 40))
        before = processor(worker)
        beat(table, works)
        spent.append(processor(worker) - before)
    table.close()  # its session's counts are flushed with it
    time.sleep(1.5)
    last = statistics_of(session, name)
    updates = last.n_tup_upd - first.n_tup_upd
    hot = 100 * (last.n_tup_hot_upd - first.n_tup_hot_upd) / max(1, updates)
    growth = [(after - before) / 2**20 for before, after in ((first.heap, last.heap), (first.indexes, last.indexes))]
    per_beat = (wal(session) - began) / (beats * jobs)
    heap, indexes = (f"{size:6.2f} MiB" for size in growth)
    sizes = f"heap {first.heap / 2**20:5.2f} + {heap}  indexes + {indexes}"
    times = f"processor of a statement: median {statistics.median(spent):.1f} ms  p99 {percentile(spent):.1f} ms"
    return f"{per_beat:6.0f} B WAL  {hot:5.1f} % HOT  {sizes}  {times}"


def processor(pid: int) -> float:
    """Milliseconds of processor time that a process has used: what else the machine does is not in it."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6


def percentile(values: Sequence[float]) -> float:
    """The 99th."""
    return statistics.quantiles(values, n=100)[98] if len(values) > 1 else values[0]


def beat(table: HeartbeatTable | JobMetadata, works: Sequence[ActiveClaim]) -> None:
    told = [(work, work.reported) for work in works]
    table.beat(told, LIMIT_SECONDS)
    for work, word in told:
        work.acknowledged = word


def cpu(server: Server) -> float:
    """Seconds of CPU that the server's processes have used."""
    used = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if server.pid in (int(stat.parent.name), int(words[1])):
            used += int(words[11]) + int(words[12]) + (int(words[13]) + int(words[14])) * (int(words[1]) != server.pid)
    return used / TICKS


def fleet(server: Server, session: Session, url: str, seconds: float, clients: int = 10, jobs: int = 1000) -> str:
    """Clients with `jobs` claims each, at an interval of 10 s: CPU of one core, and times of a statement."""
    taken: list[float] = []
    over = threading.Event()

    def work(number: int) -> None:
        works = claimed_by[number]
        with closing(HeartbeatTable(url, "public", "riverkeeper", WorkerProcess(f"worker{number}", 10.0))) as table:
            beat(table, works)
            over.wait(number)  # spread, as jitter does
            while not over.is_set():
                began = time.monotonic()
                beat(table, works)
                taken.append(time.monotonic() - began)
                over.wait(max(0.0, began + 10.0 - time.monotonic()))

    claimed_by = [claimed(session, jobs) for _ in range(clients)]
    session.execute("VACUUM ANALYZE")
    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    over.wait(12)
    taken.clear()
    before, began = cpu(server), time.monotonic()
    over.wait(seconds)
    used = (cpu(server) - before) / (time.monotonic() - began)
    over.set()
    for thread in threads:
        thread.join()
    median = statistics.median(taken)
    times = f"median {1000 * median:.1f} ms  p99 {1000 * percentile(taken):.1f} ms  of {len(taken)} beats"
    return f"{100 * used:.2f} % of one core  {times}  (load {os.getloadavg()[0]:.1f})"


def main(arguments: Sequence[str] = ()) -> None:
    """Prints the figures; about three minutes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--fillfactors", default="")
    options = parser.parse_args(arguments)
    with start_postgres() as server:
        print("200 beats of 1,000 jobs, no vacuum:")
        with database(server, "metadata") as session:
            way = JobMetadata(server.database_url("metadata"), "public", "w")
            print("  metadata        ", write_cost(session, way, "river_job"))
        for factor in ["as installed", *filter(None, options.fillfactors.split(","))]:
            print(f"  table {factor:12}", table_cost(server, factor))
        print("10,000 claims in 10 clients, every 10 s, beside autovacuum:")
        with database(server, "fleet") as session:
            session.execute("ALTER TABLE riverkeeper.heartbeat RESET (autovacuum_enabled)")
            print("  table           ", fleet(server, session, server.database_url("fleet"), options.seconds))


def table_cost(server: Server, factor: str) -> str:
    name = f"table_{factor}".replace(" ", "_")
    with database(server, name) as session:
        if factor.isdecimal():
            session.execute(f"ALTER TABLE riverkeeper.heartbeat SET (fillfactor = {factor})")
        way = HeartbeatTable(server.database_url(name), "public", "riverkeeper", WorkerProcess("w", 10.0))
        return write_cost(session, way, "riverkeeper.heartbeat")


if __name__ == "__main__":
    main(sys.argv[1:])
