"""What the scenarios play in: a database with River's table and a keeper schema, jobs to claim, and a rescuer."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row

from conformance.floor import Event
from conformance.proxy import Proxy, proxied
from conformance.rescue import rescue
from conformance.results import write_result
from conformance.worker import Worker
from fixtures.waiting import measured_delays, until
from riverkeeper.postgres.statements import source
from riverkeeper.schema.fence import install_fence, remove_fence

# All limits and faults of the scenarios are scaled by the same factor: from an interval of 10 s to one of 0.2 s.
INTERVAL = 0.2
LEASE = 2.5 * INTERVAL  # the shortest that the contract allows
SLACK_SECONDS = 1.0  # of two busy cores; more where they are busier
DELAYS = 5  # a client, its pipe, the server, the test and once more: each may run so late

CLAIM = """
INSERT INTO river_job (kind, state, attempt, attempted_at, attempted_by)
SELECT 'report', 'running', 1, clock_timestamp(), ARRAY['before', %s] FROM generate_series(1, %s)
RETURNING id AS job_id, attempt,
    to_char(attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS attempted_at
"""
CLAIM_AGAIN = """
UPDATE river_job SET state = 'running', attempt = attempt + 1, attempted_at = clock_timestamp()
WHERE id = %s
RETURNING id AS job_id, attempt,
    to_char(attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS attempted_at
"""
Launch = Callable[[str, str, str, str, float], AbstractContextManager[Worker]]


class World:
    """`url` is of the database itself, which holds both schemas and nothing else; a proxy may stand before it."""

    def __init__(self, url: str, launch: Launch, launch_program: Launch, stack: ExitStack) -> None:
        self.url = url
        self._launch = launch
        self._launch_program = launch_program
        self._stack = stack
        self._delay = stack.enter_context(measured_delays())
        self.sql = stack.enter_context(psycopg.connect(url, autocommit=True, row_factory=dict_row))

    def slack(self) -> float:
        """Seconds by which this machine may be late for a promise."""
        return SLACK_SECONDS + DELAYS * self._delay()

    def install_fence(self) -> None:
        install_fence(self.url, None, None)

    def remove_fence(self) -> None:
        remove_fence(self.url, None, None)

    def write(self, result: Event) -> Event:
        """River writes the result of a worker: the job's row after that."""
        write_result(self.sql, result)
        return self.job(result)

    def reports_fences(self) -> bool:
        """The state of the newest row of a client."""
        return bool(self.rows("SELECT fences FROM riverkeeper.client ORDER BY beat_at DESC LIMIT 1")[0]["fences"])

    def worker(
        self, url: str | None = None, *, client_id: str = "worker", river: str = "public", keeper: str = "riverkeeper",
        interval: float = INTERVAL,
    ) -> Worker:  # fmt: skip
        """A client that has started."""
        return self._stack.enter_context(self._launch(url or self.url, river, keeper, client_id, interval))

    def program(self) -> Worker:
        """A client in a process of its own."""
        launched = self._launch_program(self.url, "public", "riverkeeper", "worker", INTERVAL)
        return self._stack.enter_context(launched)

    def through_proxy(self, **options: Any) -> tuple[Worker, Proxy]:
        """A client that reaches the database through a proxy."""
        proxy = self._stack.enter_context(proxied(self.url))
        return self.worker(proxy.url, **options), proxy

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
        return until(lambda: self.row(claim), f"job {claim['job_id']} to beat")

    def beats_again(self, claim: Event) -> Event:
        """Wait for a beat that is newer than now."""
        now = self.rows("SELECT clock_timestamp() AS now")[0]["now"]
        return until(
            lambda: row if (row := self.row(claim)) and row["beat_at"] > now else None,
            f"job {claim['job_id']} to beat again",
        )

    def job(self, claim: Event) -> Event:
        return self.rows("SELECT * FROM river_job WHERE id = %s", [claim["job_id"]])[0]

    def as_role(self) -> str:
        """URL of a login with the rights of a worker, and no more."""
        self.role = f"worker_{uuid.uuid4().hex[:8]}"  # roles are the server's, and outlive the database
        self.sql.execute(f'CREATE ROLE "{self.role}" LOGIN')
        self.grant("GRANT SELECT (id, state, attempt, attempted_at, attempted_by) ON river_job TO")
        self.grant("GRANT SELECT ON riverkeeper.meta TO")
        self.grant("GRANT USAGE ON SCHEMA riverkeeper TO")
        self.grant("GRANT SELECT, INSERT, UPDATE ON riverkeeper.heartbeat, riverkeeper.client TO")
        return self.url.replace("//postgres@", f"//{self.role}@")

    def grant(self, words: str) -> None:
        """Give rights to the role, or take them."""
        self.sql.execute(f'{words} "{self.role}"')

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
def world(url: str, launch: Launch, launch_program: Launch) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(url, launch, launch_program, stack)
