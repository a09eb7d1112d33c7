"""Snapshots for everybody who asks, one reading at a time: however many scrapes, one connection and one flight."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TookTooLong
from typing import Protocol, TypeVar

from riverkeeper.scrape.scrape import Snapshot

Landing = TypeVar("Landing")


class Reads(Protocol):
    """What takes snapshots; used by one thread at a time."""

    def read(self, seconds: float) -> Snapshot: ...
    def close(self) -> None: ...


class Collector:
    """Shares a snapshot at most `min_interval` seconds old between all callers; the first to ask starts the flight."""

    def __init__(self, reader: Reads, min_interval: float) -> None:
        self._reader = reader
        self._min_interval = min_interval
        self._lock = threading.Lock()
        self._flight: Future[Snapshot] | None = None
        self._landed_at = float("-inf")  # our monotonic clock
        self._latest: Snapshot | None = None
        self._closed = False

    @property
    def latest(self) -> Snapshot | None:
        """The last finished reading, of any age."""
        return self._latest

    def flight(self, seconds: float, at_most: float | None = None) -> Future[Snapshot]:
        """The reading to wait for: a fresh finished one, the one under way, or a new one of at most `seconds`.

        `at_most`: how old a finished one may be, where that is less than `min_interval`.
        """
        with self._lock:
            if self._flight is None or (self._flight.done() and self._stale(at_most) and not self._closed):
                self._flight = self._take_off(seconds)
            return self._flight

    def collect(self, seconds: float, at_most: float | None = None) -> Snapshot:
        """A snapshot within `seconds`; `up=False` where the reading takes longer. For callers without an event loop."""
        try:
            return self.flight(seconds, at_most).result(seconds)
        except TookTooLong:
            return still_waiting(seconds)

    def close(self) -> None:
        """Take no new readings, and close the reader: now, or when the one under way has ended."""
        with self._lock:
            self._closed = True
            under_way = self._flight is not None and not self._flight.done()
        if not under_way:
            self._reader.close()

    def _stale(self, at_most: float | None) -> bool:
        limit = self._min_interval if at_most is None else min(at_most, self._min_interval)
        return time.monotonic() - self._landed_at >= limit

    def _take_off(self, seconds: float) -> Future[Snapshot]:
        flight: Future[Snapshot] = Future()
        flight.set_running_or_notify_cancel()  # from here on no caller who loses patience can cancel it for the others
        # A daemon: a reading that hangs in the network must not hold up the end of the process.
        threading.Thread(target=self._fly, args=(flight, seconds), name="reading", daemon=True).start()
        return flight

    def _fly(self, flight: Future[Snapshot], seconds: float) -> None:
        try:
            snapshot = self._reader.read(seconds)
        except BaseException as error:  # noqa: BLE001 - whatever it was, the next caller must find a flight that ended
            self._land(flight.set_exception, error)
        else:
            self._latest, self._landed_at = snapshot, time.monotonic()
            self._land(flight.set_result, snapshot)

    def _land(self, settle: Callable[[Landing], None], landing: Landing) -> None:
        with self._lock:
            settle(landing)
            closed = self._closed
        if closed:
            self._reader.close()


def still_waiting(seconds: float) -> Snapshot:
    """What is shown while a reading hangs: the database is not answering."""
    return Snapshot(
        up=False,
        taken_at=time.time(),
        error=f"the database has not answered within {seconds:.1f} s (timed_out: see the server, or the network to it)",
    )
