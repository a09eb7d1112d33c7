"""River's tables as older releases left them: read where the exporter promises it, refused in words where not."""

from __future__ import annotations

import pytest

from e2e.conftest import MakeReplica, MakeRiver

# Only columns that every migration from 2 on has.
SEED = """
INSERT INTO river_job (state, kind, queue, args, max_attempts, attempt, attempted_at, finalized_at, attempted_by)
VALUES
    ('available', 'mail', 'default', '{}', 25, 0, NULL, NULL, NULL),
    ('running', 'mail', 'default', '{}', 25, 1, now(), NULL, '{host_2026}'),
    ('retryable', 'report', 'bulk', '{}', 25, 1, now(), NULL, '{host_2026}'),
    ('completed', 'report', 'bulk', '{}', 25, 1, now(), now(), '{host_2026}')
"""
LIVE = {("default", "available"): 1, ("default", "running"): 1, ("bulk", "retryable"): 1}


@pytest.mark.parametrize(("version", "shown"), [(4, 4), (5, 5), (6, 6), (7, 7), (0, 8)])
def test_promised_versions_are_read(river_database: MakeRiver, replica: MakeReplica, version: int, shown: int) -> None:
    """Every migration from 4 on is read, and the page names its number."""
    river = river_database(target_version=version)
    river.rows(SEED)

    page = replica(river.url).scrape()

    assert page.value("river_up") == 1
    assert page.values("river_migration_version", "line") == {("main",): shown}
    assert nonzero(page.values("river_jobs", "queue", "state")) == LIVE
    assert failed_queries(page.values("riverkeeper_query_success", "query")) == set()


def test_other_migration_tools_are_fine(river_database: MakeRiver, replica: MakeReplica) -> None:
    """Those who migrate by their own tool have no river_migration: everything but the version is read."""
    river = river_database()
    river.rows(SEED)
    river.rows("DROP TABLE river_migration")

    page = replica(river.url).scrape()

    assert page.value("river_up") == 1
    assert page.values("river_migration_version", "line") == {}
    assert nonzero(page.values("river_jobs", "queue", "state")) == LIVE
    assert failed_queries(page.values("riverkeeper_query_success", "query")) == set()


@pytest.mark.parametrize("version", [2, 3])
def test_older_ones_are_refused_in_a_sentence(river_database: MakeRiver, replica: MakeReplica, version: int) -> None:
    """Before migration 4 the page shows that it is down, and the log names the migration that is needed."""
    river = river_database(target_version=version)

    running = replica(river.url)

    assert running.scrape().value("river_up") == 0
    assert "older than River's migration 4" in running.program.log


def nonzero(values: dict[tuple[str, ...], float]) -> dict[tuple[str, ...], float]:
    return {labels: value for labels, value in values.items() if value}


def failed_queries(successes: dict[tuple[str, ...], float]) -> set[str]:
    return {query for (query,), value in successes.items() if not value}
