"""Takes one scrape at a time, on one connection, and shares it among all requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TookTooLong
from typing import Protocol, TypeVar

from riverkeeper.scrape.scrape import Snapshot

Result = TypeVar("Result")


class SnapshotReader(Protocol):
    """Takes snapshots; one thread uses it at a time."""

    def read(self, seconds: float) -> Snapshot: ...
    def close(self) -> None: ...


class Collector:
    """Shares a snapshot at most `min_interval` seconds old between all callers; the first caller starts a reading."""

    def __init__(self, reader: SnapshotReader, min_interval: float) -> None:
        self._reader = reader
        self._min_interval = min_interval
        self._lock = threading.Lock()
        self._reading: Future[Snapshot] | None = None
        self._ended_at = float("-inf")  # our monotonic clock
        self._latest: Snapshot | None = None
        self._closed = False

    @property
    def latest(self) -> Snapshot | None:
        """The last finished snapshot, of any age."""
        return self._latest

    def request(self, seconds: float, at_most: float | None = None) -> Future[Snapshot]:
        """The snapshot to wait for: a fresh finished one, the one under way, or a new one of at most `seconds`.

        `at_most`: how old a finished one may be, where that is less than `min_interval`.
        """
        with self._lock:
            if self._reading is None or (self._reading.done() and self._is_stale(at_most) and not self._closed):
                self._reading = self._start(seconds)
            return self._reading

    def collect(self, seconds: float, at_most: float | None = None) -> Snapshot:
        """A snapshot within `seconds`; `up=False` where the reading takes longer. For callers without an event loop."""
        try:
            return self.request(seconds, at_most).result(seconds)
        except TookTooLong:
            return make_timeout(seconds)

    def close(self) -> None:
        """Start no new reading, and close the reader: now, or when the reading under way has ended."""
        with self._lock:
            self._closed = True
            under_way = self._reading is not None and not self._reading.done()
        if not under_way:
            self._reader.close()

    def _is_stale(self, at_most: float | None) -> bool:
        limit = self._min_interval if at_most is None else min(at_most, self._min_interval)
        return time.monotonic() - self._ended_at >= limit

    def _start(self, seconds: float) -> Future[Snapshot]:
        future: Future[Snapshot] = Future()
        future.set_running_or_notify_cancel()  # from here on no caller who loses patience can cancel it for the others
        # A daemon: a reading that hangs in the network must not hold up the end of the process.
        threading.Thread(target=self._read, args=(future, seconds), name="reading", daemon=True).start()
        return future

    def _read(self, future: Future[Snapshot], seconds: float) -> None:
        try:
            snapshot = self._reader.read(seconds)
        except BaseException as error:  # noqa: BLE001 - whatever it was, the next caller must find a reading that ended
            self._end(future.set_exception, error)
        else:
            self._latest, self._ended_at = snapshot, time.monotonic()
            self._end(future.set_result, snapshot)

    def _end(self, settle: Callable[[Result], None], result: Result) -> None:
        with self._lock:
            settle(result)
            closed = self._closed
        if closed:
            self._reader.close()


def make_timeout(seconds: float) -> Snapshot:
    """What is shown while a reading hangs: the database does not answer."""
    return Snapshot(
        up=False,
        taken_at=time.time(),
        error=f"the database has not answered within {seconds:.1f} s (timed_out: see the server, or the network to it)",
    )
