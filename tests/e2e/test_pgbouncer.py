"""The exporter behind PgBouncer, most of all in transaction mode, where no session outlives a transaction."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psycopg

from e2e.conftest import MakeFleet, MakeReplica, MakeRiver
from e2e.pooler import pooled
from e2e.riverkeeper_process import Page, RiverkeeperProcess, anew
from fixtures.check import check_url
from riverkeeper.doctor.report import Level

SCRAPES = 20


def test_twenty_scrapes_in_a_row(
    river_database: MakeRiver, fleet: MakeFleet, replica: MakeReplica, tmp_path: Path
) -> None:
    """Every scrape through a pooler reads everything, whichever server connection each transaction meets."""
    river = river_database()
    fleet(river, "worker", "-rate", "50")
    with pooled(river.url, tmp_path) as url:
        through = replica(url, "public", *anew(tmp_path))
        pages = [scraped_beside(through, url, occupied=turn % 2 == 1) for turn in range(SCRAPES)]

    assert [page.value("river_up") for page in pages] == [1.0] * SCRAPES
    assert [failed(page) for page in pages] == [set()] * SCRAPES
    assert len({page.value("riverkeeper_snapshot_timestamp_seconds") for page in pages}) == SCRAPES


def test_session_mode(river_database: MakeRiver, replica: MakeReplica, tmp_path: Path) -> None:
    """A pooler that keeps sessions changes nothing, where its pool is as large as the connections of a replica."""
    with pooled(river_database().url, tmp_path, "session", size=7) as url:
        page = replica(url, "public", *anew(tmp_path)).scrape()

    assert page.value("river_up") == 1
    assert failed(page) == set()


def test_statement_mode_is_refused_by_its_name(river_database: MakeRiver, tmp_path: Path) -> None:
    """Without transactions no two questions see the same moment: check names the mode, and what to set instead."""
    with pooled(river_database().url, tmp_path, "statement") as url:
        report = check_url(url, "public")

    (finding,) = [finding for finding in report.findings if finding.level is Level.PROBLEM]
    assert "statement" in f"{finding.message} {finding.fix}"
    assert "transaction" in f"{finding.message} {finding.fix}"


def scraped_beside(replica: RiverkeeperProcess, url: str, *, occupied: bool) -> Page:
    """A scrape, while another client's transaction holds one of the pool's two connections, or none."""
    with transaction(url) if occupied else contextlib.nullcontext():
        return replica.scrape()


@contextlib.contextmanager
def transaction(url: str) -> Iterator[None]:
    """A client that leaves a setting behind on its server connection, as clients do that think it theirs."""
    with psycopg.connect(url, prepare_threshold=None) as connection:
        connection.execute("SET search_path TO pg_catalog")
        yield


def failed(page: Page) -> set[str]:
    return {query for (query,), value in page.values("riverkeeper_query_success", "query").items() if not value}
