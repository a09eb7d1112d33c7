"""One incident of the replay (docs/alerts-seen.md): two alerts fire for a misspelled queue, and one page is sent.

Rules, routing, inhibition and templates are those that are shipped; PagerDuty and Slack are servers of our own. `make
alerts-seen` replays all incidents, and judges when each message came. Here only what came is judged: how late it is
depends on what else this machine does. test_dead_fleet_alert.py kills all workers, test_alerts_happen.py stops the
database.
"""

from __future__ import annotations

from pathlib import Path

from e2e.replay.__main__ import run_all

FACTOR = 15  # not 20 as there: beats and scrapes that come late have more time
FORGIVEN_SECONDS = 180


def test_a_queue_that_nobody_works_is_one_page(tmp_path: Path) -> None:
    """Once, in the right words, while it lasts; what is worked off afterwards notifies nobody."""
    replay = run_all(("queue_without_producer",), tmp_path / "replay", FACTOR, FORGIVEN_SECONDS)

    assert replay is not None
    (outcome,) = replay.outcomes()
    assert outcome.problems == []
    assert "orders: RiverWaitBudgetBurning" in outcome.muted
