"""river_slots: how many jobs a queue's workers can run at once, where River Pro's tables have it."""

from __future__ import annotations

from fixtures.scrape import read
from riverkeeper.metrics.catalogue.river import slots
from riverkeeper.postgres.connection import Session
from riverkeeper.scrape.scrape import Snapshot

# The columns of River Pro's table that matter here.
PRODUCERS = """
CREATE TABLE river_producer (
    id bigserial PRIMARY KEY, client_id text, queue_name text, max_workers integer, updated_at timestamptz
);
INSERT INTO river_producer (client_id, queue_name, max_workers, updated_at) VALUES
    ('a', 'mail', 10, now()), ('b', 'mail', 5, now() - interval '60 s'), ('c', 'mail', 100, now() - interval '100 s'),
    ('a', 'bulk', 2, now()), ('c', 'gone', 7, now() - interval '200 s')
"""
JOBS = "INSERT INTO river_job (kind, queue, max_attempts) VALUES ('k', 'mail', 5), ('k', 'bulk', 5)"


def slots_of(snapshot: Snapshot) -> dict[tuple[str, ...], object]:
    assert snapshot.error is None
    return dict(slots(snapshot))


def test_the_producers_that_report_have_slots(sql: Session, river_url: str) -> None:
    """Those of all clients together. One that missed three reports is gone."""
    sql.execute(PRODUCERS)
    sql.execute(JOBS)

    assert slots_of(read(river_url)) == {("mail",): 15.0, ("bulk",): 2.0}


def test_without_river_pro_there_are_no_slots(sql: Session, river_url: str) -> None:
    """Absent, not 0: a queue without slots would look full."""
    sql.execute(JOBS)

    assert slots_of(read(river_url)) == {}
    assert "slots" not in {query.name for query in read(river_url).queries}


def test_an_older_table_of_producers_has_no_slots(sql: Session, river_url: str) -> None:
    """A column that is not there, or that this login may not read, fails nothing."""
    sql.execute("CREATE TABLE river_producer (client_id text, updated_at timestamptz)")

    assert slots_of(read(river_url)) == {}


def test_a_queue_without_jobs_is_folded(sql: Session, river_url: str) -> None:
    """Names are given to queues that were seen at work; slots of others are not lost."""
    sql.execute(PRODUCERS)

    assert slots_of(read(river_url)) == {("other",): 17.0}
