"""Learns how often producers refresh the row of their queue, so that a queue without a producer is noticed soon. Pure.

River for Rust and JavaScript refreshes a queue's row every 30 s, River for Java every few seconds, River for Go every
ten minutes. A row shows only its last refresh, and not whose it was. So only a quick rhythm is learned: where every
refresh of 25 minutes came soon after the one before, clients of Go alone would have to be dozens.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from riverkeeper.river.facts import Queue

MISSED = 3  # refreshes: one may be late, and the next one lost
QUICK_SECONDS = 100.0  # a rhythm of 30 s has no longer gap than this where two refreshes are lost or not seen
LEAST_REFRESHES = 3  # that were seen: fewer are no rhythm, but a start, a pause or a resume
DEFAULT_SECONDS = 1500.0  # for a rhythm that is not known: River for Go has missed two refreshes and a half
WINDOW_SECONDS = DEFAULT_SECONDS  # a rhythm that is forgotten because nothing is refreshed is by then past every limit


@dataclass(frozen=True, slots=True)
class Refresh:
    """A refresh that a scrape saw. All in seconds; the row may be dated by a worker's clock, the scrape never is."""

    seen_at: float  # by the database's clock
    gap: float  # from the refresh before to this one, by the clock that dates the row
    age: float  # of the row, at most, before this refresh: with whatever that clock is off


@dataclass(slots=True)
class _QueueRhythm:
    updated_at: float
    refreshes: deque[Refresh] = field(default_factory=deque)

    def observe(self, updated_at: float, now: float) -> None:
        """The row at `now`, the database's clock."""
        if updated_at != self.updated_at:
            seen = Refresh(now, abs(updated_at - self.updated_at), now - self.updated_at)
            if seen.gap <= DEFAULT_SECONDS:  # a longer one is a start: there was no producer before
                self.refreshes.append(seen)
            self.updated_at = updated_at
        while self.refreshes and now - self.refreshes[0].seen_at > WINDOW_SECONDS:
            self.refreshes.popleft()

    def limit(self) -> float | None:
        """The age of the row at which the producers have missed MISSED refreshes; None: their rhythm is not known."""
        if len(self.refreshes) < LEAST_REFRESHES:
            return None
        gap = max(refresh.gap for refresh in self.refreshes)
        if gap > QUICK_SECONDS:
            return None
        return min(max(refresh.age for refresh in self.refreshes) + (MISSED - 1) * gap, DEFAULT_SECONDS)


@dataclass(slots=True)
class QueueRhythms:
    """The rhythm of each queue, as the scrapes of this process saw it."""

    _queues: dict[str, _QueueRhythm] = field(default_factory=dict)

    def observe(self, queues: Iterable[Queue], now: float) -> Mapping[str, float]:
        """Queue -> its limit, of those whose rhythm is known, after one more scrape at `now`, the database's clock."""
        rows = {queue.name: queue.updated_at for queue in queues}
        self._queues = {name: self._queues.get(name) or _QueueRhythm(at) for name, at in rows.items()}
        for name, rhythm in self._queues.items():
            rhythm.observe(rows[name], now)
        limits = ((name, rhythm.limit()) for name, rhythm in self._queues.items())
        return {name: limit for name, limit in limits if limit is not None}
