"""Queues too long to count: estimated, marked, and near the truth, whatever the planner knows of the table."""

from __future__ import annotations

from collections import Counter

import pytest

from fixtures.scrape import page_of, read
from riverkeeper.postgres.connection import Session, run_script

LONG = 130_000
JOBS = """INSERT INTO river_job (kind, queue, priority, state, finalized_at)
    SELECT 'k', CASE WHEN i > 50 THEN 'long' ELSE 'short' END, 1 + mod(i, 2), %(state)s::river_job_state,
        CASE WHEN %(state)s = 'completed' THEN now() END
    FROM generate_series(1, %(jobs)s) AS i"""


@pytest.fixture
def river_url(river_url: str) -> str:
    """An empty River without autovacuum, quick to fill."""
    run_script(river_url, "ALTER TABLE public.river_job SET (autovacuum_enabled = off)")
    run_script(
        river_url, "DROP INDEX public.river_job_args_index, public.river_job_metadata_index, public.river_job_kind"
    )
    return river_url


def fill(sql: Session, jobs: int, state: str = "available") -> None:
    sql.execute(JOBS, {"jobs": jobs, "state": state})


def test_a_queue_too_long_to_count_is_a_marked_estimate(river_url: str, sql: Session) -> None:
    """Above the bound the count is the planner's, near the truth; its kinds are absent; other queues stay exact."""
    fill(sql, LONG + 50)
    sql.execute("ANALYZE river_job")
    snapshot = read(river_url)
    shown = page_of(snapshot)

    assert shown.value("river_jobs", queue="long", state="available") == pytest.approx(LONG, rel=0.2)
    assert shown.value("river_jobs_estimated", queue="long", state="available") == 1
    assert not shown.of("river_jobs_by_kind", queue="long", state="available")
    assert shown.value("river_jobs_by_kind", queue="long", kind="k", state="running") == 0
    assert shown.value("river_jobs", queue="short", state="available") == 50
    assert shown.value("river_jobs_estimated", queue="short", state="available") == 0
    assert shown.value("river_jobs_by_kind", queue="short", kind="k", state="available") == 50
    assert not any("statistics" in note for note in snapshot.notices)


@pytest.mark.parametrize("analyzed", ["never", "when it was empty", "when all was finished"])
def test_where_the_planner_knows_nothing_pages_are_sampled(river_url: str, sql: Session, analyzed: str) -> None:
    """A table never analysed, or filled since: near the truth, marked, and a note names the missing ANALYZE."""
    if analyzed == "when all was finished":
        fill(sql, 20_000, "completed")
    if analyzed != "never":
        sql.execute("ANALYZE river_job")
    fill(sql, LONG + 50)
    snapshot = read(river_url)
    shown = page_of(snapshot)

    assert shown.value("river_jobs", queue="long", state="available") == pytest.approx(LONG, rel=0.25)
    assert shown.value("river_jobs_estimated", queue="long", state="available") == 1
    assert shown.value("river_jobs", queue="short", state="available") == 50
    assert any("state available is estimated" in note and "ANALYZE river_job" in note for note in snapshot.notices)
    ready = Counter({part.priority: part.jobs for part in snapshot.partitions or () if part.queue == "long"})
    assert ready[1] == pytest.approx(ready[2], rel=0.25)


def test_a_table_in_parts_is_not_read_whole(river_url: str, sql: Session) -> None:
    """A partitioned table has no pages of its own: the estimate is what was counted, marked as such."""
    sql.execute("ALTER TABLE river_job RENAME TO plain")
    sql.execute("CREATE TABLE river_job (LIKE plain INCLUDING DEFAULTS INCLUDING IDENTITY) PARTITION BY LIST (queue)")
    sql.execute("CREATE TABLE part PARTITION OF river_job DEFAULT")
    sql.execute("CREATE INDEX ON river_job (state, queue, priority, scheduled_at, id)")
    sql.execute("CREATE INDEX ON river_job (state, finalized_at) WHERE finalized_at IS NOT NULL")
    fill(sql, LONG + 50)
    shown = page_of(read(river_url))

    assert 50_000 <= (shown.value("river_jobs", queue="long", state="available") or 0) < LONG
    assert shown.value("river_jobs_estimated", queue="long", state="available") == 1
