"""Rows that should not exist, and names that nobody expects: no row hides another, no value breaks the page."""

from __future__ import annotations

import json
import math
import os
import re
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fixtures.scrape import SECONDS, SETTINGS, page_of, read, reader
from riverkeeper.demo.postgres import Server, create_river_table
from riverkeeper.ledger.names import MAX_QUEUES
from riverkeeper.metrics.catalogue.process import Process
from riverkeeper.metrics.exposition import Exposition
from riverkeeper.postgres.connection import Session

BEATS = """INSERT INTO river_job (kind, state, attempted_at, metadata)
    SELECT 'k', 'running', now(), jsonb_build_object('health_check_at', t, 'cancel_attempted_at', t)
    FROM jsonb_array_elements_text(%(texts)s::jsonb) AS t"""
NEARLY_TIMES = st.from_regex(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{0,10})?(Z|[+-][0-9]{2}:[0-9]{2})?", fullmatch=True
)
TEXTS = st.one_of(NEARLY_TIMES, st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0")))


@pytest.fixture(scope="module")
def broken(postgres: Server) -> Iterator[Session]:
    """A database in which `\\d` of a regular expression is any digit of Unicode, as under ICU's locales."""
    postgres.execute(
        "CREATE DATABASE broken TEMPLATE template0 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'PG_UNICODE_FAST'"
    )
    create_river_table(postgres.database_url("broken"), "public")
    with Session(postgres.database_url("broken")) as sql:
        yield sql


@pytest.mark.long  # more texts
@settings(max_examples=200 if os.environ.get("RIVERKEEPER_TEST_LONG") else 10)
@given(texts=st.lists(TEXTS, min_size=1, max_size=200))
@example(texts=["٢٠٢٦-11-23T10:00:00Z", "2026-11-23T10:00:00Z", "2026-11-23T10:00:00+16:00", "0000-01-01T00:00:00Z"])
def test_no_beat_can_hide_the_others(postgres: Server, broken: Session, texts: list[str]) -> None:
    """Whatever workers write as health_check_at, every running job is counted: as beating, or as not to be read."""
    broken.execute("DELETE FROM river_job")
    broken.execute(BEATS, {"texts": json.dumps(texts)})
    snapshot = read(postgres.database_url("broken"))

    assert snapshot.error is None
    assert snapshot.running is not None
    assert sum(pair.jobs for pair in snapshot.running.pairs) == len(texts)
    beating = sum(pair.beating for pair in snapshot.running.pairs)
    assert beating + snapshot.running.unreadable_beats == len(texts)


def test_rows_that_lack_everything(river_url: str, sql: Session) -> None:
    """NULL where River never writes it, and arrays with nothing in them."""
    sql.execute(
        "ALTER TABLE river_job ALTER metadata DROP NOT NULL, ALTER args DROP NOT NULL;"
        "INSERT INTO river_job (kind, state, metadata, attempted_at, attempted_by, errors) VALUES"
        " ('k', 'running', NULL, NULL, NULL, NULL), ('k', 'running', 'null', now(), '{}', '{}'),"
        " ('k', 'running', '{\"health_check_at\": null}', now(), '{NULL}', ARRAY[NULL, 'null', '7']::jsonb[]),"
        " ('k', 'available', NULL, NULL, NULL, ARRAY['[]']::jsonb[])"
    )
    page = page_of(read(river_url))

    assert page.value("river_up") == 1
    assert set(page.of("riverkeeper_query_success").values()) == {1}
    assert page.value("river_jobs", queue="default", state="running") == 3
    assert page.value("river_jobs_unknown", queue="default", kind="k") == 3
    assert page.value("river_jobs_failing", queue="default", kind="k") == 2
    assert page.value("river_queue_busy_clients", queue="default") == 0


MOMENTS = ("infinity", "-infinity", "4713-01-01 BC", "0044-03-15 BC", "294276-12-31", "1969-12-31", "2026-01-01")


def test_times_at_the_end_of_time(river_url: str, sql: Session) -> None:
    """Infinite, negative and absurd moments in every column of every state: all counted, and none on the page."""
    with reader(river_url) as exporter:
        exporter.read(SECONDS)
        sql.execute(
            "INSERT INTO river_job (kind, state, scheduled_at, attempted_at, finalized_at) SELECT 'k', state, s, a,"
            " CASE WHEN state IN ('completed', 'discarded', 'cancelled') THEN f END"
            " FROM unnest(enum_range(NULL::river_job_state)) AS state, unnest(%(moments)s::timestamptz[]) AS s,"
            " unnest(%(moments)s::timestamptz[]) AS a, unnest(%(moments)s::timestamptz[]) AS f",
            {"moments": list(MOMENTS)},
        )
        snapshot = exporter.read(SECONDS)
    page = page_of(snapshot)

    assert snapshot.error is None
    assert {*page.of("river_jobs", queue="default").values()} == {len(MOMENTS) ** 3}
    assert not [name for name, series in page.samples.items() if not all(map(math.isfinite, series.values()))]


def test_a_run_that_ended_before_it_began_took_no_time(river_url: str, sql: Session) -> None:
    """finalized_at is the worker's clock, attempted_at the database's: a difference below zero is zero."""
    with reader(river_url) as exporter:
        exporter.read(SECONDS)
        sql.execute(
            "INSERT INTO river_job (kind, state, scheduled_at, attempted_at, finalized_at)"
            " VALUES ('k', 'completed', now() - interval '9 s', now() + interval '4 s', now())"
        )
        page = page_of(exporter.read(SECONDS))

    pair = {"queue": "default", "kind": "k"}
    assert page.value("river_job_run_duration_seconds_count", **pair) == 1
    assert page.value("river_job_run_duration_seconds_sum", **pair) == 0
    assert page.value("river_job_run_duration_seconds_bucket", **pair, le="0.01") == 1


ODD = (
    '"', "'", "\\", "\\n", "\n", "\r", "\r\n", "\t", " ", "{", "}", ",", "#", "a=b", "%s", "%(x)s", "$1", "\u2028",
    "\x85", "\x01", "\x1f", "é", "e\u0301", "日本語", "🐟", "\u202e", "\ufeff", "ü" * 127, "x" * 127, "other", "NaN",
    "le", "__name__",
)  # fmt: skip


def test_names_come_through_the_page_as_they_are(river_url: str, sql: Session) -> None:
    """Kinds and queues of any characters, as long as River takes: each has its own series, in both formats."""
    sql.execute(
        "INSERT INTO river_job (kind, queue) SELECT n, n FROM jsonb_array_elements_text(%(names)s::jsonb) AS n",
        {"names": json.dumps(ODD)},
    )
    snapshot = read(river_url)
    page = page_of(snapshot)

    for name in ODD:
        assert page.value("river_jobs_by_kind", queue=name, kind=name, state="available") == 1, repr(name)
        assert page.value("river_jobs", queue=name, state="available") == 1, repr(name)
    body, _ = Exposition().page(snapshot, Process(), "application/openmetrics-text;version=1.0.0", frozenset())
    shown = re.findall(r'^river_jobs\{queue="(.*)",state="available"\} 1.0$', body.decode(), re.MULTILINE)
    assert len(shown) == len(ODD)


def test_an_error_never_quotes_a_row(river_url: str, sql: Session) -> None:
    """The server's words about bad data hold the data; ours do not: they stand on pages that many people see."""
    sql.execute(
        "INSERT INTO river_queue (name) VALUES ('hunter2'); ALTER TABLE river_queue RENAME TO hidden;"
        "CREATE VIEW river_queue AS SELECT name::integer::text AS name, paused_at, updated_at FROM hidden"
    )
    snapshot = read(river_url)

    assert snapshot.error is not None
    assert "22P02" in snapshot.error
    assert "hunter2" not in snapshot.error


MANY = 100_000
FINISHED = 50_000  # kinds that finish between two scrapes


def test_a_hundred_thousand_kinds(river_url: str, sql: Session) -> None:
    """Jobs under as many names, in 500 queues: the series are bounded, and so is what a reading costs."""
    sql.execute("DROP INDEX river_job_args_index, river_job_metadata_index, river_job_kind")  # to fill it faster
    with reader(river_url, replace(SETTINGS, max_pairs=300)) as exporter:
        exporter.read(SECONDS)
        sql.execute("ALTER TABLE river_job SET UNLOGGED")
        sql.execute(
            "INSERT INTO river_job (kind, queue, state, scheduled_at, attempted_at, finalized_at) SELECT 'kind ' || i,"
            " 'queue ' || i %% 500, CASE WHEN f THEN 'completed' ELSE 'available' END::river_job_state, now(), now(),"
            " CASE WHEN f THEN now() END"
            " FROM generate_series(1, %(many)s) AS i, LATERAL (SELECT i <= %(finished)s AS f) AS done",
            {"many": MANY, "finished": FINISHED},
        )
        sql.execute("ANALYZE river_job")
        began = time.process_time()
        snapshot = exporter.read(SECONDS)
        cost = time.process_time() - began
    page = page_of(snapshot)

    assert snapshot.error is None
    assert cost < 2.0  # seconds of our own; those of the server are test_plans' business
    assert sum(page.of("river_jobs", state="available").values()) == pytest.approx(MANY - FINISHED, rel=0.1)
    assert sum(page.of("river_jobs_finished_total").values()) == FINISHED
    assert len(page.of("river_jobs_finished_total")) <= 3 * (300 + MAX_QUEUES + 1)
    assert page.value("riverkeeper_series") == pytest.approx(sum(map(len, page.samples.values())), abs=30)
