"""Everybody else who may touch a job or a claim while a rescue is under way, and the moments at which they do."""

# ruff: noqa: S608  (statements put together of our own constants)

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from conformance.floor import Event
from conformance.worker import until
from database.heartbeat_sql import Connection, beat, connected, end
from riverkeeper.postgres.connection import Transaction

T = TypeVar("T")
# Where a rescue can be met. "commit" is after all its statements, before they count.
POINTS = (
    "rescue/try_actor_lock", "rescue/lock_beats", "rescue/place_tombstones", "rescue/lock_jobs", "rescue/read_jobs",
    "rescue/mark_lost",
    "rescue/write_jobs", "rescue/audit/write_audit", "commit",
)  # fmt: skip
# River's own statements look at the job's id and `running`, at nothing else.
RUNNING = " WHERE id = %(job_id)s AND state = 'running'"
COMPLETE = "UPDATE river_job SET state = 'completed', finalized_at = now()" + RUNNING
FAILED = """'{"at": "2026-01-01T00:00:00Z", "attempt": 1, "error": "no", "trace": ""}'"""
RESCUED = FAILED.replace("no", "Stuck job rescued by JobRescuer")
FAIL = "UPDATE river_job SET state = 'retryable', errors = array_append(errors, " + FAILED + ")" + RUNNING
SNOOZE = "UPDATE river_job SET state = 'scheduled', attempt = attempt - 1" + RUNNING
RIVERS_RESCUE = "UPDATE river_job SET state = 'retryable', errors = array_append(errors, " + RESCUED + ")" + RUNNING
JOB_CANCEL = (
    "UPDATE river_job SET metadata = metadata || jsonb_build_object('cancel_attempted_at', to_jsonb(now()))" + RUNNING
)
JOB_RETRY = """UPDATE river_job SET state = 'available', finalized_at = NULL, scheduled_at = now()
    WHERE id = %(job_id)s AND state <> 'running'"""
FETCH = """UPDATE river_job SET state = 'running', attempt = attempt + 1, attempted_at = clock_timestamp(),
    attempted_by = attempted_by || 'other'::text WHERE id = %(job_id)s AND state IN ('available', 'retryable')"""
# A trigger of the user's that lets nobody change one job.
REFUSES_ONE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON river_job FOR EACH ROW WHEN (old.id = {job_id}) EXECUTE FUNCTION refuse()
"""
DELETE = "DELETE FROM river_job WHERE id = %(job_id)s AND state = 'completed'"


def runs(*statements: str) -> Callable[[Connection, Event], int]:
    """These statements, one after the other; how many rows the first of them changed."""

    def work(sql: Connection, claim: Event) -> int:
        return [sql.execute(statement, claim).rowcount for statement in statements][0]  # noqa: RUF015

    return work


def beats(sql: Connection, claim: Event) -> int:
    return int(beat(sql, [claim])[claim["job_id"]] != "lost")


def ends(sql: Connection, claim: Event) -> int:
    end(sql, [claim])
    return 0


class Other:
    """Somebody at work on a connection of their own."""

    def __init__(self, sql: Connection, watching: Connection, pool: ThreadPoolExecutor) -> None:
        self._sql, self._watching, self._pool = sql, watching, pool
        self._work: Future[Any] | None = None

    def start(self, work: Callable[[Connection], object]) -> None:
        """Begin, and return when it is done, or waits for a lock of ours."""
        self._work = self._pool.submit(work, self._sql)
        until(lambda: self._done() or self._waits(), "the other session to be done, or to wait")

    def result(self) -> Any:
        """What came of it; None where it never began."""
        work, self._work = self._work, None
        return None if work is None else work.result(30)

    def _done(self) -> bool:
        return self._work is not None and self._work.done()

    def _waits(self) -> bool:
        sql = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
        return self._watching.execute(sql, [self._sql.info.backend_pid]).fetchone() is not None


@contextmanager
def other(url: str, watching: Connection) -> Iterator[Other]:
    with connected(url) as sql, ThreadPoolExecutor(1) as pool:
        yield Other(sql, watching, pool)


class At:
    """A transaction that lets something happen before a statement of this name is sent, once."""

    def __init__(self, tx: Transaction, name: str, act: Callable[[], object]) -> None:
        self._tx, self._name, self._act = tx, name, act
        self.met = threading.Event()

    def query(self, name: str, *values: Any) -> Any:
        self.at(name)
        return self._tx.query(name, *values)

    def queries(self, *asked: Any) -> Any:
        """One after the other, each met for itself: what is sent in one message has its moments between too."""
        return [self.query(name, values) for name, values in asked]

    def whole(self) -> AbstractContextManager[None]:
        return self._tx.whole()

    def at(self, name: str) -> None:
        if name == self._name and not self.met.is_set():
            self.met.set()
            self._act()


class Dying:
    """A transaction whose process, connection or server dies before statement number `left`."""

    def __init__(self, tx: Transaction, left: int, die: Callable[[], object]) -> None:
        self._tx, self._left, self._die = tx, left, die

    def query(self, name: str, *values: Any) -> Any:
        if self._left == 0:
            self._die()
        self._left -= 1
        return None if name == "commit" else self._tx.query(name, *values)

    def queries(self, *asked: Any) -> Any:
        return [self.query(name, values) for name, values in asked]

    def whole(self) -> AbstractContextManager[None]:
        return self._tx.whole()
