"""Every worker with a job dies at once, and only an idle one is there: its beats prove that the others are dead."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path

from e2e.conftest import MakeRiver
from e2e.keeper import keeper_at_work, riverkeeper
from e2e.programs import until
from e2e.river import fleet_at_work

CONFIG = """
rescue: {mode: live, interval: 1s, grace: 0s}
assign: [{tier: urgent}]
"""
BEATS = ("-beat", "table", "-interval", "2s", "-queues", "default", "-workers", "3")
SOON = 60.0  # seconds, promise 5
IDLE = "SELECT 1 FROM riverkeeper.client WHERE client_id = 'idle' AND beat_at > started_at"
BEATING = "SELECT job_id FROM riverkeeper.heartbeat"
AGAIN = "SELECT id FROM river_job WHERE state = 'completed' AND attempt = 2"


def test_a_whole_fleet_dies_and_an_idle_worker_is_started(river_database: MakeRiver, tmp_path: Path) -> None:
    """Nine jobs of three workers, kill -9 of all three, a fourth worker that gets no job: all nine are worked again."""
    river = river_database()
    riverkeeper(river, "schema", "install")
    config = tmp_path / "riverkeeper.yml"
    config.write_text(CONFIG)
    with contextlib.ExitStack() as programs:
        fleets = [programs.enter_context(fleet_at_work(river, tmp_path, f"worker{n}", *BEATS)) for n in range(3)]
        river.insert(9, "-kinds", "steady", "-queues", "default")
        until(lambda: len(river.rows(BEATING)) == 9, "nine jobs to beat")
        programs.enter_context(keeper_at_work(river.url, tmp_path, "", "--config.file", str(config)))
        for fleet in fleets:
            fleet.program.kill()
        began = time.monotonic()
        programs.enter_context(fleet_at_work(river, tmp_path, "idle", *BEATS))
        until(lambda: river.rows(IDLE), "the idle worker to beat")
        sys.stdout.write(f"the idle worker beats after {time.monotonic() - began:.1f} s\n")
        until(lambda: len(river.rows(AGAIN)) == 9, "nine second attempts", seconds=400)
        took = time.monotonic() - began
        sys.stdout.write(f"nine jobs of a dead fleet were worked again after {took:.1f} s\n")

    assert took < SOON
    assert river.rows("SELECT count(*) FROM riverkeeper.rescue WHERE action = 'retry' AND NOT dry_run") == [(9,)]
