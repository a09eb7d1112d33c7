"""The webhook on a real socket: giants, slow senders, and those who hang up."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from fixtures.alertmanager_messages import alert, message
from fixtures.web import LIMIT, FakeService, served
from riverkeeper.config.settings import WebhookSettings as Settings
from riverkeeper.web.webhook.endpoint import PATH, Webhook

MOST = 64 * 1024
HEAD = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer s3cret\r\n"
CHUNK = b"2000\r\n" + b" " * 0x2000 + b"\r\n"


@pytest.fixture
def service(tmp_path: Path) -> FakeService:
    file = tmp_path / "token"
    file.write_text("s3cret")
    return FakeService(webhook_settings=Settings.from_tree({"token_file": file, "max_body": "64KiB"}))


@pytest.fixture
def port(service: FakeService) -> Iterator[int]:
    """Of a server whose webhook waits a moment for a message."""
    with served(service, app=Starlette(routes=[Route(PATH, Webhook(service, seconds=0.2))])) as port:
        yield port


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), LIMIT)


def rest(connection: socket.socket) -> bytes:
    """Everything until the server closes the connection."""
    received = b""
    while data := connection.recv(65536):
        received += data
    return received


def taken(port: int) -> int:
    url, headers = f"http://127.0.0.1:{port}{PATH}", {"Authorization": "Bearer s3cret"}
    return httpx.post(url, content=message(alert()), headers=headers, timeout=LIMIT).status_code


def test_an_announced_giant_is_refused_unread(port: int) -> None:
    """20 MB by Content-Length: 413 before any of it comes, and the connection is closed."""
    with connect(port) as client:
        client.sendall(f"{HEAD}Content-Length: 20000000\r\n\r\n".encode())
        assert rest(client).startswith(b"HTTP/1.1 413")


def test_a_giant_in_pieces_is_refused_as_soon_as_it_is_too_long(port: int) -> None:
    """What announces no length is counted while it comes: the answer is there one piece after max_body."""
    with connect(port) as client:
        client.sendall(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode())
        client.sendall(CHUNK * (MOST // 0x2000 + 1))
        assert rest(client).startswith(b"HTTP/1.1 413")


def test_a_message_that_trickles_is_cut(port: int, service: FakeService) -> None:
    """A sender that never ends holds nothing open: 408, and the connection is closed."""
    with connect(port) as client:
        client.sendall(f"{HEAD}Content-Length: 1000\r\n\r\n{{".encode())
        assert rest(client).startswith(b"HTTP/1.1 408")
    assert service.received == []


def test_a_sender_that_hangs_up_holds_up_nobody(port: int, service: FakeService) -> None:
    """Half a message and then nothing: forgotten, and the next one is taken."""
    with connect(port) as client:
        client.sendall(f"{HEAD}Content-Length: 1000\r\n\r\n{{".encode())

    assert taken(port) == 202
    assert len(service.received) == 1


def test_slow_senders_take_no_room_from_others_for_long(port: int) -> None:
    """More of them than messages may be in memory: each is cut in its time, and a whole message still gets in."""
    slow = [connect(port) for _ in range(20)]
    for connection in slow:
        connection.sendall(f"{HEAD}Content-Length: 1000\r\n\r\n{{".encode())
    assert all(rest(connection).startswith(b"HTTP/1.1 408") for connection in slow)

    assert taken(port) == 202
    for connection in slow:
        connection.close()


def test_bodies_that_stall_hold_up_nobody_else(service: FakeService) -> None:
    """A holder of the token cannot keep anybody from the metrics; a message too many is to be sent again."""
    with served(service) as port, contextlib.ExitStack() as crowd:
        stalled = [crowd.enter_context(connect(port)) for _ in range(150)]
        for connection in stalled:
            connection.sendall(f"{HEAD}Content-Length: 1000\r\n\r\n{{".encode())
        with connect(port) as last:
            last.sendall(f"{HEAD}Content-Length: 1000\r\n\r\n{{".encode())
            assert rest(last).startswith(b"HTTP/1.1 503")
        assert httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=LIMIT).status_code == 200
