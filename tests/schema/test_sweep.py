"""Riverkeeper's sweep: what nobody needs any more goes, in batches; what a rescue may need stays, however old."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from conformance.rescue import rescue
from conformance.world import CLAIM_AGAIN
from fixtures.contract import Connection, age, beat, claims_of, connected, end, save
from fixtures.scrape import SECONDS, errors, page_of, reader
from riverkeeper.postgres.connection import Database
from riverkeeper.postgres.statements import statement
from riverkeeper.schema import sweep as heartbeat_sweep
from riverkeeper.schema.schemas import find_schemas, inspect_keeper
from riverkeeper.schema.sweep import Sweeper

SCHEMAS = {"river": "public", "keeper": "riverkeeper"}
FINISH = "UPDATE river_job SET state = 'completed', finalized_at = now() WHERE id = ANY (%s)"


@pytest.fixture
def river_url(installed_url: str) -> str:
    """An empty River with a keeper schema."""
    return installed_url


@pytest.fixture
def sql(river_url: str) -> Iterator[Connection]:
    with connected(river_url) as connection:
        yield connection


@pytest.fixture
def database(river_url: str) -> Iterator[Database]:
    found = Database(river_url)
    yield found
    found.close()


def sweep(database: Database, sweeper: Sweeper | None = None) -> Sweeper:
    """One sweep, which must go well."""
    sweeper = sweeper or Sweeper()
    with database.reading(SECONDS, SCHEMAS) as tx:
        keeper = inspect_keeper(tx, find_schemas(tx, "public", "riverkeeper"))
    assert sweeper.is_due(keeper)
    sweeper.sweep(keeper, lambda: database.writing(SECONDS, SCHEMAS))
    return sweeper


def jobs(sql: Connection) -> set[int]:
    """Jobs that have a heartbeat."""
    return {row["job_id"] for row in sql.execute("SELECT job_id FROM riverkeeper.heartbeat")}


def beaten(sql: Connection, count: int, *, finished: bool) -> list[dict[str, Any]]:
    """Claims whose last beat is an hour old."""
    claims = claims_of(sql, count)
    beat(sql, claims)
    if finished:
        sql.execute(FINISH, [[claim["job_id"] for claim in claims]])
    age(sql)
    return claims


def test_a_claim_that_is_over_is_swept_after_ten_minutes(sql: Connection, database: Database) -> None:
    """Counted from the latest word about it: a beat, an end, a loss."""
    over = beaten(sql, 3, finished=True)
    end(sql, over[:1])
    sql.execute("UPDATE riverkeeper.heartbeat SET lost_at = now() WHERE job_id = %s", [over[1]["job_id"]])
    sweep(database)
    assert jobs(sql) == {claim["job_id"] for claim in over[:2]}

    sql.execute(
        "UPDATE riverkeeper.heartbeat SET lost_at = lost_at - old, ended_at = ended_at - old"
        " FROM (SELECT interval '11 min' AS old) AS by"
    )
    sweep(database)
    assert jobs(sql) == set()


def test_a_job_that_runs_under_the_claim_keeps_its_row(sql: Connection, database: Database) -> None:
    """However stale, and lost too: a rescue locks this row, and a late worker reads it."""
    claims = beaten(sql, 2, finished=False)
    sql.execute("UPDATE riverkeeper.heartbeat SET lost_at = beat_at WHERE job_id = %s", [claims[0]["job_id"]])
    sweep(database)

    assert jobs(sql) == {claim["job_id"] for claim in claims}


def test_a_job_that_runs_under_another_claim_does_not(sql: Connection, database: Database) -> None:
    """The next attempt has a row of its own."""
    (claim,) = beaten(sql, 1, finished=False)
    sql.execute("UPDATE river_job SET attempt = attempt + 1, attempted_at = now() WHERE id = %s", [claim["job_id"]])
    sweep(database)

    assert jobs(sql) == set()


def test_a_stack_goes_with_its_heartbeat_or_with_the_audit(sql: Connection, database: Database) -> None:
    """An operator who reads of a rescue a week later still finds where the job hung."""
    claims = beaten(sql, 5, finished=True)
    sql.execute(
        "INSERT INTO riverkeeper.stack SELECT job_id, attempted_at, now(), 'f\tf.py:1' FROM riverkeeper.heartbeat"
    )
    for claim, dry_run, action in zip(claims, (True, False, False), ("stop", "stop", "retry"), strict=False):
        sql.execute(AUDITED, [dry_run, claim["job_id"], claim["attempted_at"], action])
    sweep(database)
    assert jobs(sql) == set()
    assert stacks(sql) == [claim["job_id"] for claim in claims[:3]]

    with database.writing(SECONDS, SCHEMAS) as tx:
        tx.query("rescue/audit/prune_audit", {"retention": 3600.0})
    assert stacks(sql) == [claim["job_id"] for claim in claims[:3]]
    with database.writing(SECONDS, SCHEMAS) as tx:
        tx.query("rescue/audit/prune_audit", {"retention": -1.0})
    assert stacks(sql) == []


def stacks(sql: Connection) -> list[int]:
    """Jobs that have a stack."""
    return [row["job_id"] for row in sql.execute("SELECT job_id FROM riverkeeper.stack ORDER BY job_id")]


AUDITED = """
INSERT INTO riverkeeper.rescue (
    dry_run, job_id, attempted_at, attempt, queue, kind, priority, tier, reason, action, evidence, woken_by, keeper
) VALUES (%s, %s, %s::timestamptz, 1, 'q', 'k', 1, 'standard', 'hung', %s, '{}', 'supervisor', gen_random_uuid())
"""


def test_a_row_that_another_holds_is_left(sql: Connection, database: Database, river_url: str) -> None:
    """A beat, an end or a rescue under way is not waited for."""
    claims = beaten(sql, 2, finished=True)
    with connected(river_url) as other, other.transaction():
        other.execute("SELECT FROM riverkeeper.heartbeat WHERE job_id = %s FOR UPDATE", [claims[0]["job_id"]])
        sweep(database)
        assert jobs(sql) == {claims[0]["job_id"]}
    sweep(database)
    assert jobs(sql) == set()


def test_a_rescued_claim_is_still_lost_to_its_worker(sql: Connection, database: Database) -> None:
    """Within ten minutes by its mark; after the sweep because the job no longer runs under it."""
    (claim,) = beaten(sql, 1, finished=False)
    assert rescue(sql, claim, 60.0)
    sweep(database)
    assert jobs(sql) == {claim["job_id"]}
    assert beat(sql, [claim]) == {claim["job_id"]: "lost"}

    sql.execute("UPDATE riverkeeper.heartbeat SET lost_at = lost_at - interval '11 min'")
    sweep(database)
    assert jobs(sql) == set()
    assert beat(sql, [claim]) == {claim["job_id"]: "lost"}
    assert jobs(sql) == set()


def test_a_batch_is_bounded(sql: Connection, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lowest ids first; after a full batch the next sweep is due at once, else in a minute."""
    monkeypatch.setattr(heartbeat_sweep, "SWEEP_ROWS", 2)
    claims = beaten(sql, 3, finished=True)
    sweeper = sweep(database)
    assert jobs(sql) == {max(claim["job_id"] for claim in claims)}

    sweep(database, sweeper)
    assert jobs(sql) == set()
    with database.reading(SECONDS, SCHEMAS) as tx:
        assert not sweeper.is_due(inspect_keeper(tx, find_schemas(tx, "public", "riverkeeper")))


def test_clients_stale_for_an_hour(sql: Connection, database: Database) -> None:
    """All but those whose name stands on a running job: their silence is all that is known of it."""
    sql.execute(
        """INSERT INTO riverkeeper.client (instance, client_id, beat_at, beat_interval, fences, software, started_at)
        SELECT gen_random_uuid(), c, now() - m * interval '1 minute', '10 s', true, 'riverbeat-go/test', now()
        FROM (VALUES ('fresh', 59), ('silent', 61), ('worker', 61)) AS v (c, m)"""
    )
    held = claims_of(sql, 1)
    sweep(database)
    assert clients(sql) == {"fresh", "worker"}

    sql.execute(FINISH, [[claim["job_id"] for claim in held]])
    sweep(database)
    assert clients(sql) == {"fresh"}


def clients(sql: Connection) -> set[str]:
    return {row["client_id"] for row in sql.execute("SELECT client_id FROM riverkeeper.client")}


def test_one_replica_sweeps(sql: Connection, database: Database, river_url: str) -> None:
    """While another is at it there is nothing to do, and that is no failure."""
    beaten(sql, 1, finished=True)
    (table,) = sql.execute("SELECT 'riverkeeper.heartbeat'::regclass::oid::bigint AS oid").fetchall()
    with connected(river_url) as other, other.transaction():
        text = statement("schema/lock_sweep")
        assert other.execute(text, {"heartbeat": table["oid"]}).fetchall() == [{"held": True}]
        sweep(database)
        assert len(jobs(sql)) == 1
    sweep(database)
    assert jobs(sql) == set()


def test_old_rows_are_looked_up_by_id(sql: Connection) -> None:
    """A sweep of many rows beside many jobs never reads River's table."""
    sql.execute(FINISH, [[claim["job_id"] for claim in claims_of(sql, 10_000)]])
    sql.execute(
        """INSERT INTO riverkeeper.heartbeat (job_id, attempted_at, attempt, instance, beat_interval, beat_at)
        SELECT id, attempted_at, attempt, gen_random_uuid(), '10 s', now() - interval '1 hour'
        FROM river_job LIMIT 3000"""
    )
    sql.execute("VACUUM ANALYZE")
    with sql.transaction():
        sql.execute(statement("river/open_transaction"))
        text = "EXPLAIN (ANALYZE) " + statement("schema/sweep_heartbeats", **SCHEMAS)
        plan = "\n".join(row["QUERY PLAN"] for row in sql.execute(text, {"most": 2000}))

    assert "Index Scan using river_job_pkey" in plan
    assert "Seq Scan on river_job" not in plan


def test_a_reading_sweeps(sql: Connection, river_url: str) -> None:
    """Once a minute at the most, reported as a query of its own, which stays on the page in between."""
    beaten(sql, 1, finished=True)
    with reader(river_url) as exporter:
        first = exporter.read(SECONDS)
        assert jobs(sql) == set()
        beaten(sql, 1, finished=True)
        second = exporter.read(SECONDS)

    assert len(jobs(sql)) == 1
    for snapshot in (first, second):
        assert snapshot.error is None
        assert page_of(snapshot).value("riverkeeper_query_success", query="sweep") == 1


@pytest.mark.parametrize("right", ["DELETE ON riverkeeper.client", "DELETE ON riverkeeper.heartbeat"])
def test_who_may_not_delete_does_not_try(sql: Connection, river_url: str, right: str) -> None:
    """No question, no failure: another replica's login may."""
    beaten(sql, 1, finished=True)
    sql.execute("DROP ROLE IF EXISTS looks; CREATE ROLE looks LOGIN; GRANT pg_read_all_data TO looks")
    sql.execute("GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA riverkeeper TO looks")
    sql.execute(f"REVOKE {right} FROM looks")
    with reader(river_url.replace("postgres@", "looks@")) as exporter:
        snapshot = exporter.read(SECONDS)

    assert errors(snapshot) == {}
    assert page_of(snapshot).value("riverkeeper_query_success", query="sweep") is None
    assert len(jobs(sql)) == 1


OLD = "UPDATE riverkeeper.checkpoint SET saved_at = saved_at - interval '11 min'"


def saved(sql: Connection) -> list[tuple[int, int]]:
    """Job and generation of each checkpoint."""
    rows = sql.execute("SELECT job_id, generation FROM riverkeeper.checkpoint ORDER BY job_id, generation")
    return [(row["job_id"], row["generation"]) for row in rows]


def test_checkpoints_stay_as_long_as_the_job_may_resume(sql: Connection, database: Database) -> None:
    """Not of a completed job, and not of one that is gone; but of one that an operator may retry."""
    claims = claims_of(sql, 5)
    beat(sql, claims)
    save(sql, claims)
    waiting, discarded, completed, gone, fresh = (claim["job_id"] for claim in claims)
    sql.execute("UPDATE river_job SET state = 'retryable' WHERE id = %s", [waiting])
    sql.execute("UPDATE river_job SET state = 'discarded', finalized_at = now() WHERE id = %s", [discarded])
    sql.execute("DELETE FROM river_job WHERE id = %s", [gone])
    sql.execute(FINISH, [[completed, fresh]])
    sql.execute(f"{OLD} WHERE job_id <> %s", [fresh])
    sweep(database)

    assert saved(sql) == [(waiting, 1), (discarded, 1), (fresh, 1)]


def test_a_checkpoint_waits_until_it_is_counted_that_an_attempt_resumed_from_it(
    sql: Connection, database: Database
) -> None:
    """For an hour at most: without a ledger that can be written nobody would count it."""
    counted, waits, forgotten = claims_of(sql, 3)
    beat(sql, [counted, waits, forgotten])
    save(sql, [counted, waits, forgotten])
    sql.execute(FINISH, [[claim["job_id"] for claim in (counted, waits, forgotten)]])
    sql.execute(OLD)
    sql.execute("UPDATE riverkeeper.checkpoint SET resumes = 1, resumed_at = now() - interval '50 min'")
    sql.execute("UPDATE riverkeeper.checkpoint SET resumes_counted = 1 WHERE job_id = %s", [counted["job_id"]])
    sql.execute(
        "UPDATE riverkeeper.checkpoint SET resumed_at = now() - interval '61 min' WHERE job_id = %s",
        [forgotten["job_id"]],
    )
    sweep(database)

    assert saved(sql) == [(waits["job_id"], 1)]


def test_an_earlier_claim_s_checkpoint_goes_after_its_heartbeat(sql: Connection, database: Database) -> None:
    """The work that it lost is counted by both."""
    (first,) = claims_of(sql, 1)
    beat(sql, [first])
    save(sql, [first])
    second = dict(sql.execute(CLAIM_AGAIN, [first["job_id"]]).fetchone() or {})
    beat(sql, [second])
    save(sql, [second])
    sql.execute(OLD)
    sweep(database)
    assert saved(sql) == [(first["job_id"], 1), (first["job_id"], 2)]

    age(sql)
    sweep(database)
    assert saved(sql) == [(first["job_id"], 2)]
