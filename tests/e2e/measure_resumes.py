"""What real River workers do twice when they are killed at random moments, with checkpoints and with CheckpointTx.

    PYTHONPATH=tests python -m e2e.measure_resumes --kills 200      (after tests/e2e/tools.sh)

Workers of two slots, with jobs of both ways, which work in steps of 20 ms and save a checkpoint after each. In each
round all workers are killed at a random moment, their jobs are rescued, and other workers go on.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from conformance.rescue import rescue
from e2e.river import Fleet, River, fleet_at_work
from fixtures.rescue import Scene, staged
from fixtures.waiting import until
from riverkeeper.demo.postgres import THROW_AWAY, start_postgres

INTERVAL = 1.0  # seconds between beats, for the 10 s of a standard job
STEP_MILLISECONDS = 20
STEPS = 1_000_000  # no job ends before its last kill
WORKERS = 4
TABLE = """CREATE TABLE public.step (job_id bigint, attempt smallint, number integer,
    at timestamptz NOT NULL DEFAULT clock_timestamp())"""
INSERT = """INSERT INTO river_job (state, kind, args, max_attempts)
    SELECT 'available', 'stepped', jsonb_build_object('steps', %s, 'milliseconds', %s, 'in_tx', in_tx), 1000
    FROM generate_series(1, %s), (VALUES (false), (true)) AS ways (in_tx)"""
RUNNING = """SELECT id AS job_id, attempt,
    to_char(attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS attempted_at
    FROM river_job WHERE state = 'running'"""
GONE_ON = """SELECT count(*) FROM river_job AS j
    WHERE EXISTS (SELECT FROM step AS s WHERE s.job_id = j.id AND s.attempt = j.attempt)
    AND EXISTS (SELECT FROM riverkeeper.checkpoint AS c WHERE c.job_id = j.id AND c.attempted_at = j.attempted_at)"""
# Of each attempt that was killed: what it did, and where the next one went on.
ATTEMPTS = """
SELECT a.job_id, (j.args->>'in_tx')::boolean AS in_tx, a.attempt, a.last, n.first AS next_first,
    extract(epoch FROM a.ended_at - coalesce(kept.at, a.began_at))::float AS seconds
FROM (
    SELECT job_id, attempt, max(number) AS last, min(at) AS began_at, max(at) AS ended_at FROM step GROUP BY 1, 2
) AS a
JOIN river_job AS j ON j.id = a.job_id
JOIN (SELECT job_id, attempt, min(number) AS first FROM step GROUP BY 1, 2) AS n
    ON n.job_id = a.job_id AND n.attempt = a.attempt + 1
LEFT JOIN LATERAL (
    SELECT max(s.at) AS at FROM step AS s WHERE s.job_id = a.job_id AND s.attempt = a.attempt AND s.number < n.first
) AS kept ON true
ORDER BY a.job_id, a.attempt
"""


@dataclass(slots=True)
class Resumes:
    """Repeated steps, and the seconds of work in them, of each attempt that was killed."""

    steps: list[int] = field(default_factory=list)  # with Checkpoint
    seconds: list[float] = field(default_factory=list)
    steps_in_tx: list[int] = field(default_factory=list)


def kill_round(river: River, scene: Scene, folder: Path, name: str, moment: float, workers: int = WORKERS) -> None:
    """Start workers, let all jobs go on, kill the workers at a moment of their own, and rescue the jobs."""
    jobs = 2 * workers
    with contextlib.ExitStack() as programs:
        flags = ("-beat", "table", "-interval", f"{INTERVAL}s", "-workers", "2", "-queues", "default")
        fleets: list[Fleet] = [
            programs.enter_context(fleet_at_work(river, folder, f"{name}-{number}", *flags))
            for number in range(workers)
        ]
        until(lambda: scene.one(GONE_ON)["count"] == jobs, "every job to go on and to save")
        time.sleep(moment)  # the random moment is what is measured
        for fleet in fleets:
            fleet.program.kill()
    claims = list(scene.sql.execute(RUNNING).fetchall())
    with psycopg.connect(river.url) as rescuer:  # as Riverkeeper does, but for its limit of rescues of one job in a day
        for claim in claims:
            assert rescue(rescuer, claim, timeout_seconds=-3600)
    scene.sql.execute("UPDATE river_job SET scheduled_at = now()")  # as if the fence were over


def read_resumes(scene: Scene) -> Resumes:
    found = Resumes()
    for row in scene.sql.execute(ATTEMPTS).fetchall():
        repeated = row["last"] + 1 - row["next_first"]
        if row["in_tx"]:
            found.steps_in_tx.append(repeated)
        else:
            found.steps.append(repeated)
            found.seconds.append(row["seconds"] if repeated else 0.0)
    return found


def prepare(scene: Scene, workers: int = WORKERS) -> None:
    scene.sql.execute(TABLE)
    scene.sql.execute(INSERT, (STEPS, STEP_MILLISECONDS, workers))


def count_wrong_effects(scene: Scene, *, in_tx: bool) -> int:
    """Steps that are missing, and with CheckpointTx those that are there twice."""
    missing = """SELECT count(*) FROM (SELECT job_id, max(number) + 1 AS wanted, count(DISTINCT number) AS found,
        count(*) AS made FROM step GROUP BY job_id) AS s JOIN river_job AS j ON j.id = s.job_id
        WHERE (j.args->>'in_tx')::boolean = %s AND (found <> wanted OR %s AND made <> wanted)"""
    return int(scene.one(missing, in_tx, in_tx)["count"])


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    asked.add_argument("--kills", type=int, default=200)
    given = asked.parse_args()
    chance = random.Random(7)
    with contextlib.ExitStack() as programs:
        folder = Path(programs.enter_context(tempfile.TemporaryDirectory()))
        postgres = programs.enter_context(start_postgres((*THROW_AWAY, "max_connections=200")))
        river = River(postgres.database("resumes"))
        river.migrate()
        scene = programs.enter_context(staged(river.url))
        prepare(scene)
        rounds = -(-given.kills // WORKERS)
        for number in range(rounds + 1):  # the last shows where the jobs of the one before went on
            kill_round(river, scene, folder, f"round{number}", chance.random() * 2 * INTERVAL)
            sys.stderr.write(f"\r{(number + 1) * WORKERS} workers killed ")
        report(read_resumes(scene), [count_wrong_effects(scene, in_tx=way) for way in (False, True)])


def report(found: Resumes, wrong: list[int]) -> None:
    ranked = sorted(found.seconds)
    p50, p99 = (ranked[min(len(ranked) - 1, int(share * len(ranked)))] for share in (0.5, 0.99))
    sys.stdout.write(
        f"\nCheckpoint: {len(ranked)} killed attempts, interval {INTERVAL:g} s: work done twice p50 {p50:.2f} s, "
        f"p99 {p99:.2f} s, max {ranked[-1]:.2f} s; steps at most {max(found.steps)}; "
        f"jobs with a missing step: {wrong[0]}\n"
        f"CheckpointTx: {len(found.steps_in_tx)} killed attempts: steps done twice {sum(found.steps_in_tx)}; "
        f"jobs with a missing or a second effect: {wrong[1]}\n"
    )


if __name__ == "__main__":
    main()
