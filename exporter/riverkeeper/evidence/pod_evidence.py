"""What the watchers of pods have seen, for scrapes: the watchers' threads write it, and the scrape's thread reads it.

No call waits for the network. Where the API server is away, what was seen stays true, and nothing new comes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from riverkeeper.evidence.lives import PodLives, WatchState
from riverkeeper.evidence.proof import ClockOffset, Holder, NoEvidence, Terminated, find_termination, sees_process

# A claim that was committed before its process ended is visible by then to every scrape.
SETTLE_SECONDS = 60.0


class PodEvidence:
    """The pods of every watched namespace. `container`: the only one that runs workers; None: each may."""

    def __init__(self, namespaces: Collection[str], container: str | None = None) -> None:
        self._lock = threading.Lock()
        self._lives = PodLives()
        self._container = container
        self._errors = dict.fromkeys(namespaces, "the pods are not listed yet")  # "": the watch works
        self._api_skew: tuple[float, float] | None = None  # our clock minus the API server's, ± seconds
        self._database_skew: float | None = None  # our clock minus the database's

    def update(self, manifest: Mapping[str, Any], *, deleted: bool = False) -> None:
        """A pod as the API server shows it; `deleted`: for the last time."""
        with self._lock:
            self._lives.update(manifest, time.monotonic(), deleted=deleted)

    def replace_all(self, uids: Iterable[str], namespace: str) -> None:
        """The namespace has these pods and no others."""
        with self._lock:
            self._lives.replace_all(uids, time.monotonic(), namespace)

    def report(self, namespace: str, error: str = "") -> None:
        """The watch of a namespace works, or why it does not."""
        self._errors = {**self._errors, namespace: error}

    def compare_api_clock(self, skew: float, uncertainty: float) -> None:
        """Our clock minus the API server's, exact to this many seconds."""
        self._api_skew = skew, uncertainty

    def compare_database_clock(self, skew: float) -> None:
        """Our clock minus the database's."""
        self._database_skew = skew

    @property
    def is_open(self) -> bool:
        """Whether a container has ended whose jobs may not have been looked for."""
        return bool(self._lives.changed)

    def has_ended_lately(self, uid: str) -> bool:
        """Whether a container of this pod has ended whose jobs may not have been looked for."""
        return uid in self._lives.changed

    def find(self, holder: Holder, now: float) -> Terminated | NoEvidence:
        """Proof that the process of a claim has ended; `now`: the database's clock."""
        with self._lock:
            return find_termination(holder, self._lives, self._offset(), now, self._container)

    def sees(self, holder: Holder) -> bool:
        """Whether the end of this process could be proven, now or later."""
        with self._lock:
            return sees_process(holder, self._lives, self._container)

    def settle(self, holding: Collection[str]) -> None:
        """Nobody needs to look for jobs of the other pods any more: only these still hold some (by UID)."""
        with self._lock:
            before = time.monotonic() - SETTLE_SECONDS
            old = [uid for uid, at in self._lives.changed.items() if at < before and uid not in holding]
            self._lives.settle(old)

    def state(self) -> WatchState:
        """For metrics and pages."""
        error = next((error for error in self._errors.values() if error), "")
        return WatchState(not error, len(self._lives.pods) - self._lives.gone, error)

    def _offset(self) -> ClockOffset | None:
        if self._api_skew is None or self._database_skew is None:
            return None
        skew, uncertainty = self._api_skew
        return ClockOffset(self._database_skew - skew, uncertainty)
