"""Keepers that rescue, in this process or as `riverkeeper serve`, and a fleet of worker processes that beat.

Times are a twentieth of the defaults (beats every 0.5 s instead of 10 s, a timeout of 1.75 s), but for the supervisor's
interval, which is a quarter (0.5 s): a busy machine must not break the path by itself.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from conformance.floor import Event
from database.heartbeat_sql import Connection, ask
from riverkeeper.config.layers import Options
from riverkeeper.config.load import Config, load
from riverkeeper.service import Service

BEAT, TIMEOUT, INTERVAL = 0.5, 1.75, 0.5
TIER = "{heartbeat_interval: 500ms, heartbeat_timeout: 1750ms, drain: 0s, fence: 3s, plain_fence: 3s}"
RESCUE = {
    "mode": "live", "interval": "500ms", "grace": "0s", "max_per_minute": "100000", "batch": "1000", "cooldown": "0s",
    "mass_hold": "30s", "max_rescues": "1000",
}  # fmt: skip
CLAIMED = """
INSERT INTO river_job (state, queue, kind, priority, attempt, max_attempts, args, attempted_at, attempted_by)
SELECT 'running', 'default', 'report', 1, 1, 25, '{}', now(), ARRAY[%(client)s]
FROM generate_series(1, %(count)s)
RETURNING id AS job_id, attempt,
    to_char(attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS attempted_at
"""


def written(folder: Path, tier: str = TIER, others: str = "", assign: str = "", **rescue: str) -> Path:
    """A configuration file; `others` are tiers beside standard, `assign` rules, in the words of the file."""
    file = folder / "riverkeeper.yml"
    options = ", ".join(f"{key}: {value}" for key, value in {**RESCUE, **rescue}.items())
    file.write_text(
        f"rescue: {{{options}}}\ncollect: {{min_interval: 0s}}\nwebhook: {{max_age: 1h}}\n"
        f"tiers: {{standard: {tier}{others and ', '}{others}}}\nassign: [{assign}]\n"
    )
    return file


def configured(folder: Path, url: str, tier: str = TIER, others: str = "", assign: str = "", **rescue: str) -> Config:
    return load(written(folder, tier, others, assign, **rescue), {}, Options(database_url=url))


@contextmanager
def keeping(config: Config) -> Iterator[Service]:
    """A keeper in this process."""
    service = Service(config, lambda: config)
    service.start()
    try:
        yield service
    finally:
        service.close()


@contextmanager
def serving(file: Path, url: str) -> Iterator[subprocess.Popen[str]]:
    """A keeper as a process of its own."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = [Path(sys.executable).with_name("riverkeeper"), "serve", "--config.file", file, "--database-url", url]
    process = subprocess.Popen(
        [str(part) for part in [*command, "--web.listen-address", f"127.0.0.1:{port}"]],
        stderr=subprocess.PIPE, text=True, env={**os.environ, "RIVERKEEPER_DATABASE_URL": ""},
    )  # fmt: skip
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.communicate()


@dataclass
class Worker:
    """One process that beats for its claims."""

    name: str
    claims: list[Event] = field(default_factory=list)
    instance: uuid.UUID = field(default_factory=uuid.uuid4)
    alive: bool = True
    lost: set[int] = field(default_factory=set)  # claims that a beat found taken away

    def beat(self, sql: Connection) -> None:
        claims = [claim for claim in self.claims if claim["job_id"] not in self.lost]
        many = len(claims)
        values = {
            "instance": self.instance, "client_id": self.name, "software": "test", "fences": True, "kinds": None,
            "started_at": "2026-01-01T00:00:00Z", "client_interval": f"{BEAT} s",
            "job_ids": [claim["job_id"] for claim in claims],
            "attempted_ats": [claim["attempted_at"] for claim in claims],
            "attempts": [claim["attempt"] for claim in claims],
            "intervals": [f"{BEAT} s"] * many, "leases": [None] * many, "progress_told": [False] * many,
            "progress": [None] * many, "notes": [None] * many,
        }  # fmt: skip
        rows = ask(sql, "beat", values)
        self.lost |= {row["job_id"] for row in rows if row["standing"] == "lost"}


class Fleet:
    """Workers, beating from one thread over one connection that is opened again when it breaks."""

    def __init__(self, url: str, sql: Connection) -> None:
        self._url, self._sql = url, sql
        self.workers: list[Worker] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def worker(self, jobs: int = 0) -> Worker:
        name = f"worker-{len(self.workers)}"
        rows = self._sql.execute(CLAIMED, {"client": name, "count": jobs}).fetchall() if jobs else []
        worker = Worker(name, list(rows))
        self.workers = [*self.workers, worker]
        return worker

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            with suppress(psycopg.Error), psycopg.connect(self._url, autocommit=True, connect_timeout=2) as connection:
                self._beat_on(connection)
            self._stop.wait(0.1)

    def _beat_on(self, connection: Connection) -> None:
        connection.row_factory = psycopg.rows.dict_row
        connection.execute("SET statement_timeout = '1s'")
        while not self._stop.wait(BEAT / 2):
            for worker in self.workers:
                if worker.alive:
                    worker.beat(connection)


@contextmanager
def beating(url: str, sql: Connection) -> Iterator[Fleet]:
    fleet = Fleet(url, sql)
    try:
        yield fleet
    finally:
        fleet.close()


class Look:
    """What a test asks of the tables."""

    def __init__(self, sql: Connection) -> None:
        self.sql = sql

    def one(self, text: str, values: Mapping[str, Any] | None = None) -> Event:
        [row] = self.sql.execute(text, values or {}).fetchall()
        return dict(row)

    def rescued(self) -> int:
        return int(self.one("SELECT count(*) AS n FROM riverkeeper.rescue")["n"])

    def control(self) -> Event:
        return self.one("SELECT * FROM riverkeeper.control")

    def mass(self) -> Event | None:
        row = self.sql.execute("SELECT * FROM riverkeeper.brake WHERE name = 'mass_silence'").fetchone()
        return None if row is None else dict(row)

    def counts_for(self, seconds: float) -> bool:
        """Whether silence has counted for so long, without a break, until now."""
        asked = "SELECT path_ok_since < clock_timestamp() - %(s)s * interval '1 s' AS ok FROM riverkeeper.control"
        return bool(self.one(asked, {"s": seconds})["ok"])


def when(holds: Any, what: str, seconds: float = 60.0) -> Any:
    """Wait until it holds; patient, because the machine may be busy."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        threading.Event().wait(0.02)
    return found
