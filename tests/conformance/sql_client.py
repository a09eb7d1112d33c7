"""The contract taken literally: its statements and rules with nothing added, to show that SQL is enough."""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg

from conformance.floor import Event, run
from riverkeeper.postgres.connection import Session
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.statements import statement
from riverkeeper.postgres.transaction import Row

CLOCK = time.CLOCK_BOOTTIME
SCHEMA_IS_GONE = ("42P01", "3F000")
REFUSALS = (*SCHEMA_IS_GONE, "42703", "42704", "42883", "42501", "28000", "28P01", "3D000", "25006")
REFUSED_CONNECTS = {ErrorKind.REFUSED_LOGIN, ErrorKind.NO_DATABASE, ErrorKind.WRONG_KEEPER, ErrorKind.TOO_NEW}
FENCE_SECONDS = 10.0
FIRST_ANSWER_SECONDS = 1.0
ASK_AGAIN_SECONDS = 50.0
NOTE_BYTES = 1024
CHECKPOINT_BYTES = 8192
CHECKPOINT_VERSION = 8
POD = ("pod_namespace", "pod_name", "pod_uid")


@dataclass(eq=False)
class Work:
    claim: Event
    interval: float
    lease: float | None
    on_stop: Callable[[str], None]
    sent_at: float = field(default_factory=lambda: time.clock_gettime(CLOCK))  # of the last beat that succeeded
    named: bool = False
    lost: bool = False
    cause: str | None = None
    reported: tuple[float | None, str | None] = (None, None)
    reports: int = 0
    checkpoint: str | None = None  # the newest
    checkpoints: int = 0
    saved: str | None = None  # None: not known
    was_saved: threading.Event = field(default_factory=threading.Event)
    acknowledged: int = 0
    returned: threading.Event = field(default_factory=threading.Event)

    @property
    def key(self) -> tuple[int, str]:
        return self.claim["job_id"], self.claim["attempted_at"]

    def stop(self, cause: str) -> None:
        self.lost = self.lost or cause == "claim_lost"
        if self.cause is None:
            self.cause = cause
            self.on_stop(cause)


class SqlClient:
    stacks = True

    def __init__(self, url: str, river_schema: str, keeper_schema: str, client_id: str, interval: float) -> None:
        self.url, self.client_id, self.interval = url, client_id, interval
        self.schemas = {"river": river_schema or "public", "keeper": keeper_schema}
        self.instance, self.started_at = uuid.uuid4(), datetime.now(UTC).isoformat()
        self.works: list[Work] = []  # at work, and not known to be finished or lost
        self.ended: dict[tuple[int, str], str] = {}
        self.beats = self.failures = 0
        self.has_checkpoints, self.pod, self.pod_is_due = False, read_pod(), True
        self.fence: bool | None = None  # what meta.sql answered last; None until it has answered
        self.asked_at, self.answered = float("-inf"), threading.Event()
        self.lock, self.closing, self.wake = threading.RLock(), threading.Event(), threading.Event()
        self.at_once = threading.Event()
        self.at_work: set[Work] = set()
        self.session: Session | None = None
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self._beat, self._watch)]
        for thread in self.threads:
            thread.start()

    def begin(self, claim: Event, interval: float, lease: float | None, on_stop: Callable[[str], None]) -> Work:
        if lease is not None and lease < 2.5 * interval:
            raise ValueError("a lease is at least 2.5 intervals")
        with self.lock:
            earlier = [work for work in self.at_work if work.claim["job_id"] == claim["job_id"]]
            self.works.append(work := Work(claim, interval, lease, on_stop))
            self.at_work.add(work)
        self.wake.set()  # it may be more urgent than the pause that has begun
        for other in earlier:
            other.stop("claim_lost")
            self._leave_out(other)
            other.returned.wait(FENCE_SECONDS)
        if self.fence is None:
            self.answered.wait(FIRST_ANSWER_SECONDS)
        return work

    def progress(self, work: Any, value: float | None, note: str | None) -> None:
        work.reported, work.reports = (value, note), work.reports + 1

    def checkpoint(self, work: Any, value: object) -> None:
        work.checkpoint, work.checkpoints = encode(value), work.checkpoints + 1

    def checkpoint_tx(self, work: Any, value: object, *, commit: bool) -> bool:
        work.checkpoint, work.checkpoints, work.saved = None, work.checkpoints + 1, None
        text = statement("heartbeat/checkpoint_tx", **self.schemas)
        with psycopg.connect(self.url) as connection:
            values = work.claim | {"number": work.checkpoints, "val": encode(value)}
            held = connection.execute(text, values).fetchone() is not None
            if not (held and commit):
                connection.rollback()
            return held

    def resume(self, work: Any) -> tuple[bool, bool, object]:
        if not self.has_checkpoints:
            return True, False, None
        with psycopg.connect(self.url) as connection:
            rows = connection.execute(statement("heartbeat/resume", **self.schemas), work.claim).fetchall()
        text = rows[0][0] if rows else None
        return bool(rows), text is not None, None if text is None else json.loads(text)

    def finish(self, work: Any, outcome: str) -> tuple[str | None, bool]:
        if outcome in {"failed", "snoozed"} and work.checkpoint not in {None, work.saved} and not work.lost:
            work.was_saved.clear()
            self.at_once.set()
            self.wake.set()
            work.was_saved.wait(1.0)
        self._leave_out(work)
        work.returned.set()
        given_up = work.cause == "lease_expired" and not work.lost and outcome == "failed"
        self._end(work, "abandoned" if given_up else outcome)
        return None if self.fence is False else work.claim["attempted_at"], not work.lost

    def stats(self) -> dict[str, int]:
        return {"beats": self.beats, "failures": self.failures}

    def close(self) -> None:
        for work in list(self.at_work):
            self._leave_out(work)
            self._end(work, "abandoned")
        self.closing.set()
        self.wake.set()
        for thread in self.threads:
            thread.join(10)
        if self.session:
            self.session.close()

    def _leave_out(self, work: Work) -> None:
        """No beat names this claim any more."""
        with self.lock:
            self.works = [other for other in self.works if other is not work]

    def _end(self, work: Work, outcome: str) -> None:
        with self.lock:
            self.at_work.discard(work)
            if work.named:
                self.ended[work.key] = outcome

    def _beat(self) -> None:
        while not self.closing.is_set():
            began = time.monotonic()
            self.at_once.clear()
            self._tick()
            while (
                not self.closing.is_set()
                and not self.at_once.is_set()
                and (left := began + 0.95 * self._pace() - time.monotonic()) > 0
            ):
                self.wake.wait(left)
                self.wake.clear()
        self._tick()

    def _pace(self) -> float:
        """The interval of the most urgent claim."""
        with self.lock:
            return min((work.interval for work in self.works), default=self.interval)

    def _tick(self) -> None:
        with self.lock:
            works = sorted(self.works, key=lambda work: work.key)
            ended = dict(self.ended)
        sent_at, reports = time.clock_gettime(CLOCK), [work.reports for work in works]
        fresh = [work for work in works if not work.named]
        for work in works:
            work.named = True
        try:
            with self._session(min(self.interval, self._pace()) / 2) as ask:
                rows = ask("beat", self._parameters(works))
                self.beats += 1
                for row in rows:
                    self._hear(works[row.ordinal - 1], reports[row.ordinal - 1], row.status, sent_at)
                self._save(ask, [work for work in works if not work.lost])
                if ended:
                    ask("end", {"job_ids": [job for job, _ in ended], "attempted_ats": [at for _, at in ended],
                                "outcomes": list(ended.values())})  # fmt: skip
                    self._forget(ended)
            self._send_stacks([works[row.ordinal - 1] for row in rows if row.stack_requested], self.interval / 2)
            self._send_pod()
        except DatabaseError as error:
            self.failures += 1
            self.pod_is_due = True
            if is_refused(error):
                self._refuse(works, fresh, sent_at, str(error))
        finally:
            self.answered.set()

    def _send_stacks(self, works: list[Work], limit: float) -> None:
        """Its works only wait, so that their stacks are made up. What fails costs nothing but the connection."""
        keys = [work.key for work in works]
        if keys:
            with suppress(DatabaseError), self._session(limit) as ask:
                ask("stack", {"job_ids": [job for job, _ in keys], "attempted_ats": [at for _, at in keys],
                              "stacks": ["conformance.work\tsql_client.py:1"] * len(keys)})  # fmt: skip

    def _send_pod(self) -> None:
        if self.pod is not None and self.pod_is_due:
            self.pod_is_due = False
            with suppress(DatabaseError), self._session(self.interval / 2) as ask:
                ask("pod", {"instance": self.instance, **self.pod})

    def _save(self, ask: Callable[[str, Event], list[Row]], works: list[Work]) -> None:
        unsaved = [(work, work.checkpoint, work.checkpoints) for work in works]
        unsaved = [each for each in unsaved if each[1] is not None and each[1] != each[0].saved]
        if not unsaved or not self.has_checkpoints:
            return
        for work, _, _ in unsaved:
            work.saved = None
        values = {key: [work.claim[key] for work, _, _ in unsaved] for key in ("job_id", "attempted_at", "attempt")}
        try:
            ask("checkpoint", {
                **{f"{key}s": listed for key, listed in values.items()},
                "numbers": [number for _, _, number in unsaved], "vals": [text for _, text, _ in unsaved],
            })  # fmt: skip
        except DatabaseError:
            return  # no beat fails by it
        for work, text, _ in unsaved:
            work.saved = text
            work.was_saved.set()

    def _forget(self, ended: dict[tuple[int, str], str]) -> None:
        with self.lock:
            for key in ended:
                del self.ended[key]

    def _refuse(self, works: list[Work], fresh: list[Work], sent_at: float, message: str) -> None:
        """An answer: it ends no lease, and nothing was written."""
        for work in works:
            work.sent_at = sent_at
        for work in fresh:
            work.named = False
        if self.fence is None or any(state in message for state in SCHEMA_IS_GONE):
            self.fence = False

    def _hear(self, work: Work, reports: int, status: str, sent_at: float) -> None:
        if status == "lost":
            self._leave_out(work)
            work.stop("claim_lost")
            return
        work.sent_at, work.acknowledged = sent_at, reports
        if status == "stop":
            work.stop("stop_requested")
        elif status == "finished":
            self._leave_out(work)

    def _watch(self) -> None:
        while not self.closing.wait(0.02):
            for work in list(self.works):
                if work.lease and time.clock_gettime(CLOCK) > work.sent_at + work.lease:
                    work.stop("lease_expired")

    @contextmanager
    def _session(self, limit: float) -> Iterator[Callable[[str, Event], list[Row]]]:
        """A connection that is thrown away after any failure."""

        def ask(file: str, parameters: Event) -> list[Row]:
            assert self.session
            return self.session.execute_within(limit, statement(f"heartbeat/{file}", **self.schemas), parameters)

        try:
            if self.session is None:
                self.session, self.asked_at = Session(self.url, seconds=limit), float("-inf")
            if time.monotonic() - self.asked_at > ASK_AGAIN_SECONDS:
                self._check(ask("meta", {}))
            yield ask
        except BaseException:
            if self.session:
                self.session.close()
            self.session = None
            raise

    def _check(self, rows: list[Row]) -> None:
        if not rows or rows[0].river_schema != self.schemas["river"]:
            raise DatabaseError(ErrorKind.WRONG_KEEPER, f"a keeper schema of another River: {rows}")
        self.fence = rows[0].fence
        if rows[0].version < 2 or rows[0].min_compatible > 2:
            raise DatabaseError(ErrorKind.TOO_NEW, f"a keeper schema for other clients: {rows}")
        self.has_checkpoints = rows[0].version >= CHECKPOINT_VERSION
        self.asked_at = time.monotonic()

    def _parameters(self, works: list[Work]) -> Event:
        return {
            "instance": self.instance, "client_id": self.client_id, "software": "sql", "started_at": self.started_at,
            "fences": self.fence is True, "client_interval": span(self._pace()), "kinds": None,
            "job_ids": [work.claim["job_id"] for work in works],
            "attempted_ats": [work.claim["attempted_at"] for work in works],
            "attempts": [work.claim["attempt"] for work in works],
            "intervals": [span(work.interval) for work in works],
            "leases": [span(work.lease) for work in works],
            "progress_reported": [work.reports > work.acknowledged for work in works],
            "progress": [fit_number(work.reported[0]) for work in works],
            "notes": [fit_note(work.reported[1]) for work in works],
        }  # fmt: skip


def read_pod() -> dict[str, str | None] | None:
    named = {name: fit_name(os.environ.get(f"RIVERKEEPER_{name.upper()}")) for name in POD}
    return {**named, "host": fit_name(socket.gethostname())} if any(named.values()) else None


def fit_name(value: str | None) -> str | None:
    return value if value is not None and re.fullmatch("[A-Za-z0-9.-]{1,253}", value) else None


def is_refused(error: DatabaseError) -> bool:
    return error.kind in REFUSED_CONNECTS or any(f"SQLSTATE {state}" in str(error) for state in REFUSALS)


def fit_number(value: float | None) -> float | None:
    if value is None or value != value:  # noqa: PLR0124 - not a number
        return None
    return min(value, 1.0) if value >= 1e-6 else 0.0


def fit_note(note: str | None) -> str | None:
    text = (note or "").replace("\0", "?").encode("utf-8", "replace")[:NOTE_BYTES].decode("utf-8", "ignore")
    return text or None


def encode(value: object) -> str:
    json.dumps(value, ensure_ascii=False).encode()  # raises ValueError for a lone surrogate
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    if len(text) > CHECKPOINT_BYTES:
        raise ValueError("a checkpoint is too large")
    return text


def span(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds} seconds"


if __name__ == "__main__":
    run(
        lambda options, interval: SqlClient(
            options.database_url, options.river_schema, options.keeper_schema, options.client_id, interval
        )
    )
