"""Serves the pages until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import structlog
import uvicorn
from starlette.types import ASGIApp

from riverkeeper.metrics.catalogue.process import Rejection
from riverkeeper.service import Service
from riverkeeper.web.http.accepting import Listener
from riverkeeper.web.http.addresses import shown
from riverkeeper.web.http.connection import KEEP_ALIVE_SECONDS, connection_class
from riverkeeper.web.web_config.security import Security

HEAD_BYTES = 32 * 1024  # of a request's first line and headers
GRACE_SECONDS = 3  # for requests at work when we are told to stop: with the rest, well under 5 s
LAST_WORDS_SECONDS = 0.5

_log = structlog.get_logger("riverkeeper.web")


async def serve(
    app: ASGIApp,
    sockets: Sequence[socket.socket],
    service: Service,
    security: Security,
    stop: asyncio.Event | None = None,
) -> None:
    """Returns after `stop`, SIGTERM or SIGINT, with the sockets closed and about GRACE_SECONDS later at most.

    Listens to signals only in the main thread; SIGHUP is service.reload.
    """
    stop = stop or asyncio.Event()
    server = _Server(_uvicorn_config(app, service, security))
    for one in sockets:
        _log.info("listening", url=f"{'https' if security.tls else 'http'}://{shown(one)}")
    watcher = asyncio.create_task(_stop_when(stop, server))
    with _signals(stop, service):
        await server.serve(list(sockets))
    watcher.cancel()
    await _end(server)


def _uvicorn_config(app: ASGIApp, service: Service, security: Security) -> uvicorn.Config:
    def admits(certificate: Mapping[str, Any] | None) -> bool:
        admitted = security.admits_certificate(certificate)
        if not admitted:
            service.count_rejected(Rejection.WRONG_CERTIFICATE)
        return admitted

    config = uvicorn.Config(
        app,
        http=connection_class(admits),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",  # its warnings are one line per bad request: a flood on demand
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        h11_max_incomplete_event_size=HEAD_BYTES,
    )
    config.load()
    config.ssl = security.context()
    return config


class _Server(uvicorn.Server):
    """Accepts connections by ours; no limit_concurrency, which would refuse a health probe too."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self.lifespan.startup()
        self.servers = [Listener(one, self._connection, self.config.ssl) for one in sockets or []]  # type: ignore[misc]
        self.started = True

    def _connection(self) -> asyncio.Protocol:
        make: Any = self.config.http_protocol_class
        made: asyncio.Protocol = make(config=self.config, server_state=self.server_state, app_state={})
        return made

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn's own raises the signal again when it is done, which kills us before we have cleaned up.
        yield


async def _stop_when(stop: asyncio.Event, server: uvicorn.Server) -> None:
    await stop.wait()
    server.should_exit = True


async def _end(server: uvicorn.Server) -> None:
    tasks = set(server.server_state.tasks)
    if tasks:  # cancelled when the grace was over; they still have to say so to their clients
        await asyncio.wait(tasks, timeout=LAST_WORDS_SECONDS)
    for connection in set(server.server_state.connections):
        connection.transport.abort()  # a TLS client that never answers our goodbye


@contextlib.contextmanager
def _signals(stop: asyncio.Event, service: Service) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[None]] = set()  # a task that nobody holds may vanish

    def start_reload() -> None:
        task = asyncio.ensure_future(_reload(service))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    handlers = {signal.SIGTERM: stop.set, signal.SIGINT: stop.set, signal.SIGHUP: start_reload}
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)


async def _reload(service: Service) -> None:
    reason = await service.reload()
    if reason is None:
        _log.info("configuration read again")
    else:
        _log.error("configuration not taken, the one before stays in force", reason=reason)
