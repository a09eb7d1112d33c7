"""What the scenarios play in: a database with River's table and a keeper schema, jobs to claim, and a rescuer."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, TypeVar

import psycopg
from psycopg.rows import dict_row

from conformance.floor import Event
from conformance.proxy import Proxy, proxied
from conformance.rescue import rescue
from conformance.results import write_result
from conformance.worker import Worker
from fixtures.grants import grant
from fixtures.waiting import measured_delays, until
from riverkeeper.postgres.statements import source
from riverkeeper.schema.fence import install_fence, remove_fence

T = TypeVar("T")
SLACK_SECONDS = 1.0  # of two busy cores; more where they are busier
DELAYS = 5  # a client, its pipe, the server, the test and once more: each may run so late

# Never at a whole millisecond: a client that loses the microseconds must fail, and not in 999 of 1,000 runs.
NOW = """(SELECT CASE WHEN c = date_trunc('milliseconds', c) THEN c + interval '1 microsecond' ELSE c END
    FROM clock_timestamp() AS c)"""
CLAIM = f"""
INSERT INTO river_job (kind, state, attempt, attempted_at, attempted_by)
SELECT 'report', 'running', 1, {NOW}, ARRAY['before', %s] FROM generate_series(1, %s)
RETURNING id AS job_id, attempt,
    to_char(attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS attempted_at
"""  # noqa: S608 - our own text
CLAIM_AGAIN = f"""
UPDATE river_job SET state = 'running', attempt = attempt + 1, attempted_at = {NOW}
WHERE id = %s
RETURNING id AS job_id, attempt,
    to_char(attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS attempted_at
"""  # noqa: S608 - our own text
# URL, both schemas, client id, interval, and what the environment has beside the usual.
Launch = Callable[[str, str, str, str, float, Mapping[str, str]], AbstractContextManager[Worker]]


class Level(IntEnum):
    """A client's level; each includes those before it (clients/CONTRACT.md)."""

    PLAIN = 1
    PROGRESS = 2
    LEASING = 3
    FULL = 4


@dataclass(frozen=True, slots=True)
class ClientUnderTest:
    """How to start a client, in this process where that is quicker, and the level that it claims to have."""

    launch: Launch
    launch_program: Launch
    level: Level = Level.FULL
    lacks: frozenset[str] = frozenset()  # parts of its level that it does not have


class World:
    """`url` is of the database itself, which holds both schemas and nothing else; a proxy may stand before it.

    All times of a scenario are multiples of `interval`: 0.2 s stands for the 10 s of a real client.
    """

    def __init__(self, url: str, client: ClientUnderTest, interval: float, stack: ExitStack) -> None:
        self.url = url
        self.interval = interval
        self._client = client
        self._stack = stack
        self.delay = stack.enter_context(measured_delays())
        self.sql = stack.enter_context(psycopg.connect(url, autocommit=True, row_factory=dict_row))
        self.role = ""
        self._workers: list[Worker] = []

    @property
    def is_full(self) -> bool:
        return self._client.level >= Level.FULL

    @property
    def lease(self) -> float:
        """The shortest that the contract allows."""
        return 2.5 * self.interval

    @property
    def refused_lease(self) -> float | None:
        """Shorter than the refusals of a scenario; None below level leasing."""
        return 5 * self.interval if self._client.level >= Level.LEASING else None

    @property
    def refusals(self) -> int:
        """How many beats are refused: for longer than the lease, where there is one."""
        return 8 if self.refused_lease else 3

    def slack(self) -> float:
        """Seconds by which this machine may be late for a promise."""
        return SLACK_SECONDS + DELAYS * self.delay()

    def expect_token(self, result: Event, claim: Event) -> None:
        """The result carries the claim where the client is full, and else nothing."""
        assert result["token"] == (claim["attempted_at"] if self.is_full else None)

    def install_fence(self) -> None:
        install_fence(self.url, None, None)

    def remove_fence(self) -> None:
        remove_fence(self.url, None, None)

    def write(self, result: Event) -> Event:
        """River writes the result of a worker: the job's row after that."""
        write_result(self.sql, result)
        return self.job(result)

    def reports_fences(self) -> bool:
        """The value in the newest row of a client."""
        return bool(self.rows("SELECT fences FROM riverkeeper.client ORDER BY beat_at DESC LIMIT 1")[0]["fences"])

    def reports_fences_by_now(self) -> bool:
        """The same where there may be no row yet."""
        return bool(self.rows("SELECT FROM riverkeeper.client")) and self.reports_fences()

    def worker(
        self,
        url: str | None = None,
        *,
        client_id: str = "worker",
        river: str = "public",
        keeper: str = "riverkeeper",
        interval: float | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Worker:
        """A client that has started. `environment`: what its process finds there beside the usual."""
        launched = self._client.launch(
            url or self.url, river, keeper, client_id, interval or self.interval, environment or {}
        )
        return self._enter(launched)

    def program(self) -> Worker:
        """A client in a process of its own."""
        launched = self._client.launch_program(self.url, "public", "riverkeeper", "worker", self.interval, {})
        return self._enter(launched)

    def _enter(self, launched: AbstractContextManager[Worker]) -> Worker:
        self._workers.append(worker := self._stack.enter_context(launched))
        return worker

    def until(self, found: Callable[[], T | None], what: str, seconds: float | None = None) -> T:
        """Wait, for as long as every client of the scenario lives."""

        def found_or_failed() -> T | None:
            value = found()
            if not value:
                for worker in self._workers:
                    worker.expect_alive()
            return value

        return until(found_or_failed, what, seconds)

    def proxy(self, url: str | None = None) -> Proxy:
        return self._stack.enter_context(proxied(url or self.url))

    def through_proxy(self, *, url: str | None = None, interval: float | None = None) -> tuple[Worker, Proxy]:
        """A client that reaches the database through a proxy."""
        proxy = self.proxy(url)
        return self.worker(proxy.url, interval=interval), proxy

    def now(self) -> datetime:
        """The database's clock."""
        now = self.rows("SELECT clock_timestamp() AS now")[0]["now"]
        assert isinstance(now, datetime)
        return now

    def claims(self, count: int, client_id: str = "worker") -> list[Event]:
        """Jobs that a client has just claimed."""
        return list(self.sql.execute(CLAIM, (client_id, count)).fetchall())

    def claim(self, client_id: str = "worker") -> Event:
        return self.claims(1, client_id)[0]

    def claim_again(self, claim: Event) -> Event:
        """The next attempt of the job."""
        return self.rows(CLAIM_AGAIN, [claim["job_id"]])[0]

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Event]:
        return list(self.sql.execute(sql, values).fetchall())

    def row(self, claim: Event) -> Event | None:
        """The heartbeat row of a claim."""
        sql = "SELECT * FROM riverkeeper.heartbeat WHERE job_id = %s AND attempted_at = %s::timestamptz"
        return next(iter(self.rows(sql, [claim["job_id"], claim["attempted_at"]])), None)

    def beaten(self, claim: Event) -> Event:
        """Wait for the first beat of a claim."""
        return self.until(lambda: self.row(claim), f"job {claim['job_id']} to beat")

    def beats_again(self, claim: Event) -> Event:
        """Wait for a beat that is newer than now."""
        now = self.now()
        return self.until(
            lambda: row if (row := self.row(claim)) and row["beat_at"] > now else None,
            f"job {claim['job_id']} to beat again",
        )

    def progressed(self, claim: Event, since: datetime | None = None) -> Event:
        """Wait for a beat with progress that is newer than that of `since`."""
        return self.until(
            lambda: row if (row := self.row(claim)) and row["progress_at"] not in {None, since} else None,
            f"job {claim['job_id']} to report progress",
        )

    def ended(self, claim: Event) -> Event:
        """Wait until the outcome of a claim is reported."""
        return self.until(
            lambda: row if (row := self.row(claim)) and row["outcome"] else None,
            f"the end of job {claim['job_id']} to be reported",
        )

    def client_row(self) -> Event | None:
        """The newest row of a client."""
        return next(iter(self.rows("SELECT * FROM riverkeeper.client ORDER BY beat_at DESC LIMIT 1")), None)

    def checkpoint_row(self, claim: Event) -> Event | None:
        """What a claim has saved."""
        sql = """SELECT attempt, number, saved_at, value FROM riverkeeper.checkpoint
            WHERE job_id = %s AND attempted_at = %s::timestamptz"""
        return next(iter(self.rows(sql, [claim["job_id"], claim["attempted_at"]])), None)

    def checkpoint(self, claim: Event) -> Any:
        """The value; None where there is none."""
        row = self.checkpoint_row(claim)
        return None if row is None else json.loads(row["value"])

    def saved(self, claim: Event, value: object) -> Event:
        """Wait until a claim has saved a value: its row."""
        return self.until(
            lambda: row if (row := self.checkpoint_row(claim)) and json.loads(row["value"]) == value else None,
            f"job {claim['job_id']} to save its checkpoint",
        )

    def job(self, claim: Event) -> Event:
        return self.rows("SELECT * FROM river_job WHERE id = %s", [claim["job_id"]])[0]

    def complete(self, claim: Event) -> None:
        """The job completes itself in its own transaction."""
        self.sql.execute(
            "UPDATE river_job SET state = 'completed', finalized_at = now() WHERE id = %s", [claim["job_id"]]
        )

    def request_stop(self, claim: Event) -> None:
        self.sql.execute(
            "UPDATE riverkeeper.heartbeat SET stop_requested_at = now() WHERE job_id = %s", [claim["job_id"]]
        )

    def request_stack(self, claim: Event) -> None:
        self.sql.execute(
            "UPDATE riverkeeper.heartbeat SET stack_requested_at = clock_timestamp() WHERE job_id = %s",
            [claim["job_id"]],
        )

    def stack(self, claim: Event) -> Event | None:
        """What the client sent last for a claim."""
        sql = "SELECT * FROM riverkeeper.stack WHERE job_id = %s AND attempted_at = %s::timestamptz"
        return next(iter(self.rows(sql, [claim["job_id"], claim["attempted_at"]])), None)

    def sent_stack(self, claim: Event, since: datetime | None = None) -> Event:
        """Wait for a stack that is newer than that of `since`."""
        return until(
            lambda: row if (row := self.stack(claim)) and row["taken_at"] != since else None,
            f"the stack of job {claim['job_id']}",
        )

    def set_meta(self, column: str, value: object) -> None:
        self.sql.execute(f"UPDATE riverkeeper.meta SET {column} = %s", [value])  # noqa: S608 - a column of ours

    def set_database(self, setting: str) -> None:
        """For the connections that begin from now on."""
        self.sql.execute(f'ALTER DATABASE "{self.sql.info.dbname}" SET {setting}')

    def as_role(self) -> str:
        """URL of a login with the rights of a worker, and no more."""
        self.give_rights()
        self.role = f"worker_{uuid.uuid4().hex[:8]}"  # roles are the server's, and outlive the database
        self.sql.execute(f'CREATE ROLE "{self.role}" LOGIN IN ROLE riverkeeper_worker')
        return self.url.replace("//postgres@", f"//{self.role}@")

    def give_rights(self) -> None:
        """What `schema grants` prints."""
        grant(self.url)

    def other_river(self, schema: str) -> None:
        """A River in another schema of the database."""
        self.sql.execute(f"CREATE SCHEMA {schema}")
        self.sql.execute(source("demo/river_table").replace("river.", f"{schema}."))

    @contextmanager
    def locked(self, lock: str) -> Iterator[None]:
        """Another session holds a lock."""
        with psycopg.connect(self.url) as connection, connection.transaction():
            connection.execute(lock)
            yield

    def rescue(self, claim: Event) -> bool:
        """Take the claim away as a rescue does, however fresh it is: whether that was done."""
        with psycopg.connect(self.url) as connection:
            return rescue(connection, claim, timeout_seconds=-3600)


@contextmanager
def opened(url: str, client: ClientUnderTest, interval: float) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(url, client, interval, stack)
