"""Memory of the serving process while a million jobs of five hundred kinds finish."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks.readings import server
from rich.progress import Progress
from rich.table import Table

from riverkeeper.demo.postgres import Server
from riverkeeper.postgres.connection import Session, run_script
from riverkeeper.postgres.statements import source
from riverkeeper.schema.install import install

JOBS = 1_000_000
BATCH = 10_000
# Over the ten minutes that are read again and again: as much to remember at once as a shop with 1,700 jobs a second.
FINISH = """
INSERT INTO river_job (state, queue, kind, priority, attempt, scheduled_at, attempted_at, finalized_at, attempted_by)
SELECT 'completed', 'queue_' || i % 5, 'kind_' || i % 500, 1 + i % 4, 1,
    at - interval '1 minute', at - random() * interval '1 minute', at, '{host}'
FROM (SELECT i, now() - random() * interval '9 minutes' AS at FROM generate_series(1, 10000) AS i) AS job
"""
CLEAN = "DELETE FROM river_job"
START_SECONDS = 30.0


def measure(scale: float) -> Table:
    """A column for each tenth of the jobs, a row for each place where the ledger is kept."""
    tenths = [f"{tenth}0 %" for tenth in range(11)]
    shown = Table("ledger", *tenths, title=f"Resident memory, MB, while {JOBS * scale:,.0f} jobs of 500 kinds finish")
    with server() as postgres:
        shown.add_row("in memory", *map(str, _grow(postgres, "memory_only", scale, installed=False)))
        shown.add_row("in the keeper schema", *map(str, _grow(postgres, "memory_kept", scale, installed=True)))
    return shown


def _grow(postgres: Server, name: str, scale: float, *, installed: bool) -> list[int]:
    url = postgres.database(name)
    run_script(url, source("demo/river_table").replace("river.", "public."))
    if installed:
        install(url, None, None)
    found = []
    batches = max(10, round(JOBS * scale / BATCH))
    with Session(url, "benchmark") as sql, serving(url) as (process, page), Progress() as progress:
        for batch in progress.track(range(batches + 1), description=name):
            _scrape(page)
            if batch * 10 % batches < 10:
                found.append(_resident_megabytes(process.pid))
            sql.execute(CLEAN)
            sql.execute(FINISH)
    return found[:11]


@contextlib.contextmanager
def serving(
    url: str, settings: str = "collect: {min_interval: 100ms}"
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """`riverkeeper serve` on the database, and the URL of its page. By default every scrape reads anew."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yml"
        config.write_text(f"{settings}\n")
        command = [sys.executable, "-m", "riverkeeper", "serve", "--config.file", str(config), "--database-url", url]
        process = subprocess.Popen([*command, "--web.listen-address", address, "--log.level", "error"])
        try:
            _wait_until_up(f"http://{address}/-/healthy")
            yield process, f"http://{address}/metrics"
        finally:
            process.terminate()
            process.wait(10)


def _wait_until_up(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return _scrape(url)
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise


def _scrape(url: str) -> None:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - our own loopback address
        answer.read()


def _resident_megabytes(pid: int) -> int:
    told = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], check=True, capture_output=True, text=True)
    return round(int(told.stdout) / 1024)
