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
from riverkeeper.postgres.connection import Session
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.statements import statement
from riverkeeper.postgres.transaction import Row

CLOCK = time.CLOCK_BOOTTIME
SCHEMA_IS_GONE = ("42P01", "3F000")
REFUSALS = (*SCHEMA_IS_GONE, "42501", "25006", "another River")
FIRST_ANSWER_SECONDS = 1.0
ASK_AGAIN_SECONDS = 45.0


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
        self.beats = self.failures = 0
        self.fence: bool | None = None  # rule 6: what meta said last; None until it has answered
        self.asked_at, self.answered = float("-inf"), threading.Event()
        self.lock, self.closing = threading.RLock(), threading.Event()
        self.session: Session | None = None
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self._tick_on, self._watch)]
        for thread in self.threads:
            thread.start()

    def begin(self, claim: Event, interval: float, lease: float | None, on_stop: Callable[[str], None]) -> Work:
        with self.lock:
            earlier = [work for work in self.works if work.claim["job_id"] == claim["job_id"]]
            self.works.append(work := Work(claim, interval, lease, on_stop))
        for other in earlier:  # rule 2
            other.stop("claim_lost")
            other.returned.wait(10)
        self.answered.wait(FIRST_ANSWER_SECONDS)  # rule 6
        return work

    def progress(self, work: Any, value: float | None, note: str | None) -> None:
        work.told, work.news = (value, note), work.news + 1

    def finish(self, work: Any, outcome: str) -> tuple[str | None, bool]:
        with self.lock:
            self.works = [other for other in self.works if other is not work]
        work.returned.set()
        given_up = work.cause == "lease_expired" and not work.lost and outcome == "failed"
        with self.lock:
            if work.named:  # rule 7
                self.ended[work.claim["job_id"], work.claim["attempted_at"]] = "abandoned" if given_up else outcome
        return None if self.fence is False else work.claim["attempted_at"], not work.lost  # rule 6

    def stats(self) -> dict[str, int]:
        return {"beats": self.beats, "failures": self.failures}

    def close(self) -> None:
        self.closing.set()
        for thread in self.threads:
            thread.join(10)
        if self.session:
            self.session.close()

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
            with self._session(self.interval / 2) as ask:
                rows = ask("beat", self._parameters(works))
                self.beats += 1
                for work, counted, row in zip(works, news, rows, strict=True):
                    self._hear(work, counted, row.status, sent_at)
                if ended:
                    ask("end", {"job_ids": [job for job, _ in ended], "attempted_ats": [at for _, at in ended],
                                "outcomes": list(ended.values())})  # fmt: skip
                    with self.lock:
                        self.ended = {key: self.ended[key] for key in self.ended.keys() - ended.keys()}
        except DatabaseError as error:
            self.failures += 1
            if any(word in str(error) for word in REFUSALS):  # an answer is no silence
                for work in works:
                    work.sent_at = sent_at
                if self.fence is None or any(word in str(error) for word in SCHEMA_IS_GONE):
                    self.fence = False
        finally:
            self.answered.set()

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
    def _session(self, limit: float) -> Iterator[Callable[[str, Event], list[Row]]]:
        """A connection that is thrown away after any failure."""

        def ask(file: str, parameters: Event) -> list[Row]:
            assert self.session
            return self.session.execute_within(limit, statement(f"heartbeat/{file}", **self.schemas), parameters)

        try:
            if self.session is None:
                self.session, self.asked_at = Session(self.url, seconds=limit), float("-inf")
            if time.monotonic() - self.asked_at > ASK_AGAIN_SECONDS:
                self._check(ask("meta", {})[0])
            yield ask
        except BaseException:
            if self.session:
                self.session.close()
            self.session = None
            raise

    def _check(self, meta: Row) -> None:
        if meta.river_schema != self.schemas["river"]:
            what = f"another River: {meta.river_schema}, not {self.schemas['river']}"
            raise DatabaseError(ErrorKind.WRONG_KEEPER, what)
        self.fence, self.asked_at = meta.fence, time.monotonic()

    def _parameters(self, works: list[Work]) -> Event:
        return {
            "instance": self.instance, "client_id": self.client_id, "software": "sql", "started_at": self.started_at,
            "fences": self.fence is True, "client_interval": _span(self.interval), "kinds": None,
            "job_ids": [work.claim["job_id"] for work in works],
            "attempted_ats": [work.claim["attempted_at"] for work in works],
            "attempts": [work.claim["attempt"] for work in works],
            "intervals": [_span(work.interval) for work in works],
            "leases": [_span(work.lease) for work in works],
            "progress_reported": [work.news > work.acknowledged for work in works],
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
