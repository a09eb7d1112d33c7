"""One job and everybody who touches it, step by step against a real server, and what must hold after each step.

Time passes by moving every moment in the database into the past, so a step of minutes takes none; the model keeps the
true time beside it. Whoever meets a lock of an open rescue gives up at once, and then has done nothing.
"""

# ruff: noqa: S608  (statements put together of our own constants)

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

import psycopg

from conformance.floor import Event
from database.fence_scene import TOKEN
from database.heartbeat_sql import Connection, beat
from database.rescue_scene import KEEPER, Scene
from database.rescue_tables import Tables
from database.rescue_watch import RESTRAINTS, Watching
from database.rescue_work import SLACK, Known, Work
from riverkeeper.postgres.connection import Database
from riverkeeper.rescue.decision import Act, Locked
from riverkeeper.rescue.manual import look
from riverkeeper.rescue.refusal import Refused
from riverkeeper.rescue.request import Done
from riverkeeper.rescue.transaction import rescue
from riverkeeper.scrape.suspects import read_path
from riverkeeper.verdict.job import Claim
from riverkeeper.verdict.judge import judge
from riverkeeper.verdict.verdict import StuckJob
from riverkeeper.verdict.words import Reason

TIMEOUT, PROGRESS_TIMEOUT = 35.0, 60.0
RESULTS = {
    "completed": "state = 'completed', finalized_at = now()",
    "failed": "state = 'retryable', scheduled_at = now()",
    "snoozed": "state = 'available', scheduled_at = now(), attempt = attempt - 1",
    "cancelled": "state = 'cancelled', finalized_at = now()",
}
JOB = """
SELECT state::text, attempt, attempted_by, queue, kind, args, priority, max_attempts, coalesce(cardinality(errors), 0)
    AS errors, to_char(attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS attempted_at,
    (SELECT count(*) FROM unnest(errors) AS e (error) WHERE e.error ->> 'error' LIKE '%%Riverkeeper%%') AS ours,
    (SELECT count(*) FROM riverkeeper.rescue AS r WHERE NOT r.dry_run AND r.action <> 'stop') AS audited,
    (SELECT count(*) FROM riverkeeper.heartbeat AS h WHERE h.lost_at IS NOT NULL) AS lost,
    (SELECT count(*) FROM riverkeeper.late_result) AS late, metadata ? 'riverkeeper:claim' AS tokens
FROM river_job
"""
FETCH = """
UPDATE river_job SET state = 'running', attempt = attempt + 1, attempted_at = clock_timestamp(),
    attempted_by = attempted_by || 'worker'::text
WHERE state IN ('available', 'retryable', 'scheduled') AND scheduled_at <= now()
"""
KEPT = ("queue", "kind", "args", "priority", "max_attempts", "attempt", "attempted_by", "attempted_at")


@dataclass
class Past:
    """What has happened by the tables: of the server that answers, or of the standby behind it."""

    known: dict[int, Known] = field(default_factory=dict)  # by number of the attempt
    rescued: set[int] = field(default_factory=set)
    finished: bool = False


@dataclass
class Model:
    """The job's life so far. `scene.database` and `second` are two keepers' connections."""

    scene: Scene
    second: Database
    tables: Tables
    watching: Watching
    works: list[Work] = field(default_factory=list)
    open_for: float = 86_400.0  # for how long the way of a beat has truly been open
    past: Past = field(default_factory=Past)
    standby: Past = field(default_factory=Past)
    found: StuckJob | None = None
    found_by: float | None = None  # path_ok_since of the reading that found it
    ever: set[int] = field(default_factory=set)  # attempts that some server had as rescued
    opened: Opened | None = None
    late: int = 0  # results that were dropped while a newer attempt ran
    job_id: int = 0

    def begin(self) -> None:
        """A new job, waiting; a keeper has watched for a day."""
        self.tables.empty()
        self.job_id = self.scene.one("INSERT INTO river_job (kind) VALUES ('report') RETURNING id")["id"]
        self.watching.turn()
        self.sql.execute("UPDATE riverkeeper.control SET path_ok_since = path_ok_since - interval '1 day'")
        self.catch_up()

    @property
    def sql(self) -> Connection:
        return self.scene.sql

    def claim(self, work: Work) -> Event:
        return {"job_id": self.job_id, "attempt": work.attempt, "attempted_at": work.attempted_at}

    def job(self) -> Event:
        return self.scene.one(JOB)

    def somebody(self, statement: str) -> int:
        """Rows that somebody's statement changed; 0 where it met a lock and gave up."""
        try:
            return self.sql.execute(statement, {"job_id": self.job_id}).rowcount
        except psycopg.errors.LockNotAvailable:
            return 0

    def written(self, statement: str) -> bool | None:
        """Whether somebody's statement changed the row; None: it met a lock and gave up."""
        try:
            return bool(self.sql.execute(statement).rowcount)
        except psycopg.errors.LockNotAvailable:
            return None

    def pass_time(self, seconds: float) -> None:
        """A keeper takes its turns all the while; only the first after a break could make a difference."""
        if not self.open_for:
            self.watching.turn()
        self._move(seconds, proven=True)
        self._grow(seconds)

    def outage(self, seconds: float) -> None:
        """Nobody reaches the database for so long."""
        self._move(seconds, proven=False)
        self.watching.move(seconds, seconds)
        self._grow(seconds)
        self.open_for = 0.0

    def step_the_clock(self, seconds: float) -> None:
        """The database's clock is set, and nobody's else: its moments are older by that, or lie ahead."""
        self._move(seconds, proven=False)
        self.watching.move(seconds, 0.0)
        self.open_for = 0.0

    def catch_up(self) -> None:
        """The standby has replayed all that is committed."""
        self.tables.copy()
        known = {work.number: replace(work.known) for work in self.works if not work.forgotten}
        self.standby = Past(known, set(self.past.rescued), self.past.finished)

    def fail_over(self) -> None:
        """The server is gone, and what the standby had not replayed has never been; the workers live on."""
        self.tables.fail_over()
        for work in self.works:
            work.forgotten = work.number not in self.standby.known
            work.known = replace(self.standby.known.get(work.number, Known()))
        self.works.sort(key=lambda work: not work.forgotten)
        self.past = Past({}, set(self.standby.rescued), self.standby.finished)
        self.open_for = 0.0  # what was found on the old server may still be acted on

    def fetch(self) -> None:
        if self.somebody(FETCH):
            job = self.job()
            self.works.append(Work(len(self.works), job["attempt"], job["attempted_at"]))

    def beat(self, work: Work, *, early: bool = False) -> None:
        """The process beats: for its claim too while it works on it, unless that began only just now."""
        names = not work.over and (work.named or not early)
        claims = [self.claim(work)] if names else []
        work.named = work.named or names
        try:
            standing = beat(self.sql, claims, UUID(int=work.number + 1))
        except psycopg.errors.LockNotAvailable:
            return
        if "lost" in standing.values():
            work.lost = True
        elif standing:
            work.known.heard = 0.0

    def progress(self, work: Work) -> None:
        told = "UPDATE riverkeeper.heartbeat SET beat_at = now(), progress_at = now() WHERE lost_at IS NULL"
        named = f" AND attempted_at = '{work.attempted_at}'"
        if self.somebody(told + named):
            work.known.heard = work.known.told = 0.0

    def finish(self, work: Work, outcome: str) -> None:
        """The work returns. Its result goes its way, whether its worker knows that the claim is lost or not."""
        work.over, work.result = True, outcome

    def flush(self, work: Work, *, again: bool = False) -> None:
        """River's completer writes the result, by the job's id and `running` alone, however long that took.

        `again`: and tries once more later, as after an answer that never came.
        """
        assert work.result is not None
        before, token = self.job(), f'metadata = metadata || \'{{"{TOKEN}": "{work.attempted_at}"}}\''
        running = self.written(f"UPDATE river_job SET {RESULTS[work.result]}, {token} WHERE state = 'running'")
        if running is None:
            return  # a lock; it tries again
        if not running and self.written(f"UPDATE river_job SET {token} WHERE state <> 'running'") is None:
            return
        after = self.job()
        if before["state"] == "running":
            own = (before["attempt"], before["attempted_at"]) == (work.attempt, work.attempted_at)
            assert running == own, "a late result"
            assert after["late"] == before["late"] + (not own), "not recorded"
            self.late += not own
        if not running:
            assert {**after, "late": 0} == {**before, "late": 0}
        elif work.result == "completed":
            self.past.finished = True
        work.result = work.result if again else None

    def look(self) -> None:
        """A reading: what it finds may be acted on later."""
        job = self.job()
        self.found = None
        if job["state"] != "running":
            return
        claim = Claim(self.job_id, job["attempt"], job["attempted_at"])
        with self.scene.keeping(self.second) as tx:
            self.found_by = read_path(tx, RESTRAINTS.patience)
            held = look(tx, claim, KEEPER, 30.0)
        order = self.scene.order(path_ok_since=self.found_by)
        if isinstance(held, Locked):
            verdict = judge(held.job, order.policy, order.limits, held.now, order.path_ok_since)
            self.found = StuckJob(held.job, verdict) if verdict.reason.is_stuck else None

    def open(self, stuck: StuckJob, database: Database) -> Opened:
        return Opened(self, stuck, database)

    def _move(self, seconds: float, *, proven: bool) -> None:
        self.tables.move(seconds, proven=proven)
        for work in self.works:
            work.move(timedelta(seconds=seconds))
        self.found = None  # it names a claim by a moment that has moved

    def _grow(self, seconds: float) -> None:
        self.open_for += seconds
        for work in self.works:
            work.grow(seconds)
        for known in self.standby.known.values():
            known.grow(seconds)


class Opened:
    """A rescue whose transaction has not ended yet."""

    def __init__(self, model: Model, stuck: StuckJob, database: Database) -> None:
        self._model, self._stuck = model, stuck
        self._before, self.is_again = model.job(), False
        self._keeping = model.scene.keeping(database)
        brakes = model.watching.brakes(model.found_by)
        order = model.scene.order(path_ok_since=model.found_by, cooldown=0.0, brakes=brakes)
        self.outcome = rescue(self._keeping.__enter__(), stuck, order)
        claimed_at = stuck.job.claim.attempted_at
        self._work = next((one for one in model.works if one.attempted_at == claimed_at and not one.forgotten), None)
        if isinstance(self.outcome, Done):
            self._is_right(self.outcome)

    def commit(self) -> None:
        self._keeping.__exit__(None, None, None)
        after, past = self._model.job(), self._model.past
        if isinstance(self.outcome, Refused):
            return
        assert {name: after[name] for name in KEPT} == {name: self._before[name] for name in KEPT}
        if self.outcome.act is Act.STOP:
            assert after["state"] == "running"
            return
        assert self._work is not None
        assert self._work.number not in past.rescued, "rescued twice"
        past.rescued.add(self._work.number)
        self.is_again = self._work.number in self._model.ever
        self._model.ever.add(self._work.number)
        assert (after["state"], after["errors"]) == (self.outcome.state, self._before["errors"] + 1)

    def die(self) -> None:
        """The keeper is gone before its commit."""
        gone = RuntimeError("the keeper is gone")
        assert not self._keeping.__exit__(RuntimeError, gone, None)

    def _is_right(self, done: Done) -> None:
        """The claim ran, and had been silent for its limit while the way was open."""
        claim, work = self._stuck.job.claim, self._work
        running = (self._before["state"], self._before["attempt"], self._before["attempted_at"])
        assert running == ("running", claim.attempt, claim.attempted_at), "not the claim that was judged"
        assert work is not None
        known, limit = work.known, TIMEOUT if done.reason is not Reason.HUNG else PROGRESS_TIMEOUT
        open_for = self._model.open_for
        assert open_for > limit - SLACK, "the way was not proven"
        if done.reason is not Reason.HUNG:
            heard = work.born if known.heard is None else known.heard  # the claim itself was a sign of life
            assert heard > TIMEOUT - SLACK, "its beats were fresh"
        else:
            assert known.told is not None
            assert known.told > PROGRESS_TIMEOUT - SLACK
