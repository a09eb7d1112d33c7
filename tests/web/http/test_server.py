"""The server as a whole: crowds, slow clients, signals."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from fixtures.waiting import until, until_async
from fixtures.web import DOWN, LIMIT, FakeService, served
from riverkeeper.web.http import connection, listener, server
from riverkeeper.web.http.connection import connection_class

TESTS = Path(__file__).parents[2]


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), LIMIT)


def get(port: int, path: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=LIMIT)


def test_healthy_while_the_database_hangs_and_fifty_hammer() -> None:
    """Fifty scrapers at once on a database that does not answer do not hold up /-/healthy, and get river_up 0."""
    service = FakeService(hangs=True, reading=DOWN)

    async def hammer(port: int) -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", limits=limits, timeout=LIMIT) as client:
            headers = {"X-Prometheus-Scrape-Timeout-Seconds": "60"}
            scrapes = [asyncio.ensure_future(client.get("/metrics", headers=headers)) for _ in range(50)]
            await asyncio.to_thread(service.wait_until, lambda: len(service.deadlines) == 50)
            for _ in range(20):
                assert (await client.get("/-/healthy")).status_code == 200
            assert not any(scrape.done() for scrape in scrapes), "/-/healthy waited for a scrape"
            service.let_go()
            return await asyncio.gather(*scrapes)

    with served(service) as port:
        scrapes = asyncio.run(hammer(port))

    assert {(200, "river_up 0\n")} == {(response.status_code, response.text) for response in scrapes}
    assert all(snapshot is DOWN for snapshot, _, _ in service.expositions)


def test_idle_clients_block_nobody() -> None:
    """Clients that connect, or begin a request, and then say nothing hold up no other."""
    with served(FakeService()) as port:
        idle = [connect(port) for _ in range(20)]
        idle[0].sendall(b"GET /metrics HTTP/1.1\r\nHost:")

        assert get(port, "/metrics").status_code == 200

        for connection in idle:
            connection.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that waits for nothing longer than a moment, and keeps three connections."""

    def quick(admits, **_):  # type: ignore[no-untyped-def]
        return connection_class(admits, request_seconds=0.1, stalled_seconds=0.1, connections_kept=3)

    monkeypatch.setattr(server, "connection_class", quick)


def whole_answer(connection: socket.socket) -> bytes:
    """Reads to the end of the fake's metrics."""
    answer = b""
    while not answer.endswith(b"river_up 1\n") and (data := connection.recv(4096)):
        answer += data
    return answer


def is_cut(connection: socket.socket) -> bool:
    """Waits until the other side ends the connection."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass
    except TimeoutError:
        return False
    return True


@pytest.mark.usefixtures("impatient")
def test_a_client_that_sends_no_request_is_cut_off() -> None:
    """A connection without a request, or with the beginning of one, ends; a byte now and then buys no time."""
    with served(FakeService()) as port, connect(port) as idle, connect(port) as begun:
        begun.sendall(b"GET / HTTP/1.1\r\n")
        assert is_cut(idle)
        assert is_cut(begun)

        with connect(port) as trickling:
            trickling.settimeout(0.02)
            trickling.sendall(b"GET / HTTP/1.1\r\nX: ")
            until(lambda: _cut_while_sending(trickling, b"x"), "a byte now and then to buy no more time")


def _cut_while_sending(connection: socket.socket, data: bytes) -> bool:
    try:
        connection.sendall(data)
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


@pytest.mark.usefixtures("impatient")
def test_a_kept_connection_outlives_the_patience_for_a_request() -> None:
    """Between two scrapes a connection rests: only a request that has begun must end soon."""
    with served(FakeService()) as port, connect(port) as client, connect(port) as other:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in whole_answer(client)
        assert is_cut(other)  # so more than request_seconds have passed

        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in whole_answer(client)


@pytest.mark.usefixtures("impatient")
def test_who_does_not_read_is_cut_off() -> None:
    """An answer that nobody takes does not stay in memory for ever."""
    service = FakeService(page=os.urandom(32) * 2**20)
    with served(service) as port, connect(port) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        service.wait_until(lambda: service.expositions)
        # The server gives up by itself; what is then left to read ends early.
        with connect(port) as witness:
            assert is_cut(witness)
        received = 0
        try:
            while data := client.recv(2**20):
                received += len(data)
        except ConnectionError:
            pass

    assert received < len(service.page)


@pytest.mark.usefixtures("impatient")
def test_the_longest_idle_makes_room() -> None:
    """Idle connections beyond the limit push out the oldest idle one, never one that is being answered."""
    service = FakeService(hangs=True)
    with served(service) as port, connect(port) as busy:
        busy.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        service.wait_until(lambda: service.deadlines)
        idle = []
        for _ in range(10):
            idle.append(connect(port))
            assert get(port, "/-/healthy").status_code == 200
        service.let_go()
        assert b"200 OK" in whole_answer(busy)
        for connection in idle:
            connection.close()


def test_a_crowd_of_idle_connections_shuts_nobody_out() -> None:
    """Hundreds at once, again and again: room is made down to the limit, and health and metrics go on answering."""
    with served(FakeService()) as port, contextlib.ExitStack() as crowd:
        for _ in range(3):
            for _ in range(connection.CONNECTIONS + 100):
                crowd.enter_context(connect(port))
            assert get(port, "/-/healthy").status_code == 200
            assert get(port, "/metrics").status_code == 200


def test_a_burst_of_idle_connections_is_cut_down_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """All accepted at once: a connection that closes already makes no room a second time."""

    def patient(admits, **_):  # type: ignore[no-untyped-def]
        return connection_class(admits, request_seconds=LIMIT, connections_kept=20)

    stands, goes_on = threading.Event(), threading.Event()

    async def never_answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/stand-still":
            stands.set()
            goes_on.wait(LIMIT)
        await PlainTextResponse("")(scope, receive, send)

    monkeypatch.setattr(server, "connection_class", patient)
    with served(FakeService(), app=never_answer) as port, connect(port) as first, contextlib.ExitStack() as crowd:
        first.sendall(b"GET /stand-still HTTP/1.1\r\nHost: x\r\n\r\n")
        assert stands.wait(LIMIT)
        burst = [crowd.enter_context(connect(port)) for _ in range(60)]
        goes_on.set()
        for connection in burst:
            connection.settimeout(LIMIT / 6)
        assert all(is_cut(connection) for connection in burst[:40])
        assert get(port, "/-/healthy").status_code == 200


@pytest.mark.usefixtures("impatient")
def test_a_crowd_from_one_address_pushes_out_nobody_else() -> None:
    """A scraper at another address keeps its connection, however long it rests."""
    with served(FakeService(), address="0.0.0.0:0") as port, contextlib.ExitStack() as crowd:
        scraper = crowd.enter_context(socket.create_connection(("127.0.0.1", port), LIMIT, ("127.0.0.9", 0)))
        scraper.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in whole_answer(scraper)
        for _ in range(20):
            crowd.enter_context(connect(port))
        scraper.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")

        assert b"200 OK" in whole_answer(scraper)


class Exhausted:
    """A listening socket of a process that has no file descriptor left."""

    def __init__(self, listening: socket.socket) -> None:
        self.tried = 0
        self._listening = listening

    def fileno(self) -> int:
        return self._listening.fileno()

    def accept(self) -> None:
        self.tried += 1
        raise OSError(errno.EMFILE, "Too many open files")


def test_what_cannot_be_accepted_is_logged_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not once for each connection that waits: a log that fills the disk on demand."""
    monkeypatch.setattr(listener, "RETRY_SECONDS", 0.01)

    async def listen_for_a_while(full: Exhausted) -> None:
        accepting = listener.Listener(full, asyncio.Protocol, None)  # type: ignore[arg-type]
        await until_async(lambda: full.tried >= 5, "five attempts to accept")
        accepting.close()

    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        connect(listening.getsockname()[1]),
        capture_logs() as logs,
    ):
        asyncio.run(asyncio.wait_for(listen_for_a_while(Exhausted(listening)), LIMIT))

    assert [entry["reason"] for entry in logs] == ["Too many open files"]


def test_an_endless_head_is_refused() -> None:
    """A request's first line and headers are bounded."""
    with served(FakeService()) as port, connect(port) as client:
        client.sendall(b"GET /" + b"x" * 2 * server.HEAD_BYTES)
        assert client.recv(4096).startswith(b"HTTP/1.1 400")


def test_answers_name_no_software() -> None:
    """No Server header: versions are shown on the page, to those who may see it."""
    with served(FakeService()) as port:
        assert "server" not in get(port, "/").headers


def test_ipv6() -> None:
    """An IPv6 address is served like any other."""
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with served(FakeService(), address="[::1]:0") as port:
        assert httpx.get(f"http://[::1]:{port}/metrics", timeout=LIMIT).status_code == 200


Program = tuple["subprocess.Popen[str]", int]


@pytest.fixture
def program() -> Iterator[Program]:
    """A server process whose database hangs, and its port."""
    with subprocess.Popen(
        [sys.executable, "-m", "fixtures.web_process"],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        port = next(line for line in process.stdout if line.strip().isdecimal())
        yield process, int(port)
        process.kill()


def logs(process: subprocess.Popen[str], sentence: str) -> bool:
    """Waits until the program prints it."""
    assert process.stdout is not None
    return any(sentence in line for line in process.stdout)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_although_requests_hang(program: Program, number: signal.Signals) -> None:
    """With requests hanging and clients idle it ends, answers what hangs, cleans up and exits with 0."""
    process, port = program
    with connect(port) as hanging, connect(port):
        hanging.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Prometheus-Scrape-Timeout-Seconds: 300\r\n\r\n")
        get(port, "/-/healthy")

        process.send_signal(number)

        assert logs(process, "cleaned up")
        assert process.wait(LIMIT) == 0
        assert b"Riverkeeper is stopping." in hanging.recv(4096)


def test_sighup_reloads(program: Program) -> None:
    """SIGHUP reads the configuration again, and the server goes on."""
    process, port = program
    get(port, "/-/healthy")  # from its first answer on it listens to signals

    process.send_signal(signal.SIGHUP)

    assert logs(process, "reloaded")
    assert get(port, "/-/healthy").status_code == 200
