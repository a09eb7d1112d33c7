"""How long `riverkeeper serve` needs to rescue the jobs of a dead worker, and what that does to a client beside it.

`python benchmarks/rescues.py [--jobs 10000] [--beside [--pace 100]]`; figures in docs/guarded-rescue.md. Limits are
off: no rate, no batch, and the slow start after the keeper's own start is over. A tenth of the claims have never
beaten. `--beside`: a client completes jobs in batches of a hundred, as River's completer does, as fast as it can:
first alone, then while the rescuer is at work; the time of its updates is printed. Rescues are counted from the limit
to the last row, by the database's clock. Heartbeat times are a tenth of the defaults. Times are of the machine they
were taken on.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from riverkeeper.demo.postgres import start_postgres
from riverkeeper.postgres.connection import Session
from riverkeeper.postgres.statements import source
from riverkeeper.schema.install import install

FILE = """
rescue:
  {mode: live, interval: 500ms, grace: 0s, batch: 100000, max_per_minute: 1000000, max_rescues: 1000, cooldown: 0s}
tiers: {standard: {heartbeat_timeout: 3500ms, drain: 1s, fence: 3s, plain_fence: 3s}}
"""
CLAIM = """
INSERT INTO river_job (kind, state, attempt, attempted_at, attempted_by, args)
SELECT 'report', 'running', 1, now(), ARRAY[%(client)s], jsonb_build_object('note', repeat('x', 200))
FROM generate_series(1, %(jobs)s)
"""
BEAT = """
INSERT INTO riverkeeper.heartbeat (job_id, attempted_at, attempt, instance, beat_interval, beat_at)
SELECT id, attempted_at, attempt, md5(attempted_by[1])::uuid, '1 s', now() FROM river_job
WHERE state = 'running' AND attempted_by[1] = %(client)s AND id %% 10 <> 0 ORDER BY id
ON CONFLICT (job_id, attempted_at) DO UPDATE SET beat_at = now() WHERE heartbeat.lost_at IS NULL
"""
PROCESS = """
INSERT INTO riverkeeper.client
VALUES (md5(%(client)s)::uuid, %(client)s, now(), '1 s', NULL, true, 'benchmark', now())
ON CONFLICT (instance) DO UPDATE SET beat_at = now()
"""
# As River for Go names a client: one with a name in no form of River's counts as at work for a limit after it claims.
DEAD, LIVING = "dead_2026_11_29T01_00_00_123456", "living_2026_11_29T01_00_00_123456"
PROVEN = "SELECT path_ok_since < clock_timestamp() - interval '4 s' AS ok FROM riverkeeper.control"
NO_SLOW_START = "UPDATE riverkeeper.brake SET state = state - 'slow_from' - 'step_at' WHERE name = 'mass_silence'"
RESCUED = """
SELECT count(*) AS rescues, min(at) AS began, extract(epoch FROM max(at) - min(at))::float8 AS seconds,
    max(late_seconds) AS late
FROM riverkeeper.rescue WHERE job_id > 0
"""
COMPLETE = """
WITH batch AS (
    INSERT INTO river_job (kind, state, attempt, attempted_at) SELECT 'short', 'running', 1, now()
    FROM generate_series(1, 100) RETURNING id
) SELECT array_agg(id) AS ids FROM batch
"""
DONE = """
UPDATE river_job SET state = 'completed', finalized_at = now() WHERE id = ANY (%(ids)s) AND (state = 'running') IS TRUE
"""  # IS TRUE: by its key at all times, whatever the statistics say of a state that few jobs are in at first
AUDITED = """
INSERT INTO riverkeeper.rescue (
    at, dry_run, job_id, attempted_at, attempt, queue, kind, priority, tier, reason, action, evidence, woken_by, keeper,
    closed_at, was_false
)
SELECT
    now() - make_interval(secs => i), false, -i, now(), 1, 'default', 'report', 1, 'standard', 'worker_lost', 'retry',
    jsonb_build_object('as long as', repeat('x', 600)), 'supervisor', md5('x')::uuid, now(), false
FROM generate_series(1, %(rows)s) AS i
"""
LOCKS_MISSED = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


class Beside:
    """Somebody at work on a connection of their own until the block ends."""

    def __init__(self, url: str, work: Callable[[Session], object], pause: float = 0.0) -> None:
        self._url, self._work, self._pause = url, work, pause
        self._over = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _run(self) -> None:
        with Session(self._url) as session:
            while not self._over.wait(self._pause):
                self._work(session)


class Completer:
    """Completes batches of a hundred jobs and keeps the time of each update."""

    def __init__(self) -> None:
        self.batches: list[tuple[float, float]] = []  # when it began, how long its update took; seconds

    def work(self, session: Session) -> None:
        [row] = session.execute(COMPLETE)
        began = time.perf_counter()
        session.execute(DONE, {"ids": row.ids})
        self.batches.append((began, time.perf_counter() - began))

    def between(self, first: float, last: float) -> str:
        took = [1000 * seconds for began, seconds in self.batches if first <= began <= last]
        cuts, rate = statistics.quantiles(took, n=100), 100 * len(took) / (last - first)
        return f"{len(took)} batches of 100, p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms ({rate:,.0f} jobs/s)"


@contextmanager
def keeper(url: str, folder: str) -> Iterator[Callable[[], float]]:
    """A keeper of its own process; the function gives its processor seconds so far."""
    file = Path(folder, "riverkeeper.yml")
    file.write_text(FILE)
    program = [Path(sys.executable).with_name("riverkeeper"), "serve", "--config.file", file, "--database-url", url]
    program += ["--web.listen-address", "127.0.0.1:0", "--log.level", "error"]
    with subprocess.Popen([str(part) for part in program]) as process:
        try:
            yield lambda: _busy(process.pid)
        finally:
            process.terminate()


def _busy(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def die_and_be_rescued(url: str, jobs: int, folder: str) -> tuple[float, float]:
    """A worker with all the jobs falls silent beside one that goes on beating; when it was found, when all was over."""
    with Session(url) as session, keeper(url, folder) as busy:

        def beat(client: str, session: Session = session) -> None:
            session.execute(PROCESS, {"client": client})
            session.execute(BEAT, {"client": client})

        session.execute(CLAIM, {"client": LIVING, "jobs": 5})
        with Beside(url, lambda own: beat(LIVING, own), 0.3).running():
            until(lambda: bool((rows := session.execute(PROVEN)) and rows[0].ok))
            session.execute(CLAIM, {"client": DEAD, "jobs": jobs})
            beat(DEAD)
            session.execute("ANALYZE")
            session.execute(NO_SLOW_START)
            spent = busy()
            until(lambda: session.execute(RESCUED)[0].rescues > 0)
            first = time.perf_counter()
            until(lambda: session.execute(RESCUED)[0].rescues >= jobs)
            last = time.perf_counter()
            [row], spent = session.execute(RESCUED), busy() - spent
            print(f"{row.rescues:,} rescues in {row.seconds:.1f} s, the last one {row.late:.1f} s after the limit")
            print(f"the keeper was busy for {1000 * spent / jobs:.2f} ms of each, readings and pages included")
            print(f"deadlocks: {session.execute(LOCKS_MISSED)[0].deadlocks}")
            return first, last


def until(condition: Callable[[], bool], seconds: float = 300.0) -> None:
    ends, quiet = time.monotonic() + seconds, threading.Event()
    while not condition():
        if time.monotonic() > ends:
            raise SystemExit("this took longer than five minutes")
        quiet.wait(0.2)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--audited", type=int, default=0, help="rows that the audit has before")
    parser.add_argument("--beside", action="store_true")
    parser.add_argument(
        "--pace", type=float, default=0.0, help="batches/s of the client beside, at most; 0: all it can"
    )
    options = parser.parse_args()
    with start_postgres() as server, tempfile.TemporaryDirectory() as folder:
        url = server.database("rescues")
        server.execute(source("demo/river_table").replace("river.", "public."), "rescues")
        install(url, None, None)
        if options.audited:
            with Session(url) as session:
                session.execute(AUDITED, {"rows": options.audited})
        if not options.beside:
            die_and_be_rescued(url, options.jobs, folder)
            return
        completer = Completer()
        pause = 1 / options.pace if options.pace else 0.0
        with Beside(url, completer.work, pause).running():
            threading.Event().wait(5)
            server.execute("ANALYZE", "rescues")
            threading.Event().wait(10)
            alone = completer.between((now := time.perf_counter()) - 10, now)
            beside = completer.between(*die_and_be_rescued(url, options.jobs, folder))
        print(f"completer alone:  {alone}")
        print(f"completer beside: {beside}")


if __name__ == "__main__":
    main()
