"""A TCP proxy that can stall, cut, refuse, swallow or delay: the network between a client and its database."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

CHUNK = 65536


class Proxy:
    """Runs in a thread of its own; every method is for the test's thread and has taken effect when it returns."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._loop = asyncio.new_event_loop()
        self._open = {"requests": asyncio.Event(), "answers": asyncio.Event()}
        for direction in self._open.values():
            direction.set()
        self._refusing = False
        self._swallowing = False
        self._answer_delay = 0.0
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._wires: set[asyncio.StreamWriter] = set()
        self._relays: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._serve, "127.0.0.1", 0))
        port = self._server.sockets[0].getsockname()[1]
        self.url = urlunsplit(self._target._replace(netloc=f"{self._target.username}@127.0.0.1:{port}"))

    def stall(self, *, requests: bool = True, answers: bool = True) -> None:
        """Hold back all bytes, both ways or one; none gets lost."""
        self._do(self._set(requests=not requests, answers=not answers))

    def drop(self) -> None:
        """Swallow all bytes: connections of this time never answer again, also after `restore`."""
        self._do(self._set(swallowing=True))

    def refuse(self) -> None:
        """Cut every connection, and each new one at once."""
        self._do(self._set(refusing=True))
        self._do(self._cut())

    def cut(self) -> None:
        """Cut every connection; new ones are welcome."""
        self._do(self._cut())

    def answer_late(self, seconds: float) -> None:
        """Hold back each answer of the server."""
        self._do(self._set(answer_delay=seconds))

    def lead_to(self, url: str) -> None:
        """To another server from now on, as an address does that follows a failover; connections of before are cut."""
        self._do(self._lead(url))

    def restore(self) -> None:
        """All is well again."""
        self._do(self._set())

    def close(self) -> None:
        self._do(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _set(
        self,
        *,
        requests: bool = True,
        answers: bool = True,
        swallowing: bool = False,
        refusing: bool = False,
        answer_delay: float = 0.0,
    ) -> None:
        self._swallowing, self._refusing, self._answer_delay = swallowing, refusing, answer_delay
        for name, is_open in (("requests", requests), ("answers", answers)):
            self._open[name].set() if is_open else self._open[name].clear()

    async def _lead(self, url: str) -> None:
        self._target = urlsplit(url)
        await self._cut()

    async def _cut(self) -> None:
        for wire in list(self._wires):
            wire.transport.abort()

    async def _shut(self) -> None:
        self._closed.set_result(None)
        self._server.close()
        await self._cut()
        for relay in list(self._relays):
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._relays.add(task)
            task.add_done_callback(self._relays.discard)
        self._wires.add(writer)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            if not self._refusing:
                await self._connect(reader, writer)
        writer.transport.abort()
        self._wires.discard(writer)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, downstream = await asyncio.open_connection(self._target.hostname, self._target.port)
        self._wires.add(downstream)
        both = [
            asyncio.ensure_future(self._relay(reader, downstream)),
            asyncio.ensure_future(self._relay(upstream, writer, answers=True)),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for relay in both:
                relay.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            downstream.transport.abort()
            self._wires.discard(downstream)

    async def _relay(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool = False
    ) -> None:
        deaf = False
        while data := await reader.read(CHUNK):
            await self._open["answers" if answers else "requests"].wait()
            if answers and self._answer_delay:
                await asyncio.wait([self._closed], timeout=self._answer_delay)
            deaf = deaf or self._swallowing
            if not deaf:
                writer.write(data)
                await writer.drain()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


@contextlib.contextmanager
def proxied(url: str) -> Iterator[Proxy]:
    proxy = Proxy(url)
    try:
        yield proxy
    finally:
        proxy.close()
