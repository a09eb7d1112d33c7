"""The plain client of the contract's first page, and nothing more."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from conformance.floor import Event, run
from consistency.tree import ROOT

META_SECONDS = 50.0


@dataclass(eq=False)
class PlainWork:
    claim: Event
    on_stop: Callable[[str], None]
    cause: str | None = None

    def cancel(self, cause: str) -> None:
        if self.cause is None:
            self.cause = cause
            self.on_stop(cause)


class PlainClient:
    def __init__(self, url: str, river_schema: str, keeper_schema: str, client_id: str, interval: float) -> None:
        self.url, self.river, self.client_id, self.interval = url, river_schema, client_id, interval
        schemas = (river_schema, keeper_schema)
        self.meta, self.beat = numbered("meta", *schemas), numbered("beat_plain", *schemas)
        self.instance = uuid.uuid4()
        self.jobs: dict[tuple[int, str], PlainWork] = {}
        self.lock, self.closing = threading.Lock(), threading.Event()
        self.connection: psycopg.Connection[Any] | None = None
        self.meta_at = 0.0
        self.counts = {"beats": 0, "failures": 0}
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def begin(self, claim: Event, interval: float, lease: float | None, on_stop: Callable[[str], None]) -> PlainWork:
        work = PlainWork(claim, on_stop)
        with self.lock:
            self.jobs[claim["job_id"], claim["attempted_at"]] = work
        return work

    def finish(self, work: Any, outcome: str) -> tuple[str | None, bool]:
        with self.lock:
            self.jobs.pop((work.claim["job_id"], work.claim["attempted_at"]), None)
        return None, work.cause != "claim_lost"

    def progress(self, work: Any, value: float | None, note: str | None) -> None:
        raise NotImplementedError("a plain client reports no progress")

    def stats(self) -> dict[str, int]:
        return self.counts

    def close(self) -> None:
        self.closing.set()
        self.thread.join(10)
        self._drop()

    def _run(self) -> None:
        while not self.closing.is_set():
            began = time.monotonic()
            try:
                if self.connection is None:
                    self.connection, self.meta_at = self._connect(), float("-inf")
                with self._limited(self.connection):
                    self._tick(psycopg.RawCursor(self.connection))
                self.counts["beats"] += 1
            except psycopg.Error:
                self.counts["failures"] += 1
                self._drop()
            self.closing.wait(began + self.interval * random.uniform(0.9, 1.0) - time.monotonic())

    def _tick(self, cursor: psycopg.RawCursor[Any]) -> None:
        if time.monotonic() - self.meta_at > META_SECONDS:
            row = cursor.execute(self.meta).fetchone()
            if row is None or row[0] != self.river or row[1] < 2 or row[2] > 2:
                raise psycopg.OperationalError(f"this client may not beat here: {row}")
            self.meta_at = time.monotonic()
        with self.lock:
            jobs = dict(self.jobs)
        keys = list(jobs)
        parameters = [self.instance, self.client_id, f"{self.interval} seconds", *columns(keys)]
        for ordinal, status in cursor.execute(self.beat, parameters).fetchall():
            key = keys[ordinal - 1]
            if status in {"lost", "finished"}:
                with self.lock:
                    self.jobs.pop(key, None)
            if status in {"lost", "stop"}:
                jobs[key].cancel("claim_lost" if status == "lost" else "stop_requested")

    def _connect(self) -> psycopg.Connection[Any]:
        limit = max(1, int(self.interval / 2 * 1000))
        settings = f"-c search_path=pg_catalog,pg_temp -c row_security=off -c statement_timeout={limit}"
        # connect_timeout is in whole seconds, and 2 at least
        return psycopg.connect(self.url, autocommit=True, options=settings, connect_timeout=2, prepare_threshold=None)

    @contextmanager
    def _limited(self, connection: psycopg.Connection[Any]) -> Iterator[None]:
        """Lost packets bring no answer, whatever the server's limit is: then the connection is shut down."""
        with socket.socket(fileno=os.dup(connection.fileno())) as wire:
            timer = threading.Timer(self.interval / 2, wire.shutdown, [socket.SHUT_RDWR])
            timer.start()
            try:
                yield
            finally:
                timer.cancel()
                timer.join()

    def _drop(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.connection = None


def numbered(name: str, river: str, keeper: str) -> str:
    text = (ROOT / "clients" / "numbered" / f"{name}.sql").read_text(encoding="utf-8")
    return text.replace("river.", f"{river or 'public'}.").replace("keeper.", f"{keeper}.")


def columns(keys: list[tuple[int, str]]) -> list[list[object]]:
    return [[job_id for job_id, _ in keys], [attempted_at for _, attempted_at in keys]]


if __name__ == "__main__":
    run(
        lambda options, interval: PlainClient(
            options.database_url, options.river_schema, options.keeper_schema, options.client_id, interval
        )
    )
