"""A database with both schemas, claims whose workers are dead or alive, and a keeper that rescues them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC
from typing import Any
from uuid import UUID

from psycopg.sql import SQL, Identifier

from conformance.floor import Event
from database.heartbeat_sql import Connection, age, beat, claims_of, connected
from riverkeeper.brakes.state import Brake
from riverkeeper.postgres.connection import Database, Transaction
from riverkeeper.rescue.audit.records import acts_on
from riverkeeper.rescue.decision import Act, Locked
from riverkeeper.rescue.manual import look
from riverkeeper.rescue.refusal import Refused
from riverkeeper.rescue.request import Brakes, Braking, Done, Order
from riverkeeper.rescue.transaction import rescue
from riverkeeper.schema.install import install
from riverkeeper.verdict.job import Claim
from riverkeeper.verdict.judge import judge
from riverkeeper.verdict.limits import limits_of
from riverkeeper.verdict.tiers import Policy, Tier
from riverkeeper.verdict.verdict import StuckJob

SCHEMAS = {"river": "public", "keeper": "riverkeeper"}
SECONDS = 30.0
KEEPER = UUID(int=7)
TIER = Tier("standard", progress_timeout=60.0)
HOUR = 3600.0
# As River's own migration 6 makes it, in our words: a unique key counts in the states whose bit is set.
UNIQUE = """
CREATE FUNCTION river_job_state_in_bitmask(bitmask bit(8), state river_job_state) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT get_bit(bitmask, array_position(
        '{scheduled,running,retryable,pending,discarded,completed,cancelled,available}'::text[], state::text
    ) - 1) = 1
$$;
CREATE UNIQUE INDEX river_job_unique_idx ON river_job (unique_key)
WHERE unique_key IS NOT NULL AND unique_states IS NOT NULL AND river_job_state_in_bitmask(unique_states, state)
"""


def open_brakes(_: Transaction) -> Braking:
    """Nothing holds."""
    return lambda _: None


def held_by(brake: Brake, sentence: str = "because", room: int = 0) -> Brakes:
    """This brake holds after so many acts."""
    return lambda _: lambda acts: (brake, sentence) if acts >= room else None


class Scene:
    """`sql` is everybody else: workers, River, people. `database` is the keeper's."""

    def __init__(self, url: str, sql: Connection, database: Database) -> None:
        self.url, self.sql, self.database = url, sql, database
        self.tier = TIER
        self.dry_run = False

    def lead(self) -> None:
        """A River client leads, so that `retryable` is what a rescue writes."""
        self.sql.execute(
            "INSERT INTO river_leader VALUES ('default', 'leader', now(), now() + interval '1 hour')"
            " ON CONFLICT (name) DO UPDATE SET expires_at = excluded.expires_at"
        )

    def claim(self, **columns: object) -> Event:
        """A job that a client has just claimed, with these columns."""
        [claim] = claims_of(self.sql, 1)
        self.change(claim, **columns)
        return claim

    def stale(self, **columns: object) -> Event:
        """A claim whose worker beat until an hour ago; nobody claims a job after its death."""
        claim = self.earlier(self.claim(**columns))
        beat(self.sql, [claim])
        age(self.sql)
        self.sql.execute("UPDATE riverkeeper.client SET beat_at = beat_at - interval '1 hour'")
        return claim

    def never_beaten(self, **columns: object) -> Event:
        """A claim without a row, whose process has been silent for an hour."""
        claim = self.claim(**columns)
        beat(self.sql, [])
        self.sql.execute("UPDATE riverkeeper.client SET beat_at = now() - interval '1 hour'")
        return self.earlier(claim)

    def earlier(self, claim: Event) -> Event:
        """The claim, made an hour earlier."""
        sql = "UPDATE river_job SET attempted_at = attempted_at - interval '1 hour' WHERE id = %s"
        self.sql.execute(sql, [claim["job_id"]])
        return claim | {"attempted_at": self.text_of(claim)}

    def text_of(self, claim: Event) -> str:
        """attempted_at of the job, as a claim names it."""
        at = self.job(claim)["attempted_at"].astimezone(UTC).replace(tzinfo=None)
        return f"{at.isoformat(timespec='microseconds')}Z"

    def change(self, claim: Event, **columns: object) -> None:
        for column, value in columns.items():
            told = json.dumps(value) if column == "metadata" else value
            change = SQL("UPDATE river_job SET {} = %s WHERE id = %s").format(Identifier(column))
            self.sql.execute(change, [told, claim["job_id"]])

    def hung(self, **columns: object) -> Event:
        """A claim that beats, and whose progress is an hour old."""
        claim = self.claim(**columns)
        beat(self.sql, [claim])
        self.sql.execute("UPDATE riverkeeper.heartbeat SET progress_at = now() - interval '1 hour'")
        return claim

    def policy(self) -> Policy:
        return Policy({"standard": self.tier})

    def order(self, **changes: Any) -> Order:
        limits = limits_of(self.policy(), self.tier, "report")
        order = Order(
            self.tier,
            limits,
            self.policy(),
            KEEPER,
            "supervisor",
            self.now() - 24 * HOUR,
            open_brakes,
            dry_run=self.dry_run,
        )
        return replace(order, **changes)

    def now(self) -> float:
        row = self.sql.execute("SELECT extract(epoch FROM clock_timestamp())::float8 AS now").fetchone()
        assert row
        return float(row["now"])

    @contextmanager
    def keeping(self, database: Database | None = None) -> Iterator[Transaction]:
        """A writing transaction of a keeper."""
        with (database or self.database).writing(SECONDS, SCHEMAS) as tx:
            yield tx

    def found(self, claim: Event, **changes: Any) -> StuckJob:
        """The job and its verdict, as a reading finds them."""
        order = self.order(**changes)
        with self.keeping() as tx:
            held = look(tx, Claim(claim["job_id"], claim["attempt"], claim["attempted_at"]), KEEPER, 30.0)
        assert isinstance(held, Locked), held
        return StuckJob(held.job, judge(held.job, order.policy, order.limits, held.now, order.path_ok_since))

    def rescue(self, claim: Event, found: StuckJob | None = None, **changes: Any) -> Done | Refused:
        stuck = found or self.found(claim, **changes)
        with self.keeping() as tx:
            return rescue(tx, stuck, self.order(**changes))

    def job(self, claim: Event) -> Event:
        return self.one("SELECT * FROM river_job WHERE id = %s", claim["job_id"])

    def row(self, claim: Event) -> Event | None:
        """The heartbeat row."""
        sql = "SELECT * FROM riverkeeper.heartbeat WHERE job_id = %s AND attempted_at = %s::timestamptz"
        return self.sql.execute(sql, [claim["job_id"], claim["attempted_at"]]).fetchone()

    def audit(self) -> list[Event]:
        return list(self.sql.execute("SELECT * FROM riverkeeper.rescue ORDER BY id").fetchall())

    def rescues(self, claim: Event) -> int:
        """How often the claim was rescued, by the audit; which agrees with the mark on its heartbeat row."""
        audited = [row for row in self.audit() if row["job_id"] == claim["job_id"]]
        row = self.row(claim)
        assert bool(audited) == (row is not None and row["lost_at"] is not None)
        return len(audited)

    def ours(self, claim: Event) -> int:
        """Errors that rescues of ours left on the job; none where it is gone."""
        job = self.sql.execute("SELECT errors FROM river_job WHERE id = %s", [claim["job_id"]]).fetchone()
        errors = (job and job["errors"]) or []
        return len([error for error in errors if "Riverkeeper" in error["error"]])

    def one(self, sql: str, *values: object) -> Event:
        [row] = self.sql.execute(sql, values).fetchall()
        return dict(row)


def did_it_commit(database: Database, schemas: Mapping[str, str], claim: Claim) -> bool | None:
    """Whether the audit has a rescue of this claim; None while nobody can know."""
    acts = acts_on(database, schemas, claim)
    return None if acts is None else any(act.action != Act.STOP for act in acts)


@contextmanager
def staged(url: str) -> Iterator[Scene]:
    install(url, None, None)
    with ExitStack() as stack:
        sql = stack.enter_context(connected(url))
        database = Database(url)
        stack.callback(database.close)
        yield Scene(url, sql, database)
