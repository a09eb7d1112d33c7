"""The harness' own look at the server, through a proxy like those of the workers: when did an answer come?"""

from __future__ import annotations

import contextlib
import threading
import time

import psycopg

from conformance.proxy import Proxy

EVERY = 0.25  # seconds


class Probe:
    """Asks the server four times a second, in a thread of its own; `answers` are the moments of its answers."""

    def __init__(self, url: str) -> None:
        self.answers: list[float] = []
        self._proxy = Proxy(url)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join(10)
        self._proxy.close()

    def _ask(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(psycopg.Error):
                self._ask_until_it_breaks()
            self._over.wait(EVERY)

    def _ask_until_it_breaks(self) -> None:
        with psycopg.connect(self._proxy.url, autocommit=True, connect_timeout=5) as connection:
            while not self._over.is_set():
                connection.execute("SELECT 1")
                self.answers.append(time.time())
                self._over.wait(EVERY)
