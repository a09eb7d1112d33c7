"""The live rescuer where things are not as usual: River in a schema of its own, an old River, a pooler in between."""

from __future__ import annotations

from pathlib import Path

from e2e.conftest import MakeRiver
from e2e.lost_workers import LOST, assert_worked_once_more, crew_at_work
from e2e.pooler import pooled
from e2e.river import River

TWIN = """
INSERT INTO public.river_job (id, state, kind, args, max_attempts, attempt, attempted_at, attempted_by)
SELECT id, state::text::public.river_job_state, kind, args, max_attempts, attempt, attempted_at, attempted_by
FROM river_job WHERE id = %(job)s
"""
WAITS = "SELECT state_after, extract(epoch FROM scheduled_at - at) FROM rescue"
LOCKS = """
SELECT count(*) FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
WHERE l.locktype = 'advisory' AND d.datname = current_database()
"""


def test_in_a_schema_of_its_own(river_database: MakeRiver, tmp_path: Path) -> None:
    """The keeper schema of that River schema is used for everything; another River's twin of the job is not touched."""
    river = river_database("Other_Jobs")
    beside = River(river.url)
    beside.migrate()
    with crew_at_work(river, tmp_path) as lost_workers:
        first = lost_workers.hire("first", "default")
        river.insert(1, "-kinds", "steady", "-queues", "default")
        jobs = lost_workers.jobs("steady")
        river.rows(TWIN, job=jobs[0])
        first.program.kill()
        lost_workers.hire("second", "default")
        lost_workers.wait_for_the_end(jobs)

        assert_worked_once_more(lost_workers, jobs, by="second")
        assert beside.rows("SELECT id, state::text, attempt, errors FROM river_job") == [(jobs[0], "running", 1, None)]


def test_with_an_old_river(river_database: MakeRiver, tmp_path: Path) -> None:
    """River 0.31 lays out the tables, works, moves the job on and works it again; its client reads our error.

    It cannot keep late results in, so the job waits out `plain_fence`, as `retryable`: more than ten seconds.
    """
    river = river_database(program="fleet-0.31")
    with crew_at_work(river, tmp_path, plain_fence="11s") as lost_workers:
        first = lost_workers.hire("first", "default")
        river.insert(1, "-kinds", "steady", "-queues", "default")
        jobs = lost_workers.jobs("steady")
        first.program.kill()
        lost_workers.hire("second", "default")
        lost_workers.wait_for_rescues(jobs)
        [(state, wait)] = river.rows(WAITS)
        assert (state, round(wait)) == ("retryable", 11)
        lost_workers.wait_for_the_end(jobs)

        assert_worked_once_more(lost_workers, jobs, by="second")
        [job] = [job for job in river.listed() if job["kind"] == "steady"]
        [error] = job["errors"]
        assert (job["state"], job["attempt"], error["attempt"], error["trace"]) == ("completed", 2, 1, "")
        assert error["error"].startswith(LOST)
        assert river.rows("SELECT max(version) FROM river_migration") == [(6,)]


def test_two_replicas_behind_one_pooler(river_database: MakeRiver, tmp_path: Path) -> None:
    """Two replicas through PgBouncer: one acts; when it dies with a worker, the other does; no lock outlives them."""
    river = river_database()
    with pooled(river.url, tmp_path) as url, crew_at_work(river, tmp_path, url=url, replicas=2) as lost_workers:
        first, second = lost_workers.hire("first", "default"), lost_workers.hire("second", "mail")
        for queue in ("default", "mail"):
            river.insert(1, "-kinds", "steady", "-queues", queue)
        jobs = lost_workers.jobs("steady", 2)
        [actor] = lost_workers.acting()
        first.program.kill()
        lost_workers.hire("third", "default,mail")
        lost_workers.wait_for_rescues(jobs[:1])
        actor.program.kill()
        lost_workers.replicas.remove(actor)
        second.program.kill()
        lost_workers.wait_for_the_end(jobs)

        assert_worked_once_more(lost_workers, jobs, by="third")
        assert lost_workers.acting() == lost_workers.replicas
        assert river.rows("SELECT count(DISTINCT keeper) FROM rescue") == [(2,)]
        lost_workers.replicas[0].program.stop()
        assert river.rows(LOCKS) == [(0,)]  # the pooler keeps the connections that they used
