"""What checkpoints cost the database: WAL of a changed one beyond its value, HOT updates, time of a statement.

`python -m benchmarks.checkpoints [--rounds 200]`; figures in docs/long-jobs.md. Bytes hold anywhere; times are of the
machine they were taken on.
"""

from __future__ import annotations

import argparse
import random
import statistics
from contextlib import closing

from benchmarks.heartbeats import (
    LIMIT_SECONDS,
    WORKER,
    beat,
    claimed,
    database,
    percentile,
    processor,
    statistics_of,
    wal,
)

from riverkeeper.demo.postgres import Server, start_postgres
from riverkeeper.heartbeat.table import HeartbeatTable, WorkerProcess

SIZES = (20, 200, 1000, 8000)  # bytes of a value; above two kilobytes Postgres stores it apart (TOAST)
WHOLLY = (20, 200)  # of which all changes: no two values have a common beginning
CLAIMS = (1, 10, 1000)  # of one process, in one statement


def cost(server: Server, claims: int, size: int, rounds: int, *, wholly: bool = False) -> str:
    """A line of the table."""
    name = f"checkpoints_{claims}_{size}_{wholly}"
    with database(server, name) as session:
        url = server.database_url(name)
        session.execute("ALTER TABLE riverkeeper.checkpoint SET (autovacuum_enabled = off)")
        with closing(HeartbeatTable(url, "public", "riverkeeper", WorkerProcess("worker", 10.0))) as table:
            active = claimed(session, claims)
            works = [work.claim for work in active]
            beat(table, active)
            for number in range(1, 11):  # the inserts, and the first images of pages, are not what is measured
                table.save_checkpoints([(claim, number, text(number, size, wholly)) for claim in works], LIMIT_SECONDS)
            first, began = statistics_of(session, "riverkeeper.checkpoint"), wal(session)
            worker, spent = session.execute(WORKER)[0].pid, []
            for number in range(11, 11 + rounds):
                before = processor(worker)
                table.save_checkpoints([(claim, number, text(number, size, wholly)) for claim in works], LIMIT_SECONDS)
                spent.append(processor(worker) - before)
            written = (wal(session) - began) / (rounds * claims)
            same = wal(session)
            table.save_checkpoints([(claim, 10**6, text(10 + rounds, size, wholly)) for claim in works], LIMIT_SECONDS)
            unchanged = (wal(session) - same) / claims
        last = statistics_of(session, "riverkeeper.checkpoint")
        hot = 100 * (last.n_tup_hot_upd - first.n_tup_hot_upd) / max(1, last.n_tup_upd - first.n_tup_upd)
    changed = ", all of it new" if wholly else ""
    return (
        f"{claims:5d} claims  {size:5d} B{changed:15}  {written - size:6.0f} B WAL beyond the value  {hot:5.1f} % HOT  "
        f"unchanged, sent all the same: {unchanged:3.0f} B  "
        f"processor: median {statistics.median(spent):.2f} ms  p99 {percentile(spent):.2f} ms"
    )


def text(number: int, size: int, wholly: bool) -> str:
    """JSON of `size` bytes; a value as most jobs have it, of which little changes, or one of which all does."""
    if wholly:
        return f'"{random.Random(number).randbytes(size).hex()[: size - 2]}"'
    head = f'{{"step":{number:07d},"done":"'
    filling = "".join(f"{index * 2654435761 % 2**32:08x}" for index in range(size // 8 + 1))  # as text compresses
    return f'{head}{filling}"}}'[: size - 2] + '"}' if size > len(head) + 2 else f"{number:0{size}d}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    with start_postgres() as server:
        for size in SIZES:
            for claims in CLAIMS:
                rounds = options.rounds if claims < CLAIMS[-1] else max(1, options.rounds // 10)
                print(cost(server, claims, size, rounds), flush=True)
                if size in WHOLLY:
                    print(cost(server, claims, size, rounds, wholly=True), flush=True)


if __name__ == "__main__":
    main()
