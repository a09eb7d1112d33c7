"""A server that restarts, crashes, or is suspended: every scrape has its answer in time, and nothing is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from fixtures.scrape import SECONDS, SETTINGS, page_of, reader
from fixtures.waiting import PATIENCE_SECONDS, until
from riverkeeper.demo.postgres import Server, create_river_table, start_postgres
from riverkeeper.postgres.connection import Database, Session, run_script
from riverkeeper.schema.install import install
from riverkeeper.scrape.collector import Collector
from riverkeeper.scrape.reader import Reader
from riverkeeper.scrape.schemas import SchemaLookup
from riverkeeper.scrape.scrape import Snapshot

FINISHED = """INSERT INTO public.river_job (kind, queue, state, scheduled_at, attempted_at, finalized_at)
    SELECT 'k', 'q', 'completed', now() - interval '3 seconds', now() - interval '2 seconds', now()
    FROM generate_series(1, %(jobs)s)"""
COUNTER = {"queue": "q", "kind": "k", "outcome": "completed"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of our own, to be treated badly; what it has committed outlives a crash."""
    with start_postgres(("fsync=off",)) as own:
        create_river_table(own.database("river"), "public")
        yield own


@pytest.fixture
def url(server: Server) -> str:
    """Its River, empty, with a keeper schema."""
    url = server.database_url("river")
    run_script(url, "TRUNCATE public.river_job; DROP SCHEMA IF EXISTS riverkeeper CASCADE")
    install(url, None, None)
    return url


@contextlib.contextmanager
def collector(url: str, min_interval: float = 0.0) -> Iterator[Collector]:
    made = Collector(Reader(Database(url), SETTINGS, SchemaLookup(None, None)), min_interval)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["restart", "crash"])
def test_a_restart_between_scrapes_is_not_seen(server: Server, url: str, how: signal.Signals) -> None:
    """The dead connection is replaced within the same scrape, and the counters go on where they were."""
    with reader(url) as exporter, Session(url) as sql:
        exporter.read(SECONDS)
        sql.execute(FINISHED, {"jobs": 3})
        before = page_of(exporter.read(SECONDS))
        server.restart(how)
        snapshot = exporter.read(SECONDS)

    assert snapshot.error is None
    assert before.value("river_jobs_finished_total", **COUNTER) == 3
    assert page_of(snapshot).value("river_jobs_finished_total", **COUNTER) == 3


def test_while_the_server_is_away_there_is_a_page(server: Server, url: str) -> None:
    """river_up 0 with a reason and no jobs; back again as soon as the server is, counters included."""
    with reader(url) as exporter, Session(url) as sql:
        exporter.read(SECONDS)
        sql.execute(FINISHED, {"jobs": 2})
        server.stop()
        down = [exporter.read(SECONDS) for _ in range(3)]
        server.start()
        up = exporter.read(SECONDS)

    assert not any(snapshot.up for snapshot in down)
    assert all("unreachable" in (snapshot.error or "") for snapshot in down)
    assert page_of(up).value("river_jobs_finished_total", **COUNTER) == 2


@contextlib.contextmanager
def scraping(url: str) -> Iterator[list[Snapshot]]:
    """One reading after the other, without pause; in order of their time."""
    taken: list[Snapshot] = []
    over = threading.Event()

    def scrape() -> None:
        with reader(url) as exporter:
            while not over.is_set():
                taken.append(exporter.read(SECONDS))

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        until(lambda: taken and taken[-1].up, "a first reading")
        yield taken
    finally:
        over.set()
        thread.join()


def next_up(taken: list[Snapshot]) -> None:
    """Wait for a reading that began after now and saw the database."""
    seen = len(taken)
    until(lambda: len(taken) > seen + 2 and taken[-1].up, "a reading after the restart")


def test_restarts_during_scrapes_end_them_early_and_lose_nothing(server: Server, url: str) -> None:
    """Scraped without pause through three crashes: each page is whole or names what failed, and no count falls."""
    with scraping(url) as pages:
        for how in (signal.SIGQUIT, signal.SIGINT, signal.SIGQUIT):
            run_script(url, FINISHED % {"jobs": 5})
            server.restart(how)
            next_up(pages)

    counts = [value for page in pages if (value := page_of(page).value("river_jobs_finished_total", **COUNTER))]
    assert counts == sorted(counts)
    assert counts[-1] == 15
    assert all(page.error for page in pages if not page.up)
    assert not any("bug in Riverkeeper" in (page.error or "") for page in pages)


@contextlib.contextmanager
def frozen(server: Server) -> Iterator[None]:
    """The server and all its processes are suspended, as on a host whose disk is gone."""
    with Session(server.url) as sql:
        pids = [server.pid, *(row.pid for row in sql.execute("SELECT pid FROM pg_stat_activity"))]
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def test_a_frozen_server_costs_each_scrape_only_its_own_time(server: Server, url: str) -> None:
    """No statement_timeout is obeyed by a stopped process: the answer comes by our clock, and again after SIGCONT."""
    with collector(url) as replica:
        assert replica.collect(SECONDS).up
        with frozen(server):
            for _ in range(3):
                snapshot = replica.collect(
                    1.0
                )  # without a clock of our own it would wait for as long as the server does
                assert not snapshot.up
                assert snapshot.error
        until(lambda: replica.collect(1.0).up, "the server to be seen again")
        assert page_of(replica.collect(SECONDS)).value("river_up") == 1


def test_a_server_that_freezes_within_a_reading_is_cut(server: Server, url: str) -> None:
    """The reading thread is free again half a second after the reading's deadline, however long the server sleeps."""
    with reader(url) as exporter, Session(url) as sql:
        exporter.read(SECONDS)
        sql.execute("BEGIN; LOCK TABLE river_job")
        snapshots: list[Snapshot] = []
        thread = threading.Thread(target=lambda: snapshots.append(exporter.read(1.0)))
        thread.start()
        until(lambda: sql.execute(WAITING), "the reading to wait for the table")
        with frozen(server):
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive(), "it waited for the server"
        sql.execute("ROLLBACK")

    assert not snapshots[0].up


WAITING = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'riverkeeper' AND wait_event_type = 'Lock'"
