"""Real River workers in Go are killed at random moments, and other workers go on at their checkpoints."""

from __future__ import annotations

import random
from pathlib import Path

from e2e.conftest import MakeRiver
from e2e.measure_resumes import INTERVAL, count_wrong_effects, kill_round, prepare, read_resumes
from fixtures.rescue import staged

KILLS, WORKERS = 3, 2
SAVED = """SELECT count(*) FROM riverkeeper.checkpoint AS c JOIN river_job AS j ON j.id = c.job_id
    JOIN LATERAL (
        SELECT min(number) AS first FROM step WHERE job_id = c.job_id AND attempt = c.attempt + 1
    ) AS n ON true
    WHERE n.first IS DISTINCT FROM c.value::integer AND c.attempt < %s"""


def test_killed_jobs_go_on_at_their_checkpoints(river_database: MakeRiver, tmp_path: Path) -> None:
    """No step is missing. With CheckpointTx none is done twice. An attempt begins where the one before had saved."""
    river, chance = river_database(), random.Random(3)
    with staged(river.url) as scene:
        prepare(scene, WORKERS)
        for number in range(KILLS):
            kill_round(river, scene, tmp_path, f"round{number}", chance.random() * 2 * INTERVAL, WORKERS)
        found = read_resumes(scene)

        assert [len(found.steps), len(found.steps_in_tx)] == [WORKERS * (KILLS - 1)] * 2
        assert set(found.steps_in_tx) == {0}
        assert scene.one(SAVED, KILLS)["count"] == 0
        assert [count_wrong_effects(scene, in_tx=way) for way in (False, True)] == [0, 0]
        resumes = scene.one("SELECT sum(resumes) AS resumes FROM riverkeeper.checkpoint")["resumes"]
        assert resumes == 2 * WORKERS * (KILLS - 1)
