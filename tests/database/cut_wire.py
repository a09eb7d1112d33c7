"""A wire to Postgres that is cut at the moment of a COMMIT."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator
from enum import Enum
from urllib.parse import urlsplit, urlunsplit


class Cut(Enum):
    """When the wire is cut: the server never hears the COMMIT, or the client never hears that it was done."""

    BEFORE = "before"
    AFTER = "after"
    NEVER = "never"


class Wire:
    """A proxy for one connection at a time."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.cut = Cut.NEVER
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client, socket.create_connection(self._server) as server:
                self._carry(client, server)

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ)
            ready.register(server, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select():
                    sender = client if key.fileobj is client else server
                    data = sender.recv(65_536)
                    commits = sender is client and b"COMMIT\0" in data
                    if not data or (commits and self.cut is Cut.BEFORE):
                        return
                    (server if sender is client else client).sendall(data)
                    if commits and self.cut is Cut.AFTER:
                        server.recv(65_536)  # done, and nobody will know
                        return


@contextlib.contextmanager
def wire(url: str) -> Iterator[tuple[Wire, str]]:
    """A wire to the server of `url`, and the URL by which to use it. Close the connections first."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    proxy = Wire((parts.hostname, parts.port))
    try:
        yield proxy, urlunsplit(parts._replace(netloc=f"{parts.username}@127.0.0.1:{proxy.port}"))
    finally:
        proxy.close()
