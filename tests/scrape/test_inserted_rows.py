"""river_table_inserted_rows_total: how many jobs were inserted, as far as the server's statistics tell."""

from __future__ import annotations

from fixtures.scrape import read
from fixtures.waiting import until
from riverkeeper.metrics.catalogue.river import inserted_rows
from riverkeeper.postgres.connection import Session

INSERT = "INSERT INTO river_job (kind, max_attempts) SELECT 'k', 5 FROM generate_series(1, %(jobs)s)"
# As River inserts a unique job: the conflict updates the row that is there.
UNIQUE = """
INSERT INTO river_job (id, kind, max_attempts) VALUES (1000000, 'u', 5)
ON CONFLICT (id) DO UPDATE SET kind = excluded.kind
"""


def counted(url: str) -> float:
    snapshot = read(url)
    assert snapshot.error is None
    return {labels: float(str(value)) for labels, value in inserted_rows(snapshot)}[("river_job",)]


def test_jobs_count_when_they_are_inserted(sql: Session, river_url: str) -> None:
    """Also those that are deleted at once. A duplicate of a unique job is none."""
    sql.execute("SELECT pg_stat_force_next_flush()")
    before = counted(river_url)
    sql.execute(INSERT, {"jobs": 7})
    sql.execute("DELETE FROM river_job WHERE kind = 'k'")
    for _ in range(3):
        sql.execute(UNIQUE)
    sql.execute("SELECT pg_stat_force_next_flush()")

    until(lambda: counted(river_url) == before + 8, "the statistics of 8 inserted rows")
