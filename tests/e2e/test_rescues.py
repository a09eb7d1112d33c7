"""Rescues on River's own tables, with River's own clients beside them, also through PgBouncer."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.floor import Event
from e2e.conftest import MakeFleet, MakeRiver
from e2e.pooler import pooled
from fixtures.rescue import Scene, staged
from fixtures.waiting import until
from riverkeeper.postgres.connection import Database
from riverkeeper.rescue.refusal import Skipped
from riverkeeper.rescue.request import Rescued
from riverkeeper.rescue.transaction import rescue_job

CLAIMED = """
INSERT INTO river_job (state, kind, args, max_attempts, attempt, attempted_at, attempted_by)
VALUES ('running', 'long', '{"seconds": 1}', 25, 1, now(), '{worker}')
RETURNING id AS job_id, attempt,
    to_char(attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS attempted_at
"""
RUNNING = """
SELECT id AS job_id, attempt, to_char(attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS attempted_at
FROM river_job WHERE state = 'running'
"""
SILENT = """
INSERT INTO riverkeeper.heartbeat (job_id, attempted_at, attempt, instance, beat_interval, beat_at)
SELECT id, attempted_at, attempt, gen_random_uuid(), '10 s', now() - interval '10 min'
FROM river_job WHERE state = 'running'
"""


@pytest.mark.parametrize("version", [4, 5, 6, 7, 0])
def test_every_promised_river(river_database: MakeRiver, tmp_path: Path, version: int) -> None:
    """Migrations 4 to the newest, through a pooler that forgets sessions: rescued, whatever columns there are."""
    river = river_database(target_version=version)
    with staged(river.url) as scene, pooled(river.url, tmp_path) as url:
        claims = [scene.one(CLAIMED) for _ in range(20)]
        scene.sql.execute(SILENT)
        through = Database(url)
        for claim in claims:
            stuck = scene.found(claim)
            with scene.keeping(through) as tx:
                outcome = rescue_job(tx, stuck, scene.order())
            assert isinstance(outcome, Rescued), outcome
            with scene.keeping(through) as tx:
                assert isinstance(rescue_job(tx, stuck, scene.order()), Skipped)
        through.close()
        assert scene.one("SELECT count(*) AS jobs FROM river_job WHERE state = 'available'")["jobs"] == 20
        assert scene.one("SELECT count(*) AS locks FROM pg_locks WHERE locktype = 'advisory'")["locks"] == 0


def test_a_killed_worker_s_job_is_worked_again(river_database: MakeRiver, fleet: MakeFleet) -> None:
    """kill -9, rescue, and another River client reads the row with our error in it, and works it: attempt 2, once."""
    river = river_database()
    river.insert(1, "-kinds", "hanging", "-queues", "default")
    first = fleet(river, "first")
    until(lambda: river.rows(RUNNING), "the job to be claimed")
    first.program.process.kill()
    first.program.process.wait()
    with staged(river.url) as scene:
        [(job_id, attempt, attempted_at)] = river.rows(RUNNING)
        claim = {"job_id": job_id, "attempt": attempt, "attempted_at": attempted_at}
        scene.sql.execute(SILENT)
        assert isinstance(scene.rescue(claim), Rescued)
        river.rows("UPDATE river_job SET scheduled_at = now()")  # as if the fence were over
        fleet(river, "second")
        job = until(lambda: claimed_again(scene), "the second worker to claim it")

    assert (job["attempt"], job["attempted_by"]) == (2, ["first", "second"])
    assert "Riverkeeper" in job["errors"][0]["error"]
    assert job["metadata"]["river:rescue_count"] == 1


def claimed_again(scene: Scene) -> Event | None:
    row = scene.one("SELECT state::text, attempt, attempted_by, errors, metadata FROM river_job")
    return row if row["state"] == "running" else None
