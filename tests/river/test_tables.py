"""Tables that are kept otherwise: partitioned, and with errors as large as they come."""

from __future__ import annotations

from fixtures.scrape import errors, page_of, read
from riverkeeper.config.layers import Options
from riverkeeper.config.load import load
from riverkeeper.postgres.connection import Session
from riverkeeper.service import failing_jobs

PARTITIONED = """
ALTER TABLE river_job RENAME TO plain_job;
CREATE TABLE river_job (LIKE plain_job INCLUDING DEFAULTS) PARTITION BY LIST (state);
CREATE TABLE jobs_over PARTITION OF river_job FOR VALUES IN ('completed', 'cancelled', 'discarded');
CREATE TABLE jobs_live PARTITION OF river_job DEFAULT PARTITION BY LIST (queue);
CREATE TABLE jobs_live_rest PARTITION OF jobs_live DEFAULT;
CREATE INDEX ON river_job (state, queue, priority, scheduled_at, id);
CREATE INDEX ON river_job (state, finalized_at);
INSERT INTO river_job (id, kind, state, scheduled_at, attempted_at, finalized_at, args)
    SELECT g, 'k', 'completed', now(), now(), now(), jsonb_build_object('text', repeat('x', 900))
    FROM generate_series(1, 5000) AS g;
INSERT INTO river_job (id, kind) SELECT 10000 + g, 'k' FROM generate_series(1, 4000) AS g;
"""
MANY_ERRORS = """
INSERT INTO river_job (kind, state, attempt, max_attempts, attempted_at, scheduled_at, errors)
SELECT 'k', 'retryable', 2000, 2500, now(), now(), (
    SELECT array_agg(jsonb_build_object('attempt', i, 'at', now(), 'trace', '', 'error', 'try ' || i || ' ' || (
        SELECT string_agg(md5(i::text || k::text), '') FROM generate_series(1, 62) AS k
    )) ORDER BY i) FROM generate_series(1, 2000) AS i
);
-- Copies of a row are written as they are stored: the server compresses four megabytes once, not ten times.
INSERT INTO river_job (kind, state, attempt, max_attempts, attempted_at, scheduled_at, errors)
SELECT kind, state, attempt, max_attempts, attempted_at, scheduled_at, errors FROM river_job, generate_series(1, 9)
"""


def test_a_partitioned_table_is_as_large_as_its_partitions(river_url: str, sql: Session) -> None:
    """The parent has no file of its own: sizes and dead rows are its partitions', and every question is answered."""
    sql.execute(PARTITIONED)
    wanted = sql.execute("SELECT sum(pg_total_relation_size(relid)) AS n FROM pg_partition_tree('river_job')")[0].n
    snapshot = read(river_url)
    page = page_of(snapshot)

    assert (snapshot.error, errors(snapshot)) == (None, {})
    assert page.value("river_table_bytes", table="river_job") == float(wanted) > 5_000_000
    assert page.value("river_jobs", queue="default", state="available") is not None


def test_a_long_queue_in_partitions_is_estimated(river_url: str, sql: Session) -> None:
    """Where nothing was analyzed, the pages of the partitions are the sample."""
    sql.execute(PARTITIONED)
    sql.execute("ALTER TABLE jobs_live_rest SET (autovacuum_enabled = off)")
    sql.execute("INSERT INTO river_job (id, kind) SELECT 20000 + g, 'k' FROM generate_series(1, 120000) AS g")
    jobs = page_of(read(river_url)).value("river_jobs", queue="default", state="available")

    assert jobs is not None
    assert 80_000 < jobs < 180_000


def test_only_the_last_error_is_read(river_url: str, sql: Session) -> None:
    """Ten failing jobs with two thousand errors of two kilobytes are a page, in its time."""
    sql.execute(MANY_ERRORS)
    found = failing_jobs(load(None, {}, Options(database_url=river_url)), None, None, 50)

    assert len(found.jobs) == found.found == 10
    assert {(job.last_error or "")[:9] for job in found.jobs} == {"try 2000 "}
    assert {len(job.last_error or "") for job in found.jobs} == {500}
