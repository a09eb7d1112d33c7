"""Five incidents of the replay (docs/alerts-seen.md): four that page, and one that must not.

Rules, routing, inhibition and templates are those that are shipped; PagerDuty and Slack are servers of our own.
"""

from __future__ import annotations

from pathlib import Path

from e2e.replay.__main__ import run_all

FACTOR = 30
INCIDENTS = ("worker_killed", "queue_without_producer", "all_workers_killed", "rescuer_paused", "database_stopped")


def test_each_incident_notifies_once_in_time_and_nothing_else_does(tmp_path: Path) -> None:
    """Who must be notified is, in time and in the right words; nothing resolves while it lasts; no false message."""
    replay = run_all(INCIDENTS, tmp_path / "replay", FACTOR)

    assert replay is not None
    assert {each.injection.incident.name: each.problems for each in replay.outcomes() if each.problems} == {}
