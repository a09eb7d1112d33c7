"""How long it takes to rescue many lost jobs, one transaction each, and what that does to a worker beside it.

`python benchmarks/rescues.py [--jobs 10000] [--beside]`; figures in docs/guarded-rescue.md. `--beside`: a client
completes jobs at the same time, in batches as River's completer does, first alone and then with the rescuer; its
latency is printed.
Times are of the machine they were taken on.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from riverkeeper.database import Database, Session
from riverkeeper.demo.postgres import start_postgres
from riverkeeper.keeper.schema import install
from riverkeeper.rescue.act import rescue
from riverkeeper.rescue.order import Done, Order
from riverkeeper.statements import source
from riverkeeper.verdict.job import Beat, Claim, Instance, RunningJob
from riverkeeper.verdict.judge import judge
from riverkeeper.verdict.limits import limits_of
from riverkeeper.verdict.tiers import Policy, Tier
from riverkeeper.verdict.verdict import StuckJob

SCHEMAS = {"river": "public", "keeper": "riverkeeper"}
LOST = """
INSERT INTO river_job (kind, state, attempt, attempted_at, attempted_by, args)
SELECT 'report', 'running', 1, now() - interval '1 hour', ARRAY['worker'], jsonb_build_object('note', repeat('x', 200))
FROM generate_series(1, %(jobs)s);
"""
BEATS = """
INSERT INTO riverkeeper.heartbeat (job_id, attempted_at, attempt, instance, beat_interval, beat_at)
SELECT id, attempted_at, attempt, gen_random_uuid(), '10 s', now() - interval '10 min' FROM river_job
WHERE id %% 10 <> 0;
"""  # a tenth died before its first beat
PROCESS = """
INSERT INTO riverkeeper.client VALUES (
    gen_random_uuid(), 'worker', now() - interval '10 min', '10 s', NULL, true, 'benchmark', now() - interval '2 h'
);
"""
FOUND = """
SELECT j.id, j.queue, j.kind, j.priority, j.max_attempts, date_part('epoch', j.attempted_at) AS claimed_at,
    to_char(j.attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS attempted_at,
    date_part('epoch', h.beat_at) AS beat_at, date_part('epoch', now()) AS now
FROM river_job AS j LEFT JOIN riverkeeper.heartbeat AS h ON h.job_id = j.id
WHERE j.state = 'running' AND j.kind = 'report'
"""
COMPLETE = """
WITH batch AS (
    INSERT INTO river_job (kind, state, attempt, attempted_at) SELECT 'short', 'running', 1, now()
    FROM generate_series(1, 100) RETURNING id
) SELECT array_agg(id) AS ids FROM batch
"""
DONE = """
UPDATE river_job SET state = 'completed', finalized_at = now() WHERE id = ANY (%(ids)s) AND state = 'running'
"""


def found(session: Session, policy: Policy, tier: Tier) -> list[StuckJob]:
    """The lost jobs as a reading would judge them."""
    limits, stuck = limits_of(policy, tier, "report"), []
    for row in session.execute(FOUND):
        beat = None if row.beat_at is None else Beat(row.beat_at, 10.0, fences=True)
        claim = Claim(row.id, 1, row.attempted_at)
        process = Instance(row.now - 600, 10.0, row.now - 7200, beats_for_kind=True)
        job = RunningJob(
            claim, row.queue, row.kind, row.priority, row.max_attempts, row.claimed_at, "worker", beat, (process,)
        )
        verdict = judge(job, policy, limits, row.now, row.now - 86_400)
        stuck.append(StuckJob(job, verdict))
    return stuck


class Completer:
    """Completes batches of a hundred jobs and keeps the time of each update."""

    def __init__(self, url: str) -> None:
        self.seconds: list[float] = []
        self._url = url
        self._over = threading.Event()

    def run(self) -> None:
        with Session(self._url) as session:
            while not self._over.is_set():
                [row] = session.execute(COMPLETE)
                began = time.perf_counter()
                session.execute(DONE, {"ids": row.ids})
                self.seconds.append(time.perf_counter() - began)

    @contextmanager
    def beside(self) -> Iterator[None]:
        thread = threading.Thread(target=self.run)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def __str__(self) -> str:
        cuts = statistics.quantiles([1000 * one for one in self.seconds], n=100)
        rate = 100 * len(self.seconds) / sum(self.seconds)
        return f"{len(self.seconds)} batches of 100, p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms ({rate:,.0f} jobs/s)"


def rescue_all(url: str, stuck: list[StuckJob], order: Order) -> None:
    database, seconds, done = Database(url), [], 0
    began, busy = time.perf_counter(), time.process_time()
    for one in stuck:
        start = time.perf_counter()
        with database.writing(10.0, SCHEMAS) as tx:
            done += isinstance(rescue(tx, one, order), Done)
        seconds.append(time.perf_counter() - start)
    took, busy = time.perf_counter() - began, time.process_time() - busy
    database.close()
    cuts = statistics.quantiles([1000 * one for one in seconds], n=100)
    print(f"rescued {done:,} of {len(stuck):,} in {took:.1f} s: p50 {cuts[49]:.2f} ms, p99 {cuts[98]:.2f} ms each")
    print(f"this process was busy for {1000 * busy / len(stuck):.2f} ms of each")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--beside", action="store_true")
    options = parser.parse_args()
    tier = Tier("standard")
    policy = Policy({"standard": tier})
    with start_postgres() as server:
        url = server.database("rescues")
        with Session(url) as session:
            session.execute(source("demo/river_table").replace("river.", "public."))
            install(url, None, None)
            session.execute(LOST, {"jobs": options.jobs})
            session.execute(BEATS, {})
            session.execute(PROCESS)
            session.execute("ANALYZE")
            now = session.execute("SELECT date_part('epoch', now()) AS now")[0].now
            order = Order(tier, limits_of(policy, tier, "report"), policy, uuid4(), "benchmark", now - 86_400, False)
            stuck = found(session, policy, tier)
        if options.beside:
            alone = Completer(url)
            with alone.beside():
                time.sleep(5)
            print(f"completer alone: {alone}")
            beside = Completer(url)
            with beside.beside():
                rescue_all(url, stuck, order)
            print(f"completer beside: {beside}")
        else:
            rescue_all(url, stuck, order)


if __name__ == "__main__":
    main()
