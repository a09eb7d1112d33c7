"""Runs the web server until SIGTERM, SIGINT or a stop event."""

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
from riverkeeper.web.http.connection import KEEP_ALIVE_SECONDS, connection_class
from riverkeeper.web.http.listener import Listener
from riverkeeper.web.http.sockets import format_address
from riverkeeper.web.web_config.security import Security

HEAD_BYTES = 32 * 1024  # of a request's first line and headers
GRACE_SECONDS = 3  # for requests in flight at the stop: with the rest, well under 5 s
LAST_ANSWERS_SECONDS = 0.5  # for the answers of cancelled requests

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
    for listening in sockets:
        _log.info("listening", url=f"{'https' if security.tls else 'http'}://{format_address(listening)}")
    watcher = asyncio.create_task(_stop_when(stop, server))
    with _signals(stop, service):
        await server.serve(list(sockets))
    watcher.cancel()
    await _close_connections(server)


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
    """Accepts connections by Listener. Sets no limit_concurrency, which would refuse a health probe too."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self.lifespan.startup()
        self.servers = [Listener(each, self._connection, self.config.ssl) for each in sockets or []]  # type: ignore[misc]
        self.started = True

    def _connection(self) -> asyncio.Protocol:
        make: Any = self.config.http_protocol_class
        made: asyncio.Protocol = make(config=self.config, server_state=self.server_state, app_state={})
        return made

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn raises the signal again at its end, which would kill the process before it has cleaned up.
        yield


async def _stop_when(stop: asyncio.Event, server: uvicorn.Server) -> None:
    await stop.wait()
    server.should_exit = True


async def _close_connections(server: uvicorn.Server) -> None:
    tasks = set(server.server_state.tasks)
    if tasks:  # cancelled at the end of the grace period; they still have to answer their clients
        await asyncio.wait(tasks, timeout=LAST_ANSWERS_SECONDS)
    for connection in set(server.server_state.connections):
        connection.transport.abort()  # a TLS client that never answers close_notify


@contextlib.contextmanager
def _signals(stop: asyncio.Event, service: Service) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[None]] = set()  # asyncio may drop a task without a reference

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
        _log.info("configuration reloaded on SIGHUP")
    else:
        _log.error("configuration not reloaded on SIGHUP, the previous one stays in force", reason=reason)
