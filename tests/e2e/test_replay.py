"""Four incidents of the replay (docs/alerts-seen.md): three that page, and one that must not.

Rules, routing, inhibition and templates are those that are shipped; PagerDuty and Slack are servers of our own.
test_alerts_happen.py stops the database.
"""

from __future__ import annotations

from pathlib import Path

from e2e.replay.__main__ import run_all

FACTOR = 20
INCIDENTS = ("worker_killed", "queue_without_producer", "all_workers_killed", "rescuer_paused")


def test_each_incident_notifies_once_in_time_and_nothing_else_does(tmp_path: Path) -> None:
    """Who must be notified is, in time and in the right words; nothing resolves while it lasts; no false message."""
    replay = run_all(INCIDENTS, tmp_path / "replay", FACTOR)

    assert replay is not None
    assert {each.injection.incident.name: each.problems for each in replay.outcomes() if each.problems} == {}
