"""One client's connection, with timeouts: uvicorn alone waits for ever for the first line of a request."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTIONS = 200  # at most; a new one cuts an old one, idle ones first
REQUEST_SECONDS = 10  # to send a request's head, from its first byte or from connecting
STALLED_SECONDS = 20  # without reading our answer
KEEP_ALIVE_SECONDS = 75  # longer than a scrape interval of a minute, so that a scraper need not connect again

Admits = Callable[[Mapping[str, Any] | None], bool]


class Connection(H11Protocol):
    """A connection that nobody can hold open by doing nothing."""

    admits: Admits  # called with the client's certificate
    request_seconds: float = REQUEST_SECONDS
    stalled_seconds: float = STALLED_SECONDS
    connections_kept: int = CONNECTIONS

    @property
    def waiting(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._host = str((transport.get_extra_info("peername") or ("",))[0])
        self._waiting_since = self.loop.time()
        self._request = _Timeout(transport)
        self._reading = _Timeout(transport)
        self._admitted = type(self).admits(transport.get_extra_info("peercert"))
        if not self._admitted:
            transport.abort()
            return
        self._request.start(self.request_seconds)
        self._make_room()

    def data_received(self, data: bytes) -> None:
        if not self._admitted:
            return
        super().data_received(data)
        if self.waiting:
            self._request.start(self.request_seconds)
        else:
            self._request.stop()

    def on_response_complete(self) -> None:
        self._waiting_since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reading.start(self.stalled_seconds)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._reading.stop()

    def connection_lost(self, exc: Exception | None) -> None:
        self._request.stop()
        self._reading.stop()
        super().connection_lost(exc)

    def _make_room(self) -> None:
        """Cut down to the limit: uvicorn counts a closing connection until the loop's next iteration."""
        others = [cast(Connection, other) for other in self.connections if other is not self]
        alive = [other for other in others if not other.transport.is_closing()]
        while len(alive) >= self.connections_kept:
            crowd = Counter(other._host for other in alive)
            # Idle connections first, then clients that do not read their answer; among these the oldest connection of
            # the address with the most: a crowd from one address does not push out a probe or a scraper at another.
            last = min(
                alive,
                key=lambda other: (
                    not other.waiting,
                    not other._reading.running,
                    -crowd[other._host],
                    other._waiting_since,
                ),
            )
            alive.remove(last)
            last.transport.abort()


class _Timeout:
    """Cuts a connection when the client takes too long."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._timer: asyncio.TimerHandle | None = None

    @property
    def running(self) -> bool:
        return self._timer is not None

    def start(self, seconds: float) -> None:
        """Leave a running timer as it is: a byte now and then buys no time."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._transport.abort)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def connection_class(admits: Admits, **limits: float) -> type[Connection]:
    """The class of a server's connections; uvicorn makes them itself, so their settings are the class's."""
    return type("ServerConnection", (Connection,), {"admits": staticmethod(admits), **limits})
