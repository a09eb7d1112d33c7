"""Cuts a connection whose server does not answer in time, and remembers that: such a connection did not break."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any

import psycopg

from riverkeeper.postgres.driver_errors import explain
from riverkeeper.postgres.errors import DatabaseError

Connection = psycopg.Connection[Any]

_cut: weakref.WeakSet[Connection] = weakref.WeakSet()


@contextlib.contextmanager
def limit_time(connection: Connection, moment: float) -> Iterator[None]:
    """Shut the socket down at a moment of the monotonic clock: a frozen server obeys no statement_timeout."""
    timer = threading.Timer(max(0.0, moment - time.monotonic()), _shut_down, [connection])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def explain_failure(connection: Connection, error: Exception, action: str) -> DatabaseError:
    """The DatabaseError for an error of the driver on this connection."""
    return explain(error, action, lost=connection.closed, was_cut=connection in _cut)


def _shut_down(connection: Connection) -> None:
    _cut.add(connection)
    with (
        contextlib.suppress(OSError, psycopg.Error),
        socket.socket(fileno=os.dup(connection.fileno())) as wire,
    ):
        wire.shutdown(socket.SHUT_RDWR)
