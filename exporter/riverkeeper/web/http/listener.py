"""Accepts connections: how many at once, how long a TLS handshake may take, and what is logged of a failure.

asyncio's own server has no limit before the handshake, waits a minute for it, and logs a traceback for every connection
that it cannot accept.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

import structlog

HANDSHAKE_SECONDS = 5.0  # a client a continent away needs under one
HANDSHAKES = 100  # at once; beyond it the oldest goes
AT_ONCE = 32  # connections that are accepted before the event loop serves anything else
RETRY_SECONDS = 1.0  # after a connection could not be accepted, mostly for want of file descriptors
LOG_SECONDS = 60.0

_log = structlog.get_logger("riverkeeper.web")


class Listener:
    """Accepts on one listening socket until it is closed."""

    handshake_seconds: float = HANDSHAKE_SECONDS
    handshakes: int = HANDSHAKES

    def __init__(
        self,
        listening: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
        context: ssl.SSLContext | None,
    ) -> None:
        """Starts at once; needs a running loop."""
        self._socket, self._protocol, self._context = listening, protocol, context
        self._loop = asyncio.get_running_loop()
        self._handshaking: dict[asyncio.Task[Any], None] = {}  # the oldest first
        self._pause: asyncio.TimerHandle | None = None
        self._logged_at = float("-inf")
        self._loop.add_reader(listening, self._accept)

    def close(self) -> None:
        """The socket itself stays open; it is its owner's."""
        self._loop.remove_reader(self._socket)
        if self._pause is not None:
            self._pause.cancel()
        for task in [*self._handshaking]:
            task.cancel()

    async def wait_closed(self) -> None:
        await asyncio.gather(*self._handshaking, return_exceptions=True)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._pause_accepting(error)
                return
            self._start_handshake(connection)

    def _pause_accepting(self, error: OSError) -> None:
        self._loop.remove_reader(self._socket)
        self._pause = self._loop.call_later(RETRY_SECONDS, self._loop.add_reader, self._socket, self._accept)
        if time.monotonic() - self._logged_at >= LOG_SECONDS:
            self._logged_at = time.monotonic()
            _log.error("connection not accepted, retrying every second", reason=error.strerror)

    def _start_handshake(self, connection: socket.socket) -> None:
        while len(self._handshaking) >= self.handshakes:
            oldest = next(iter(self._handshaking))
            del self._handshaking[
                oldest
            ]  # now: the task ends in the loop's next iteration, and must not be chosen twice
            oldest.cancel()
        connection.setblocking(False)
        limit = {} if self._context is None else {"ssl_handshake_timeout": self.handshake_seconds}
        coming = self._loop.connect_accepted_socket(self._protocol, connection, ssl=self._context, **limit)
        task = self._loop.create_task(coming)
        self._handshaking[task] = None
        task.add_done_callback(functools.partial(self._finish_handshake, connection))

    def _finish_handshake(self, connection: socket.socket, task: asyncio.Task[Any]) -> None:
        """Log no failure: the client spoke no TLS, gave up, or was cut to make room."""
        self._handshaking.pop(task, None)
        if task.cancelled() or task.exception() is not None:
            connection.close()  # also where the task was cancelled before it began
