"""A keeper without a database, and servers on loopback, for the tests of the web part."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import bcrypt
import httpx
from starlette.types import ASGIApp

from riverkeeper.config.webhook import Webhook
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.rescue.audit.history import Rescues
from riverkeeper.rescue.wakes.wake import Call, Scope
from riverkeeper.river.facts import Leader, Queue, Running
from riverkeeper.scrape.scrape import QueryOutcome, Snapshot, Target
from riverkeeper.verdict.facts import Partition, RunningPair
from riverkeeper.verdict.job import Claim
from riverkeeper.verdict.tiers import Policy, Tier
from riverkeeper.web.app import create_app
from riverkeeper.web.http.addresses import listen
from riverkeeper.web.http.server import serve
from riverkeeper.web.keeper import FailingJob, FailingJobs
from riverkeeper.web.web_config.security import Security
from unit.alert_messages import TIERS

NOW = 1_700_000_000.0
LIMIT = 60.0  # seconds after which a test that waits for a condition gives up

UP = Snapshot(
    up=True,
    taken_at=NOW,
    now=NOW,
    queries=(QueryOutcome("read_identity", 0.001), QueryOutcome("read_running", 0.012)),
    target=Target("orders", "river", "riverkeeper", standby=False, server_version=150018),
    partitions=(
        Partition("available", "default", 1, due=1200, later=0, first_at=NOW - 95),
        Partition("scheduled", "default", 1, due=0, later=30, first_at=NOW + 60),
        Partition("retryable", "bulk", 2, due=0, later=4, first_at=NOW + 5, estimated=True),
    ),
    running=Running(
        pairs=(
            RunningPair(
                queue="default",
                kind="send_email",
                priority=1,
                jobs=7,
                beating=7,
                failing=0,
                last_attempt=0,
                cancel_pending=0,
                last_claim=NOW - 1,
                oldest_claim=NOW - 3,
                oldest_beat=NOW - 1,
            ),
        ),
        ages={},
        beat_ages={},
        clients={},
        poison=0,
        unreadable_beats=0,
        unread=0,
    ),
    queues=(Queue("default", paused=False, updated_at=NOW), Queue("bulk", paused=True, updated_at=NOW)),
    leader=Leader("worker-1", NOW - 100, NOW + 10),
    migrations={"main": 6},
    clock_skew=0.02,
)
DOWN = Snapshot(up=False, taken_at=NOW, error="connection refused (unreachable: check host, port and firewall)")


def failing_job(number: int = 1, **changes: object) -> FailingJob:
    """A job that failed twice out of four, next tried in 90 s."""
    facts: dict[str, object] = {
        "id": number,
        "queue": "default",
        "kind": "send_email",
        "state": "retryable",
        "attempt": 2,
        "max_attempts": 4,
        "scheduled_at": NOW + 90,
        "attempted_at": NOW - 30,
        "last_error": "connection reset",
    }
    return FailingJob(**{**facts, **changes})  # type: ignore[arg-type]


@dataclass
class FakeKeeper:
    """Answers with what a test put here, and remembers what it was asked."""

    reading: Snapshot = UP
    last: Snapshot | None = UP
    hangs: bool = False
    found: FailingJobs | DatabaseError = field(default_factory=lambda: FailingJobs((), 0, False, NOW))
    reload_reason: str | None = None
    page: bytes = b"river_up 1\n"
    webhook_settings: Webhook = field(default_factory=Webhook)
    river_ui: str | None = None
    audit: Rescues | DatabaseError = field(default_factory=lambda: Rescues((), NOW))
    too_old: int = 0  # of the calls of a message
    store_error: DatabaseError | None = None
    left: Mapping[int, str] = field(default_factory=dict)  # why a job was left alone

    deadlines: list[float] = field(default_factory=list)
    expositions: list[tuple[Snapshot, str, frozenset[str]]] = field(default_factory=list)
    exposition_threads: set[int] = field(default_factory=set)
    questions: list[tuple[str | None, str | None, int]] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    reloads: int = 0
    audit_questions: list[tuple[Scope, int, int | None]] = field(default_factory=list)
    received: list[Sequence[Call]] = field(default_factory=list)
    heard: list[Counter[str]] = field(default_factory=list)
    wakes: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _release: asyncio.Event = field(default_factory=asyncio.Event)
    _loop: asyncio.AbstractEventLoop | None = None

    def wait_until(self, condition: Callable[[], object]) -> None:
        """Returns when the condition holds; it is looked at after each call. Blocks: not for the event loop."""
        with self._changed:
            assert self._changed.wait_for(condition, LIMIT)

    def let_go(self) -> None:
        """Answer those who hang; from any thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._release.set)

    async def _hang(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._notify()
        if self.hangs:
            await self._release.wait()

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    async def snapshot(self, seconds: float) -> Snapshot:
        self.deadlines.append(seconds)
        try:
            await asyncio.wait_for(self._hang(), seconds)
        except TimeoutError:
            return DOWN
        return self.reading

    def left_alone(self, claim: Claim) -> str | None:
        return self.left.get(claim.job_id)

    def latest(self) -> Snapshot | None:
        return self.last

    def exposition(self, snapshot: Snapshot, accept: str, names: frozenset[str]) -> tuple[bytes, str]:
        self.expositions.append((snapshot, accept, names))
        self.exposition_threads.add(threading.get_ident())
        self._notify()
        return (self.page if snapshot.up else b"river_up 0\n"), "text/plain; version=0.0.4; charset=utf-8"

    async def failing(self, queue: str | None, kind: str | None, shown: int) -> FailingJobs:
        self.questions.append((queue, kind, shown))
        await self._hang()
        if isinstance(self.found, DatabaseError):
            raise self.found
        return self.found

    async def reload(self) -> str | None:
        self.reloads += 1
        return self.reload_reason

    def count_rejected(self, reason: str) -> None:
        self.rejected.append(reason)

    def webhook(self) -> Webhook:
        return self.webhook_settings

    def policy(self) -> Policy:
        return Policy({name: Tier(name) for name in TIERS})

    def river_job_url(self, job_id: int) -> str | None:
        return self.river_ui and f"{self.river_ui}/{job_id}"

    async def rescues(self, scope: Scope, shown: int, job_id: int | None) -> Rescues:
        self.audit_questions.append((scope, shown, job_id))
        await self._hang()
        if isinstance(self.audit, DatabaseError):
            raise self.audit
        return self.audit

    async def receive(self, calls: Sequence[Call]) -> int:
        await self._hang()
        if self.store_error is not None:
            raise self.store_error
        self.received.append(calls)
        return len(calls) - self.too_old

    def count_alerts(self, heard: Counter[str]) -> None:
        self.heard.append(heard)

    def wake(self) -> None:
        self.wakes += 1


def app_of(keeper: FakeKeeper, security: Security | None = None) -> ASGIApp:
    """The application as it is served, with a clock that stands 2 s after the reading."""
    return create_app(keeper, security or Security(), version="1.2.3", clock=lambda: NOW + 2)


def ask(
    app: ASGIApp,
    path: str,
    method: str = "GET",
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    auth: tuple[str | bytes, str | bytes] | None = None,
    content: bytes | AsyncIterator[bytes] | None = None,
) -> httpx.Response:
    """One request without a network."""

    async def request() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://keeper") as client:
            return await client.request(method, path, headers=list(dict(headers).items()), auth=auth, content=content)

    return asyncio.run(request())


@contextlib.contextmanager
def served(
    keeper: FakeKeeper, security: Security | None = None, address: str = "127.0.0.1:0", app: ASGIApp | None = None
) -> Iterator[int]:
    """A real server in a thread; gives its port."""
    security = security or Security()
    sockets = listen([address])
    port: int = sockets[0].getsockname()[1]
    running = threading.Event()
    stopping: list[Callable[[], object]] = []

    async def run() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        stopping.append(lambda: loop.call_soon_threadsafe(stop.set))
        running.set()
        await serve(app or app_of(keeper, security), sockets, keeper, security, stop)

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    assert running.wait(LIMIT)
    try:
        yield port
    finally:
        stopping[0]()
        thread.join(LIMIT)
        assert not thread.is_alive()


def hashed(password: str, cost: int = 4) -> str:
    """The cheapest hash there is: tests check rules, not bcrypt."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()


def replace_file(file: Path, text: str | bytes) -> None:
    """Put another file in its place, as an editor or Kubernetes does."""
    new = file.with_suffix(".new")
    new.write_bytes(text.encode() if isinstance(text, str) else text)
    os.replace(new, file)
