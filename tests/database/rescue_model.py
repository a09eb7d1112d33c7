"""One job and everybody who touches it, step by step against a real server, and what must hold after each step.

Time passes by moving every moment in the database into the past, so a step of minutes takes none. Whoever meets a lock
of an open rescue gives up at once, and then has done nothing.
"""

# ruff: noqa: S608  (statements put together of our own constants)

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import psycopg

from conformance.floor import Event
from database.heartbeat_sql import Connection, beat, settle
from database.rescue_scene import KEEPER, Scene
from riverkeeper.database import Database
from riverkeeper.rescue.act import rescue
from riverkeeper.rescue.by_hand import look
from riverkeeper.rescue.order import Done
from riverkeeper.rescue.plan import Act, Locked
from riverkeeper.rescue.refusal import Refused
from riverkeeper.verdict.job import Claim
from riverkeeper.verdict.judge import judge
from riverkeeper.verdict.verdict import StuckJob
from riverkeeper.verdict.words import Reason

TIMEOUT, SETTLE_GRACE, INTERVAL = 35.0, 120.0, 10.0
COMPLETER_SECONDS = 37.0  # as long as River's completer tries; then it has dropped the result
SLACK = 5.0  # seconds that the steps themselves may take
RESULTS = {
    "completed": "state = 'completed', finalized_at = now()",
    "failed": "state = 'retryable', scheduled_at = now()",
    "snoozed": "state = 'available', scheduled_at = now(), attempt = attempt - 1",
    "cancelled": "state = 'cancelled', finalized_at = now()",
}
LATER = (
    "UPDATE river_job SET attempted_at = attempted_at - %(by)s, scheduled_at = scheduled_at - %(by)s",
    """UPDATE riverkeeper.heartbeat SET attempted_at = attempted_at - %(by)s, beat_at = beat_at - %(by)s,
    progress_at = progress_at - %(by)s, settled_at = settled_at - %(by)s, ended_at = ended_at - %(by)s,
    stop_requested_at = stop_requested_at - %(by)s, lost_at = lost_at - %(by)s""",
    "UPDATE riverkeeper.client SET beat_at = beat_at - %(by)s, started_at = started_at - %(by)s",
    "UPDATE riverkeeper.rescue SET attempted_at = attempted_at - %(by)s, at = at - %(by)s",
)
JOB = """
SELECT state::text, attempt, attempted_by, queue, kind, args, priority, max_attempts, coalesce(cardinality(errors), 0)
    AS errors, to_char(attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS attempted_at,
    (SELECT count(*) FROM unnest(errors) AS e (error) WHERE e.error ->> 'error' LIKE '%%Riverkeeper%%') AS ours,
    (SELECT count(*) FROM riverkeeper.rescue AS r WHERE NOT r.dry_run AND r.action <> 'stop') AS audited,
    (SELECT count(*) FROM riverkeeper.heartbeat AS h WHERE h.lost_at IS NOT NULL) AS lost
FROM river_job
"""
FETCH = """
UPDATE river_job SET state = 'running', attempt = attempt + 1, attempted_at = clock_timestamp(),
    attempted_by = attempted_by || 'worker'::text
WHERE state IN ('available', 'retryable', 'scheduled') AND scheduled_at <= now()
"""
KEPT = ("queue", "kind", "args", "priority", "max_attempts", "attempt", "attempted_by", "attempted_at")


@dataclass
class Work:
    """One attempt, and the process that works it. Ages are seconds of the model's time; None: never."""

    number: int
    attempt: int
    attempted_at: str
    alive: bool = True
    cut_off: bool = False
    named: bool = False  # a beat that names the claim was sent
    lost: bool = False  # the worker knows
    over: bool = False  # the work has returned
    born: float = 0.0
    heard: float | None = None  # the last beat of the claim that was taken
    process: float | None = None  # the last beat of the process
    told: float | None = None  # the last progress
    settled: float | None = None
    result: str | None = None  # on its way through the completer
    let_out: float = 0.0

    def grow(self, seconds: float) -> None:
        for name in ("born", "heard", "process", "told", "settled", "let_out"):
            if (age := getattr(self, name)) is not None:
                setattr(self, name, age + seconds)
        if self.let_out > (COMPLETER_SECONDS if self.settled is not None else SLACK):
            self.result = None


@dataclass
class Model:
    """The job's life so far. `keeper` and `second` are two keepers' connections."""

    scene: Scene
    second: Database
    clock: Connection  # of the test itself: it moves time, and waits for locks (autovacuum takes some)
    works: list[Work] = field(default_factory=list)
    path: float = 86_400.0  # since when the way of a beat is proven
    finished: bool = False
    found: StuckJob | None = None
    rescued: set[tuple[int, str]] = field(default_factory=set)
    done: int = 0
    opened: Opened | None = None
    job_id: int = 0

    def begin(self) -> None:
        """A new job, waiting."""
        for table in ("riverkeeper.heartbeat", "riverkeeper.client", "riverkeeper.rescue", "river_job"):
            self.clock.execute(f"DELETE FROM {table}")
        self.job_id = self.scene.one("INSERT INTO river_job (kind) VALUES ('report') RETURNING id")["id"]

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

    def pass_time(self, seconds: float) -> None:
        for statement in LATER:
            self.clock.execute(statement, {"by": timedelta(seconds=seconds)})
        self.path += seconds
        shift = timedelta(seconds=seconds)
        for work in self.works:
            work.attempted_at = _earlier(work.attempted_at, shift)
            work.grow(seconds)
        self.rescued = {(attempt, _earlier(at, shift)) for attempt, at in self.rescued}
        self.found = None  # it names a claim by a moment that has moved

    def fetch(self) -> None:
        if self.somebody(FETCH):
            job = self.job()
            self.works.append(Work(len(self.works), job["attempt"], job["attempted_at"]))

    def beat(self, work: Work) -> None:
        """The process beats: for its claim too, while it works on it."""
        claims = [] if work.over else [self.claim(work)]
        work.named = work.named or not work.over
        try:
            standing = beat(self.sql, claims, UUID(int=work.number + 1))
        except psycopg.errors.LockNotAvailable:
            return
        work.process = 0.0
        if "lost" in standing.values():
            work.lost = True
        elif standing:
            work.heard = 0.0

    def progress(self, work: Work) -> None:
        told = "UPDATE riverkeeper.heartbeat SET beat_at = now(), progress_at = now() WHERE lost_at IS NULL"
        named = f" AND attempted_at = '{work.attempted_at}'"
        if self.somebody(told + named):
            work.heard = work.told = 0.0

    def finish(self, work: Work, outcome: str) -> None:
        """The work returns: what a fencing client then does (rule 6 of the contract)."""
        if not (work.lost or (not work.named and work.born <= INTERVAL and (work.process or 99) <= INTERVAL)):
            try:
                standing = settle(self.sql, self.claim(work))
            except psycopg.errors.LockNotAvailable:
                return  # it tries again
            work.named, work.lost = True, standing == "lost"
            work.settled = work.heard = None if work.lost else 0.0
        work.over = True
        work.result, work.let_out = None if work.lost else outcome, 0.0

    def flush(self, work: Work) -> None:
        """River's completer writes the result, by the job's id and `running` alone."""
        before = self.job()
        assert work.result is not None
        if not self.somebody(f"UPDATE river_job SET {RESULTS[work.result]} WHERE state = 'running'"):
            return
        assert (before["attempt"], before["attempted_at"]) == (work.attempt, work.attempted_at), "a zombie's result"
        self.finished = work.result == "completed"
        work.result = None

    def look(self) -> None:
        """A reading: what it finds may be acted on later."""
        job, order = self.job(), self.scene.order(path_ok_since=self.scene.now() - self.path, cooldown=0.0)
        self.found = None
        if job["state"] != "running":
            return
        claim = Claim(self.job_id, job["attempt"], job["attempted_at"])
        with self.scene.keeping(self.second) as tx:
            held = look(tx, claim, KEEPER, 30.0)
        if isinstance(held, Locked):
            verdict = judge(held.job, order.policy, order.limits, held.now, order.path_ok_since)
            self.found = StuckJob(held.job, verdict) if verdict.reason.is_stuck else None

    def open(self, stuck: StuckJob, database: Database) -> Opened:
        return Opened(self, stuck, database)


class Opened:
    """A rescue whose transaction has not ended yet."""

    def __init__(self, model: Model, stuck: StuckJob, database: Database) -> None:
        self._model, self._stuck = model, stuck
        self._before = model.job()
        self._keeping = model.scene.keeping(database)
        order = model.scene.order(path_ok_since=model.scene.now() - model.path, cooldown=0.0)
        self.outcome = rescue(self._keeping.__enter__(), stuck, order)
        self._work = next((one for one in model.works if one.attempted_at == stuck.job.claim.attempted_at), None)
        if isinstance(self.outcome, Done):
            self._is_right(self.outcome)

    def commit(self) -> None:
        self._keeping.__exit__(None, None, None)
        model, claim, after = self._model, self._stuck.job.claim, self._model.job()
        if isinstance(self.outcome, Refused):
            return
        model.done += 1
        assert {name: after[name] for name in KEPT} == {name: self._before[name] for name in KEPT}
        if self.outcome.act is Act.STOP:
            assert after["state"] == "running"
            return
        assert (claim.attempt, claim.attempted_at) not in model.rescued, "rescued twice"
        model.rescued.add((claim.attempt, claim.attempted_at))
        assert (after["state"], after["errors"]) == (self.outcome.state, self._before["errors"] + 1)

    def die(self) -> None:
        """The keeper is gone before its commit."""
        gone = RuntimeError("the keeper is gone")
        assert not self._keeping.__exit__(RuntimeError, gone, None)

    def _is_right(self, done: Done) -> None:
        """The claim ran, and had been silent for its limit while the way was open; nothing of it was settled."""
        claim, work = self._stuck.job.claim, self._work
        running = (self._before["state"], self._before["attempt"], self._before["attempted_at"])
        assert running == ("running", claim.attempt, claim.attempted_at), "not the claim that was judged"
        assert work is not None
        assert work.settled is None or work.settled > SETTLE_GRACE - SLACK, "a result was on its way"
        if done.reason is not Reason.HUNG:
            assert work.heard is None or work.heard > TIMEOUT - SLACK, "its beats were fresh"
            assert self._model.path > TIMEOUT - SLACK, "the way was not proven"
        else:
            assert work.told is not None
            assert work.told > 60.0 - SLACK


def _earlier(attempted_at: str, by: timedelta) -> str:
    at = datetime.fromisoformat(attempted_at) - by
    return f"{at.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
