"""The claims at work in this process, and those whose end the keeper has still to be told. For any thread."""

from __future__ import annotations

import threading
from collections.abc import Collection

from riverkeeper.heartbeat.beat import Beat
from riverkeeper.heartbeat.claim import Claim, Outcome

MOST_ENDS = 100_000  # kept while the database is away; they only inform


class Roster:
    """A claim is at work from `add` to `depart`, and unfinished from `add` to `close`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at_work: dict[Claim, Beat] = {}
        self._newest: dict[int, Beat] = {}  # by job id
        self._ended: dict[Claim, Outcome] = {}
        self._unfinished: set[Beat] = set()
        self._sealed = False

    def add(self, beat: Beat) -> Beat | None:
        """The earlier attempt of the same job that is still at work here, if there is one.

        Raises ValueError for a claim that is at work already, RuntimeError once sealed.
        """
        with self._lock:
            if self._sealed:
                raise RuntimeError("this Beater is closed")
            if beat.claim in self._at_work:
                raise ValueError(f"job {beat.claim.job_id} is already beaten for under this claim")
            earlier = self._newest.get(beat.claim.job_id)
            self._at_work[beat.claim] = self._newest[beat.claim.job_id] = beat
            self._unfinished.add(beat)
            return earlier

    def seal(self) -> None:
        """Take no more claims."""
        with self._lock:
            self._sealed = True

    def depart(self, beat: Beat) -> None:
        """The work has returned, or completed itself: no beat may say any longer that it lives."""
        with self._lock:
            self._at_work.pop(beat.claim, None)
            if self._newest.get(beat.claim.job_id) is beat:
                del self._newest[beat.claim.job_id]

    def close(self, beat: Beat, outcome: Outcome) -> None:
        """The keeper is told with the next tick how the work ended, if a row may exist."""
        with self._lock:
            self._unfinished.discard(beat)
            if beat.named and len(self._ended) < MOST_ENDS:
                self._ended[beat.claim] = outcome

    def at_work(self) -> list[Beat]:
        with self._lock:
            return list(self._at_work.values())

    def ended(self) -> dict[Claim, Outcome]:
        with self._lock:
            return dict(self._ended)

    def forget(self, told: Collection[Claim]) -> None:
        """The keeper knows how these have ended."""
        with self._lock:
            for claim in told:
                self._ended.pop(claim, None)

    def is_finished(self) -> bool:
        """Whether no claim is at work."""
        with self._lock:
            return not self._unfinished

    def shortest_interval(self, otherwise: float) -> float:
        """Seconds between beats that the most urgent claim asks for, and no more than `otherwise`."""
        with self._lock:
            return min((beat.tier.interval for beat in self._at_work.values()), default=otherwise)
