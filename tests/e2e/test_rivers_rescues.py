"""What River's own rescuer did with jobs of a dead worker: real River decides, the page counts it once."""

from __future__ import annotations

from pathlib import Path

from e2e.conftest import MakeRiver
from e2e.river import fleet_at_work
from e2e.riverkeeper_process import Labels, Page, anew, replica_at_work, riverkeeper
from fixtures.waiting import until

# As a killed worker leaves them. No client that leads here knows the kind of the other application.
LEFT_BEHIND = """
INSERT INTO river_job (state, queue, kind, args, attempt, max_attempts, attempted_at, attempted_by, metadata)
SELECT 'running', 'default', j.kind, '{}', j.attempt, 25, now() - interval '1 hour', ARRAY['gone'], j.metadata::jsonb
FROM (VALUES
    ('short', 1, '{}'),
    ('short', 25, '{}'),
    ('short', 2, '{"cancel_attempted_at": "2026-11-28T01:00:00Z"}'),
    ('of_another_application', 1, '{}')
) AS j (kind, attempt, metadata)
"""
RESCUED = {
    ("short", "retried"): 1.0,
    ("short", "discarded"): 1.0,
    ("short", "cancelled"): 1.0,
    ("of_another_application", "unknown_kind"): 1.0,
}
ENDED = {("short", "rescued"): 3.0, ("short", "completed"): 1.0, ("of_another_application", "rescued"): 1.0}


def counts(page: Page, name: str) -> dict[Labels, float]:
    values = page.values(name, "queue", "kind", "outcome").items()
    return {labels[1:]: value for labels, value in values if value}


def test_each_rescue_by_river_counts_once_as_what_it_was(river_database: MakeRiver, tmp_path: Path) -> None:
    """Retried, discarded at the last attempt, cancelled on request, or of a kind that the leader does not know."""
    river = river_database()
    riverkeeper(river, "schema", "install")
    with replica_at_work(river.url, tmp_path, river.schema, *anew(tmp_path)) as replica:
        assert counts(replica.scrape(), "river_jobs_rescued_total") == {}
        river.rows(LEFT_BEHIND + " RETURNING id")
        with fleet_at_work(river, tmp_path, "leader", "-rescue-after", "2s"):
            until(lambda: counts(replica.scrape(), "river_jobs_rescued_total") == RESCUED, "the rescues to count", 120)
            until(lambda: counts(replica.scrape(), "river_job_attempts_ended_total") == ENDED, "the retry to end", 60)
        replica.program.kill()
    with replica_at_work(river.url, tmp_path, river.schema, *anew(tmp_path)) as replica:
        assert counts(replica.scrape(), "river_jobs_rescued_total") == RESCUED
        assert counts(replica.scrape(), "river_job_attempts_ended_total") == ENDED
