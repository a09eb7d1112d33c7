"""What one look at the jobs costs by five ways, on tables of several sizes: real programs, asked every 15 seconds.

Each way reads as a login of its own, and pg_stat_statements adds up what that login's statements cost. So the work that
a program does between two requests counts as well.
"""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from benchmarks.filling import fill, vacuum
from benchmarks.readings import server
from benchmarks.shapes import JUST_FINISHED, LIVE, Shape, finished

from e2e.programs import free_port, started, tool
from e2e.riverkeeper_process import PROGRAM
from fixtures.waiting import until
from riverkeeper.demo.postgres import Server
from riverkeeper.postgres.connection import Session

EVERY = 15.0  # seconds between two requests: what Prometheus is usually told
TIMEOUT = 120.0  # of a request; longer than the slowest one seen
SPENT = """
SELECT
    coalesce(sum(s.total_exec_time + s.total_plan_time), 0)::double precision AS milliseconds,
    coalesce(sum(s.shared_blks_hit + s.shared_blks_read), 0)::bigint AS pages
FROM pg_stat_statements AS s
JOIN pg_roles AS r ON r.oid = s.userid
WHERE r.rolname = %(role)s
"""
# What shops write into queries.yaml: depth, age of the oldest job that is due, age of the oldest running one.
CUSTOM_QUERIES = """
river_jobs:
  query: "SELECT queue, state::text AS state, count(*) AS count FROM river_job GROUP BY queue, state"
  metrics:
    - queue: {usage: LABEL, description: Queue}
    - state: {usage: LABEL, description: State}
    - count: {usage: GAUGE, description: Jobs}
river_oldest_available:
  query: "SELECT queue, extract(epoch FROM now() - min(scheduled_at)) AS seconds FROM river_job WHERE state = 'available' GROUP BY queue"
  metrics:
    - queue: {usage: LABEL, description: Queue}
    - seconds: {usage: GAUGE, description: Age}
river_oldest_running:
  query: "SELECT kind, extract(epoch FROM now() - min(attempted_at)) AS seconds FROM river_job WHERE state = 'running' GROUP BY kind"
  metrics:
    - kind: {usage: LABEL, description: Kind}
    - seconds: {usage: GAUGE, description: Age}
"""  # noqa: E501 - a query is one line of YAML
POLL = "SELECT queue, state, count(id) AS jobs FROM river_job GROUP BY queue, state"


@dataclass(frozen=True, slots=True)
class ReadCost:
    """What a minute of a way costs the database, and how long one request takes. Milliseconds; pages of 8 kB."""

    way: str
    rows: int
    request: float  # median
    slowest: float
    database: float  # a minute
    pages: int  # a minute


@dataclass(frozen=True, slots=True)
class Way:
    """Something that shows jobs: a running program, and one request to it."""

    name: str
    role: str
    running: Callable[[str, Path], contextlib.AbstractContextManager[Callable[[], None]]]


def measure_reads(sizes: Sequence[int], seconds: float, folder: Path) -> Iterator[ReadCost]:
    """Each way in turn on each table; a table has `size` finished jobs, 10,000 available and 1,000 running ones."""
    with server() as postgres:
        for way in WAYS:
            postgres.execute(f"CREATE ROLE {way.role} LOGIN SUPERUSER")
        for size in sizes:
            shape = Shape("peers", f"{size:,} finished", (finished(size), *LIVE, JUST_FINISHED))
            url = fill(postgres, shape, 1, "peers")
            vacuum(url)
            for way in WAYS:
                yield _measure_way(postgres, way, url, size, seconds, folder)
            postgres.execute('DROP DATABASE "peers" WITH (FORCE)')


def _measure_way(postgres: Server, way: Way, url: str, size: int, seconds: float, folder: Path) -> ReadCost:
    took: list[float] = []
    with way.running(url.replace("://postgres@", f"://{way.role}@"), folder) as ask, Session(url, "benchmark") as sql:
        ask()  # the first one finds caches, plans and the ledger's look back
        before, began = sql.execute(SPENT, {"role": way.role})[0], time.monotonic()
        while time.monotonic() - began < seconds:
            asked = time.monotonic()
            ask()
            took.append((time.monotonic() - asked) * 1e3)
            threading.Event().wait(max(0.0, EVERY - (time.monotonic() - asked)))
        spent, minutes = sql.execute(SPENT, {"role": way.role})[0], (time.monotonic() - began) / 60
    milliseconds, pages = spent.milliseconds - before.milliseconds, spent.pages - before.pages
    return ReadCost(way.name, size, statistics.median(took), max(took), milliseconds / minutes, round(pages / minutes))


@contextlib.contextmanager
def _riverkeeper(url: str, folder: Path) -> Iterator[Callable[[], None]]:
    address = f"127.0.0.1:{free_port()}"
    command: list[str | Path] = [PROGRAM, "serve", "--database-url", url, "--web.listen-address", address]
    with started("riverkeeper", command, folder) as program:
        ask = _asker(f"http://{address}/metrics")
        until(lambda: program.lives() and _answers(f"http://{address}/-/ready"), "riverkeeper to be ready", TIMEOUT)
        yield ask


@contextlib.contextmanager
def _river_ui(url: str, folder: Path) -> Iterator[Callable[[], None]]:
    """The three requests that its page of jobs and its page of queues make."""
    port = free_port()
    environment = {"DATABASE_URL": url, "PORT": str(port), "RIVER_HOST": "127.0.0.1"}
    with started("riverui", [tool("riverui-0.22.0")], folder, environment) as program:
        site = f"http://127.0.0.1:{port}/api"
        until(lambda: program.lives() and _answers(f"{site}/queues?limit=100"), "River UI to answer", TIMEOUT)
        yield _asker(f"{site}/states", f"{site}/jobs?state=running&limit=20", f"{site}/queues?limit=100")


@contextlib.contextmanager
def _postgres_exporter(url: str, folder: Path) -> Iterator[Callable[[], None]]:
    """Its own collectors are off: only the custom queries are compared."""
    queries, port = folder / "queries.yaml", free_port()
    queries.write_text(CUSTOM_QUERIES)
    flags = ["--disable-default-metrics", "--disable-settings-metrics", f"--extend.query-path={queries}"]
    flags += [f"--no-collector.{name}" for name in COLLECTORS]
    command: list[str | Path] = [tool("postgres_exporter-0.17.1"), *flags, f"--web.listen-address=127.0.0.1:{port}"]
    with started("postgres_exporter", command, folder, {"DATA_SOURCE_NAME": f"{url}?sslmode=disable"}) as program:
        page = f"http://127.0.0.1:{port}"
        until(lambda: program.lives() and _answers(page), "postgres_exporter to answer", TIMEOUT)
        yield _asker(f"{page}/metrics", holding="river_jobs_count")


COLLECTORS = (
    *("database", "locks", "replication", "replication_slot", "roles", "stat_bgwriter", "stat_database"),
    *("stat_user_tables", "statio_user_tables", "wal"),
)


@contextlib.contextmanager
def _poller(url: str, folder: Path) -> Iterator[Callable[[], None]]:
    """The count by queue and state that PromEx's plugin for Oban polls, on River's table."""
    with Session(url, "poller") as sql:
        yield lambda: _read_all(sql)


def _read_all(sql: Session) -> None:
    sql.execute(POLL)


def _asker(*urls: str, holding: str = "") -> Callable[[], None]:
    """Requests the addresses; an answer other than 200, or without the text, ends the run."""

    def ask() -> None:
        for url in urls:
            answer = httpx.get(url, timeout=TIMEOUT)
            answer.raise_for_status()
            if holding not in answer.text:
                raise RuntimeError(f"{url} has no {holding}: {answer.text[:500]}")

    return ask


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=TIMEOUT).is_success
    except httpx.TransportError:
        return False


WAYS = (
    Way("Riverkeeper, one scrape", "reads_riverkeeper", _riverkeeper),
    Way("River UI 0.22, jobs and queues", "reads_river_ui", _river_ui),
    Way("postgres_exporter 0.17, three queries", "reads_postgres_exporter", _postgres_exporter),
    Way("Oban-style poller, one count", "reads_poller", _poller),
)
