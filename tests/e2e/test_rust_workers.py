"""Real River workers in Rust beside those in Go, on one table: killed, hung, cut off, and late."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import psycopg
from psycopg.rows import dict_row

from conformance.proxy import proxied
from conformance.rescue import rescue
from e2e.conftest import MakeRiver
from e2e.lost_workers import PATIENCE, crew_at_work
from e2e.rescue_environment import let_beat
from e2e.river import River, fleet_at_work
from e2e.riverkeeper_process import riverkeeper
from fixtures.waiting import until

RUST = "fleet-rust"
LATE = 1000
BEATING = """
SELECT j.id AS job_id, j.attempt, h.attempted_at
FROM river_job AS j JOIN heartbeat AS h ON h.job_id = j.id AND h.attempted_at = j.attempted_at
WHERE j.state = 'running' AND j.attempt = 1 AND h.lost_at IS NULL
"""
SECOND = """
SELECT count(*) FROM river_job
WHERE state = 'running' AND attempt = 2 AND attempted_by = '{rusty,gopher}' AND errors IS NULL AND metadata = '{}'
"""
ENDS = "SELECT state::text, attempt, attempted_by, errors FROM river_job WHERE id = ANY(%(jobs)s) ORDER BY id"
ERRORS = "SELECT errors[1] ->> 'error' FROM river_job WHERE state = 'completed' AND attempt = 2"
STEPS = """
SELECT state::text, attempt, errors[1] ->> 'error', errors[2] ->> 'error'
FROM river_job WHERE kind = 'steps' AND finalized_at IS NOT NULL
"""
OUTCOMES = "SELECT outcome FROM heartbeat WHERE job_id = ANY(%(jobs)s) AND lost_at IS NOT NULL"
NAMED = "SELECT client_id FROM client WHERE software LIKE 'riverbeat-rust/%'"


def test_each_takes_over_from_the_other(river_database: MakeRiver, tmp_path: Path) -> None:
    """A worker in Rust and one in Go are killed at one moment; each job runs again in the other language, once."""
    river = river_database()
    with crew_at_work(river, tmp_path) as crew:
        crew.hire("rusty", "default", program=RUST)
        crew.hire("gopher", "mail")
        river.insert(2, "-kinds", "steady", "-queues", "default")
        river.insert(2, "-kinds", "steady", "-queues", "mail")
        jobs = crew.jobs("steady", 4)
        for name in ("rusty", "gopher"):
            crew.workers[name].program.kill()
        crew.hire("next_gopher", "default")
        crew.hire("next_rusty", "mail", program=RUST)
        crew.wait_for_the_end(jobs)

        ends = river.rows(ENDS, jobs=jobs)
        assert sorted(tuple(workers) for _, _, workers, _ in ends) == (
            [("gopher", "next_rusty")] * 2 + [("rusty", "next_gopher")] * 2
        )
        assert {(state, attempt, len(errors)) for state, attempt, _, errors in ends} == {("completed", 2, 1)}
        assert crew.counted("SELECT count(*) FROM rescue WHERE action = 'retry' AND job_id = ANY(%(jobs)s)", jobs) == 4
        assert crew.false_rescues() == 0


def test_hung_jobs_stop_on_request(river_database: MakeRiver, tmp_path: Path) -> None:
    """One that watches its token, and one that is deaf and is dropped: both fail with the reason, and run again.

    The grace is long, so that no rescue comes first on a busy machine.
    """
    river = river_database()
    with crew_at_work(river, tmp_path, progress_timeout="5s", stop_grace="5m") as crew:
        crew.hire("rusty", "default", "-abort-after", "1s", program=RUST)
        river.insert(2, "-kinds", "stalled,deaf", "-queues", "default")
        why = [("riverbeat: Riverkeeper requests that this job stops: job work cancelled",)]
        until(lambda: len(river.rows(ERRORS)) == 2, "both to run again", PATIENCE)

        assert sorted(river.rows(ERRORS)) == [("riverbeat: Riverkeeper requests that this job stops",), *why]
        assert river.rows("SELECT DISTINCT action, reason FROM rescue") == [("stop", "hung")]


def test_the_next_attempt_goes_on_from_a_checkpoint(river_database: MakeRiver, tmp_path: Path) -> None:
    """Of a job that failed, then panicked, before a beat: River writes that after the checkpoint was saved."""
    river = river_database()
    with crew_at_work(river, tmp_path) as crew:
        crew.hire("rusty", "default", program=RUST)
        with river.connect() as connection:
            connection.execute("INSERT INTO river_job (kind, args, max_attempts) VALUES ('steps', '{}', 3)")
        until(lambda: river.rows(STEPS), "the job to end", PATIENCE)

        assert river.rows(STEPS) == [("completed", 3, "failed after the third step", "panicked after the sixth step")]
        assert river.rows("SELECT attempt, value, resumes FROM checkpoint ORDER BY 1") == [(1, "3", 1), (2, "6", 1)]


def test_leased_work_gives_its_claims_up(river_database: MakeRiver, tmp_path: Path) -> None:
    """Cut off from the database it stops; then there is a worker for the next attempts, and no rescue was false."""
    river = river_database()
    with crew_at_work(river, tmp_path) as crew, proxied(river.url) as proxy:
        rusty = crew.hire("rusty", "default", "-lease", "2.5s", program=RUST, url=proxy.url)
        river.insert(2, "-kinds", "steady", "-queues", "default")
        jobs = crew.jobs("steady", 2)
        proxy.drop()
        until(
            lambda: rusty.program.log.count("riverbeat: lease expired; the work is cancelled") == 2,
            "both leases to end",
        )
        crew.hire("gopher", "default")
        crew.wait_for_the_end(jobs)
        proxy.restore()

        until(lambda: river.rows(OUTCOMES, jobs=jobs) == [("abandoned",)] * 2, "the claims to be given up", PATIENCE)
        ends = [
            (state, attempt, workers, len(errors)) for state, attempt, workers, errors in river.rows(ENDS, jobs=jobs)
        ]
        assert ends == [("completed", 2, ["rusty", "gopher"], 1)] * 2
        assert crew.false_rescues() == 0


def test_no_late_result_reaches_the_next_attempt(river_database: MakeRiver, tmp_path: Path) -> None:
    """A thousand jobs end under lost claims, in each way that River for Rust knows; the next attempts run on."""
    river = river_database()
    riverkeeper(river, "schema", "install")
    river.rows("CREATE TABLE effect (job_id bigint)")
    gate = tmp_path / "gate"
    flags = ("-queues", "default", "-workers", str(LATE), "-beat", "table", "-interval", "1s")
    late = ("-gate", str(gate), "-abort-after", "3600s")
    with fleet_at_work(replace(river, program=RUST), tmp_path, "rusty", *flags, *late):
        river.insert(LATE, "-kinds", "hanging", "-queues", "default")
        until(lambda: len(river.rows(BEATING)) == LATE, "all to beat", PATIENCE)
        with fleet_at_work(river, tmp_path, "gopher", *flags):
            let_beat(river, "gopher")
            take_all_claims(river)
            until(lambda: river.rows(SECOND) == [(LATE,)], "the second attempts to run", PATIENCE)
            gate.touch()
            until(lambda: river.rows("SELECT count(*) FROM late_result") == [(LATE,)], "all late results", PATIENCE)

            assert river.rows(SECOND) == [(LATE,)]
            assert river.rows("SELECT count(DISTINCT outcome) > 3 FROM late_result") == [(True,)]
            assert river.rows("SELECT * FROM effect") == []


def take_all_claims(river: River) -> None:
    """Rescue every claim, however fresh, and let the jobs run again at once."""
    with psycopg.connect(river.url, row_factory=dict_row) as connection:
        connection.execute("SET search_path TO public, riverkeeper")
        for claim in connection.execute(BEATING).fetchall():
            assert rescue(connection, claim, timeout_seconds=-3600)
        connection.execute("UPDATE river_job SET scheduled_at = now()")


def test_the_plugin_alone_beats_before_the_first_job(river_database: MakeRiver, tmp_path: Path) -> None:
    """From the first fetch on, under a name of its own; the first job brings River's id."""
    river = river_database()
    riverkeeper(river, "schema", "install")
    flags = ("-queues", "default", "-beat", "table", "-interval", "1s", "-named", "false")
    with fleet_at_work(replace(river, program=RUST), tmp_path, "rusty", *flags):
        [(name,)] = until(lambda: river.rows(NAMED), "the process to beat")
        assert name.startswith("riverbeat-")
        river.insert(1, "-kinds", "short", "-queues", "default")
        until(lambda: river.rows(NAMED) == [("rusty",)], "River's id")
