"""Every family of the catalogue against plain SQL, on tables filled at random."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta

import pytest

from fixtures import naive_sql
from fixtures.offenders import for_each
from fixtures.random_tables import QUEUES, fill, fill_heartbeats
from fixtures.scrape import SETTINGS, Labels, Page, page_of, reader
from riverkeeper.demo.postgres import Server
from riverkeeper.metrics.catalogue import OF_SNAPSHOT
from riverkeeper.postgres.connection import Session
from riverkeeper.schema.install import install
from riverkeeper.scrape.scrape import Snapshot

pytestmark = pytest.mark.long  # many more tables
SEEDS = range(60 if os.environ.get("RIVERKEEPER_TEST_LONG") else 3)
EDGES = {family.name: family.edges for family in OF_SNAPSHOT}


@dataclass
class Case:
    """A filled table, and the first page made of it."""

    sql: Session
    snapshot: Snapshot
    page: Page

    @property
    def moment(self) -> float:
        assert self.snapshot.now is not None
        return self.snapshot.now


@pytest.fixture(scope="module", params=SEEDS)
def case(postgres: Server, request: pytest.FixtureRequest) -> Iterator[Case]:
    """Tests only look at it."""
    url = postgres.database(f"equals_{request.param}", template="river_template")
    with Session(url, "test") as sql, reader(url, SETTINGS) as process:
        process.maintenance._sweeper._due_at = float("inf")  # it would change the table between two looks
        fill(sql, request.param)
        if request.param:  # the first table is of a River that nobody keeps
            install(url, None, None)
            fill_heartbeats(sql, request.param)
        sql.execute(
            "INSERT INTO river_queue (name, paused_at, updated_at)"
            " SELECT q, CASE WHEN q LIKE 'b%%' THEN now() END, now() - interval '1 hour'"
            " FROM unnest(%(queues)s::text[]) AS q",
            {"queues": [*QUEUES, "never used"]},
        )
        sql.execute("INSERT INTO river_leader VALUES ('default', 'host-a', now() - interval '1 day', now())")
        sql.execute("INSERT INTO river_migration (line, version) VALUES ('pro', 3)")
        sql.execute("SELECT pg_stat_force_next_flush()")  # or the counts of rows would change between two looks
        sql.execute("VACUUM ANALYZE river_job")
        snapshot = process.read(10)
        yield Case(sql, snapshot, page_of(snapshot))


def test_every_question_is_answered(case: Case) -> None:
    """No row that a table can hold makes a question fail."""
    assert case.snapshot.error is None
    assert set(case.page.of("riverkeeper_query_success").values()) == {1.0}


@for_each("family", naive_sql.COUNTS)
def test_counts(case: Case, family: str) -> None:
    """A count is what a whole-table GROUP BY finds; where that has no row, the page has 0 or nothing."""
    expected = naive_sql.values_of(case.sql, naive_sql.COUNTS[family], case.moment)

    assert _nonzero(case.page.of(family)) == _nonzero(expected)


@for_each("family", naive_sql.VALUES)
def test_values(case: Case, family: str) -> None:
    """A moment or a size equals plain SQL, for the same labels and no others."""
    expected = naive_sql.values_of(case.sql, naive_sql.VALUES[family], case.moment)

    assert case.page.of(family) == pytest.approx(expected, rel=0, abs=1e-6)


@for_each("family", naive_sql.SPREADS)
def test_spreads(case: Case, family: str) -> None:
    """A gauge histogram counts every value in the bucket it belongs to, cumulatively, and adds all up."""
    spread = naive_sql.spread(case.sql, naive_sql.SPREADS[family], case.moment)
    edges = (*EDGES[family], float("inf"))
    buckets = {
        labels | {("le", _le(edge))}: float(sum(value <= edge for value in values))
        for labels, values in spread.items()
        for edge in edges
    }

    counts = {labels: float(len(values)) for labels, values in spread.items()}
    sums = {labels: sum(values) for labels, values in spread.items()}

    assert _nonzero(case.page.of(f"{family}_bucket")) == _nonzero(buckets)
    assert _nonzero(case.page.of(f"{family}_gcount")) == counts
    assert _nonzero(case.page.of(f"{family}_gsum")) == pytest.approx(_nonzero(sums), abs=1e-4)


def test_pairs(case: Case) -> None:
    """What verdicts judge by is what a whole-table GROUP BY finds, for each queue, kind and priority."""
    assert case.snapshot.running is not None
    rows = case.sql.execute(naive_sql.TABLES + naive_sql.PAIRS, {"moment": case.moment})
    found = {(pair.queue, pair.kind, pair.priority): pair for pair in case.snapshot.running.pairs}

    assert found.keys() == {(row.queue, row.kind, row.priority) for row in rows}
    for row in rows:
        _, _, *values = astuple(found[row.queue, row.kind, row.priority])
        assert list(map(_number, values)) == pytest.approx(list(map(_number, row[2:])), rel=0, abs=1e-6)


def test_the_heartbeat_tables(case: Case) -> None:
    """Clients within three of their own intervals, and the table beside River's own; neither where there is none."""
    (table,) = case.sql.execute("SELECT to_regclass('riverkeeper.client') IS NOT NULL AS installed")

    assert case.page.value("river_beating_clients") == (2 if table.installed else None)
    assert bool(case.page.of("river_table_bytes", table="heartbeat")) == table.installed


def _number(value: float | datetime | timedelta | None) -> float:
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return -1.0 if value is None else value


def test_the_fillings_reach_the_edges(case: Case) -> None:
    """The random table is worth its tests: it has beats of each sort, poison, and every bucket's neighbourhood."""
    sums = {name: sum(case.page.of(name).values()) for name in naive_sql.COUNTS}
    assert all(sums.values()), sums
    assert case.snapshot.running is not None
    (values_of,) = case.sql.execute(naive_sql.TABLES + naive_sql.NOT_LOOKED_INTO, {"moment": case.moment})
    assert (case.snapshot.running.unreadable_beats, case.snapshot.running.unread) == tuple(values_of)


def _nonzero(found: dict[Labels, float]) -> dict[Labels, float]:
    return {labels: value for labels, value in found.items() if value}


def _le(edge: float) -> str:
    return "+Inf" if edge == float("inf") else str(edge)
