"""The contract taken literally: its statements and rules with nothing added, to show that SQL is enough."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from conformance.floor import Event, run
from riverkeeper.database import Row, Session
from riverkeeper.errors import DatabaseError, Trouble
from riverkeeper.statements import statement

CLOCK = time.CLOCK_BOOTTIME
REFUSALS = ("42P01", "3F000", "42501", "25006", "another River")
LAST_SECONDS = 5.0


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
    told: tuple[float | None, str | None] = (None, None)
    news: int = 0  # how often the job told
    acknowledged: int = 0
    returned: threading.Event = field(default_factory=threading.Event)

    def stop(self, cause: str) -> None:
        self.lost = self.lost or cause == "claim_lost"
        if self.cause is None:
            self.cause = cause
            self.on_stop(cause)


class SqlClient:
    def __init__(self, url: str, river_schema: str, keeper_schema: str, client_id: str, interval: float) -> None:
        self.url, self.client_id, self.interval = url, client_id, interval
        self.schemas = {"river": river_schema or "public", "keeper": keeper_schema}
        self.instance, self.started_at = uuid.uuid4(), datetime.now(UTC).isoformat()
        self.works: list[Work] = []
        self.ended: dict[tuple[int, str], str] = {}
        self.heard_at = float("-inf")
        self.beats = self.failures = 0
        self.refused = False  # the last beat was answered, with a refusal
        self.lock, self.closing = threading.RLock(), threading.Event()
        self.turn = threading.Lock()  # of settling
        self.sessions: dict[str, Session] = {}
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self._tick_on, self._watch)]
        for thread in self.threads:
            thread.start()

    def begin(self, claim: Event, interval: float, lease: float | None, on_stop: Callable[[str], None]) -> Work:
        with self.lock:
            earlier = [work for work in self.works if work.claim["job_id"] == claim["job_id"]]
            self.works.append(work := Work(claim, interval, lease, on_stop))
        for other in earlier:  # rule 6, last point
            other.stop("claim_lost")
            other.returned.wait(10)
        return work

    def progress(self, work: Any, value: float | None, note: str | None) -> None:
        work.told, work.news = (value, note), work.news + 1

    def finish(self, work: Any, outcome: str) -> bool:
        with self.lock:
            self.works = [other for other in self.works if other is not work]
        work.returned.set()
        out = self._may_get_out(work)
        with self.lock:
            if work.named:  # rule 7
                key = (work.claim["job_id"], work.claim["attempted_at"])
                self.ended[key] = outcome if out or work.lost else "abandoned"
        return out

    def stats(self) -> dict[str, int]:
        return {"beats": self.beats, "failures": self.failures}

    def close(self) -> None:
        self.closing.set()
        for thread in self.threads:
            thread.join(10)
        for session in self.sessions.values():
            session.close()

    def _may_get_out(self, work: Work) -> bool:  # rule 6
        given_up_at = float("inf")
        unheard_of = self.refused and not self.beats
        if unheard_of or (not work.named and time.clock_gettime(CLOCK) - self.heard_at <= self.interval):
            return not work.lost
        work.named = True
        while not work.lost and time.clock_gettime(CLOCK) < given_up_at:
            try:
                with self.turn, self._session("settling", work.interval / 2) as ask:
                    parameters = {"instance": self.instance, "beat_interval": _span(work.interval)}
                    row = ask("settle", {**work.claim, **parameters, "lease": _span(work.lease)})[0]
                    return bool(row.standing != "lost")
            except DatabaseError as error:
                if any(word in str(error) for word in REFUSALS) and "25006" not in str(error):
                    return self._looks_held(work)
            if work.cause or self.closing.is_set():
                given_up_at = min(given_up_at, time.clock_gettime(CLOCK) + LAST_SECONDS)
            threading.Event().wait(0.1)
        return False

    def _looks_held(self, work: Work) -> bool:
        with self.turn, self._session("looking", work.interval / 2, check=False) as ask:
            asked = {"job_id": work.claim["job_id"], "attempt": work.claim["attempt"], "client_id": self.client_id}
            return [row.attempted_at for row in ask("claim", asked)] == [work.claim["attempted_at"]]

    def _tick_on(self) -> None:  # rule 1
        while not self.closing.is_set():
            began = time.monotonic()
            self._tick()
            interval = min((work.interval for work in list(self.works)), default=self.interval)
            self.closing.wait(max(0.0, began + 0.95 * interval - time.monotonic()))
        self._tick()

    def _tick(self) -> None:
        with self.lock:
            works = sorted(self.works, key=lambda work: (work.claim["job_id"], work.claim["attempted_at"]))
            ended = dict(self.ended)
        sent_at, news = time.clock_gettime(CLOCK), [work.news for work in works]
        for work in works:
            work.named = True
        try:
            with self._session("ticking", self.interval / 2) as ask:
                rows = ask("beat", self._parameters(works))
                self.heard_at, self.beats = sent_at, self.beats + 1
                for work, counted, row in zip(works, news, rows, strict=True):
                    self._hear(work, counted, row.standing, sent_at)
                if ended:
                    ask("end", {"job_ids": [job for job, _ in ended], "attempted_ats": [at for _, at in ended],
                                "outcomes": list(ended.values())})  # fmt: skip
                    with self.lock:
                        self.ended = {key: self.ended[key] for key in self.ended.keys() - ended.keys()}
        except DatabaseError as error:
            self.failures += 1
            self.refused = any(word in str(error) for word in REFUSALS)
            if self.refused:  # an answer is no silence
                for work in works:
                    work.sent_at = sent_at

    def _hear(self, work: Work, news: int, standing: str, sent_at: float) -> None:
        if standing == "lost":
            work.stop("claim_lost")
            return
        work.sent_at, work.acknowledged = sent_at, news
        if standing == "stop":
            work.stop("stop_requested")
        elif standing == "finished":
            with self.lock:
                self.works.remove(work)

    def _watch(self) -> None:  # rule 4
        while not self.closing.wait(0.02):
            for work in list(self.works):
                if work.lease and time.clock_gettime(CLOCK) > work.sent_at + work.lease:
                    work.stop("lease_expired")

    @contextmanager
    def _session(self, name: str, limit: float, *, check: bool = True) -> Iterator[Callable[[str, Event], list[Row]]]:
        """A connection that is thrown away after any failure."""
        try:
            if name not in self.sessions:
                self.sessions[name] = Session(self.url, seconds=limit)
                if check:
                    self._check(self.sessions[name], limit)
            session = self.sessions[name]
            yield lambda file, parameters: session.execute_within(
                limit, statement(f"heartbeat/sql/{file}", **self.schemas), parameters
            )
        except BaseException:
            if name in self.sessions:
                self.sessions.pop(name).close()
            raise

    def _check(self, session: Session, limit: float) -> None:
        meta = session.execute_within(limit, statement("heartbeat/sql/meta", **self.schemas), {})[0]
        if meta.river_schema != self.schemas["river"]:
            what = f"another River: {meta.river_schema}, not {self.schemas['river']}"
            raise DatabaseError(Trouble.WRONG_KEEPER, what)

    def _parameters(self, works: list[Work]) -> Event:
        return {
            "instance": self.instance, "client_id": self.client_id, "software": "sql", "started_at": self.started_at,
            "fences": True, "client_interval": _span(self.interval), "kinds": None,
            "job_ids": [work.claim["job_id"] for work in works],
            "attempted_ats": [work.claim["attempted_at"] for work in works],
            "attempts": [work.claim["attempt"] for work in works],
            "intervals": [_span(work.interval) for work in works],
            "leases": [_span(work.lease) for work in works],
            "progress_told": [work.news > work.acknowledged for work in works],
            "progress": [work.told[0] for work in works],
            "notes": [work.told[1] for work in works],
        }  # fmt: skip


def _span(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds} seconds"


if __name__ == "__main__":
    run(
        lambda options, interval: SqlClient(
            options.database_url, options.river_schema, options.keeper_schema, options.client_id, interval
        )
    )
