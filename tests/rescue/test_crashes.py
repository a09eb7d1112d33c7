"""The replica dies, its connection is cut, the database refuses: a rescue is whole or was never there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from conformance.floor import Event
from fixtures.contenders import At, Dying
from fixtures.contract import connected
from fixtures.cut_connection import Cut, wire
from fixtures.rescue import SCHEMAS, UNIQUE, Scene, did_it_commit
from fixtures.waiting import until
from riverkeeper.postgres.connection import Database
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.rescue.request import Rescued
from riverkeeper.rescue.transaction import rescue_job
from riverkeeper.verdict.job import JobClaim
from riverkeeper.verdict.verdict import StuckJob

STATEMENTS = 8  # of a rescue: the actor's lock, beat, job, job read, mark, job, audit, commit
LONG = bool(os.environ.get("RIVERKEEPER_TEST_LONG"))
LOCKED_OUT = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON river_job FOR EACH ROW EXECUTE FUNCTION refuse()
"""


def never_was(scene: Scene, claim: Event) -> None:
    """Nothing of a rescue is there, and nothing keeps the next one from it."""
    until(lambda: _alone(scene), "the server to notice that the keeper is gone")
    assert scene.rescues(claim) == scene.ours(claim) == 0
    assert scene.job(claim)["state"] == "running"
    assert isinstance(scene.rescue(claim), Rescued)
    assert scene.rescues(claim) == scene.ours(claim) == 1


def _alone(scene: Scene) -> bool:
    """Whether nobody holds the leader's lock."""
    return scene.sql.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'").fetchone() is None


@pytest.mark.parametrize("make", [Scene.stale, Scene.never_beaten], ids=["beaten", "never beaten"])
def test_a_connection_ended_between_any_two_statements(scene: Scene, make: Callable[[Scene], Event]) -> None:
    """An administrator, a failover: whatever came before the commit is undone, and the next replica rescues."""

    def terminate() -> None:
        scene.sql.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'riverkeeper'"
        )

    for statement in range(STATEMENTS):
        claim = make(scene)
        stuck = scene.found(claim)
        with pytest.raises(DatabaseError):
            rescue_and_die(scene, stuck, statement, terminate)
        never_was(scene, claim)


def rescue_and_die(scene: Scene, stuck: StuckJob, statement: int, die: Callable[[], object]) -> None:
    with scene.keeping() as tx:
        dying = Dying(tx, statement, die)
        rescue_job(cast(Transaction, dying), stuck, scene.order())
        dying.query("commit")


@pytest.mark.parametrize("statement", range(STATEMENTS) if LONG else [STATEMENTS - 1])
def test_kill_9_between_any_two_statements(scene: Scene, statement: int) -> None:
    """The same with a real process."""
    claim = scene.stale()
    command = [sys.executable, "-m", "fixtures.rescue_victim", scene.url, str(claim["job_id"]), claim["attempted_at"]]
    ended = subprocess.run([*command, str(statement)], check=False, cwd=Path(__file__).parents[1], timeout=60)

    assert ended.returncode == -signal.SIGKILL
    never_was(scene, claim)


@pytest.mark.parametrize("cut", [Cut.BEFORE, Cut.AFTER])
def test_did_it_commit(scene: Scene, cut: Cut) -> None:
    """A connection cut at the commit: the audit knows what came of it, and a second rescue is never made."""
    claim = scene.stale()
    stuck = scene.found(claim)
    with wire(scene.url) as (proxy, url):
        proxy.cut = cut
        database = Database(url)
        with pytest.raises(DatabaseError) as error, scene.keeping(database) as tx:
            rescue_job(tx, stuck, scene.order())
        database.close()
        proxy.cut = Cut.NEVER
    named = JobClaim(claim["job_id"], claim["attempt"], claim["attempted_at"])
    answer = until(lambda: (did_it_commit(scene.database, SCHEMAS, named),) != (None,), "an answer")

    assert error.value.kind is ErrorKind.LOST
    assert answer
    committed = cut is Cut.AFTER
    assert did_it_commit(scene.database, SCHEMAS, named) is committed
    assert scene.rescues(claim) == scene.ours(claim) == committed
    assert isinstance(scene.rescue(claim, stuck), Skipped if committed else Rescued)
    assert scene.rescues(claim) == scene.ours(claim) == 1


def test_nobody_knows_while_the_old_transaction_lives(scene: Scene) -> None:
    """The server may still commit what a dead replica began: until it has ended, there is no answer."""
    claim = scene.stale()
    stuck = scene.found(claim)
    named = stuck.job.claim
    asking = Database(scene.url)
    with scene.keeping() as tx:
        rescue_job(tx, stuck, scene.order())
        assert did_it_commit(asking, SCHEMAS, named) is None
    assert did_it_commit(asking, SCHEMAS, named) is True
    asking.close()


@pytest.mark.parametrize(
    ("state", "refusal"),
    [("40001", Refusal.DATABASE), ("40P01", Refusal.DATABASE), ("XX000", Refusal.DATABASE), ("55P03", Refusal.LOCKED),
     ("23505", Refusal.UNIQUE), ("42501", Refusal.DATABASE)],
)  # fmt: skip
def test_an_error_refuses_and_leaves_nothing(scene: Scene, state: str, refusal: Refusal) -> None:
    """Serialization, deadlock, a trigger of the user's, a right that is missing: reported, and nothing is half done."""
    claim = scene.stale()
    scene.sql.execute(LOCKED_OUT.format(state=state))
    outcome = scene.rescue(claim)
    scene.sql.execute("DROP FUNCTION refuse CASCADE")

    assert isinstance(outcome, Skipped)
    assert outcome.refusal is refusal
    never_was(scene, claim)


@pytest.fixture
def impatient(scene: Scene) -> Iterator[Database]:
    """A replica whose server looks for deadlocks at once; usually a lock is given up before it would."""
    scene.sql.execute("ALTER DATABASE keeper SET deadlock_timeout = '10 ms'")
    database = Database(scene.url)
    yield database
    database.close()
    scene.sql.execute("ALTER DATABASE keeper RESET deadlock_timeout")


def test_a_deadlock_is_tried_once_more(scene: Scene, impatient: Database) -> None:
    """Somebody inserts a duplicate and then wants our row, while we wait for theirs: we give way, and come again."""
    scene.sql.execute(UNIQUE)
    claim = scene.stale()
    scene.sql.execute("UPDATE river_job SET unique_key = 'k', unique_states = '10110001'")
    stuck, tries = scene.found(claim), 0
    inserted, over = threading.Event(), threading.Event()

    def insert_then_lock() -> None:
        with connected(scene.url) as sql, sql.transaction(force_rollback=True):
            sql.execute("SET LOCAL deadlock_timeout = '1 min'")
            sql.execute("INSERT INTO river_job (kind, unique_key, unique_states) VALUES ('r', 'k', '10110001')")
            inserted.set()
            sql.execute("SELECT FROM river_job WHERE id = %s FOR UPDATE", [claim["job_id"]])
        over.set()

    def meet() -> None:
        threading.Thread(target=insert_then_lock).start()
        inserted.wait(10)
        until(lambda: _waits(scene), "the other to wait for the job's row")

    class Counting(At):
        def query(self, name: str, *values: object) -> object:
            nonlocal tries
            tries += name == "rescue/lock_beats"
            if name == "rescue/lock_beats" and tries == 2:
                over.wait(10)
            return super().query(name, *values)

    with scene.keeping(impatient) as tx:
        outcome = rescue_job(cast(Transaction, Counting(tx, "rescue/write_jobs", meet)), stuck, scene.order())

    assert isinstance(outcome, Rescued), outcome
    assert tries == 2
    assert scene.rescues(claim) == scene.ours(claim) == 1


def _waits(scene: Scene) -> bool:
    sql = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return scene.sql.execute(sql).fetchone() is not None
