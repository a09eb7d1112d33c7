"""May a result get out? Rule 6 of the contract, decided from what is known, asked where it must be."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from riverkeeper.errors import DatabaseError
from riverkeeper.heartbeat.beat import Beat
from riverkeeper.heartbeat.claim import Outcome
from riverkeeper.heartbeat.clock import lease_clock
from riverkeeper.heartbeat.trouble import Troubles

AGAIN_SECONDS = 0.25  # between two questions that failed
LAST_SECONDS = 5.0  # of asking, once the work was told to stop or the process is ending; then the result is dropped
MOST_SECONDS = 5.0  # for one question


class Settles(Protocol):
    """The table, or what stands in for it."""

    def settle(self, beat: Beat, seconds: float) -> bool: ...


class Settling:
    """Decides for one claim whose work has returned. `ask` until the answer is not None, `pause` in between."""

    def __init__(self, beat: Beat, table: Settles, troubles: Troubles, closing: threading.Event) -> None:
        self._beat = beat
        self._table = table
        self._troubles = troubles
        self._closing = closing
        self._given_up_at = float("inf")

    def known(self, spoken_for: bool) -> bool | None:
        """The answer where nobody has to be asked; `spoken_for`: the process was heard within the last interval."""
        if self._beat.lost:
            return False
        # No beat named it, so the keeper could judge it by its process alone; and that one was just heard.
        return True if spoken_for and not self._beat.named else None

    def ask(self) -> bool | None:
        """Whether the result may get out; None while nobody can say and it is worth asking again."""
        self._beat.named = True  # settling makes the row, also where the answer gets lost
        try:
            left = max(0.1, self._given_up_at - lease_clock())
            return self._table.settle(self._beat, min(self._beat.tier.interval, MOST_SECONDS, left))
        except DatabaseError as error:
            self._troubles.tell(error)
        if self._beat.lost:
            return False
        if self._beat.reason is not None or self._closing.is_set():
            self._given_up_at = min(self._given_up_at, lease_clock() + LAST_SECONDS)
        return False if lease_clock() >= self._given_up_at else None

    def wait(self, spoken_for: bool, pause: Callable[[float], None] = time.sleep) -> bool:
        """Whether the result may get out, however long it takes to learn."""
        out = self.known(spoken_for)
        while out is None and (out := self.ask()) is None:
            pause(AGAIN_SECONDS)
        return out


def told(beat: Beat, outcome: Outcome, *, out: bool) -> Outcome:
    """What the keeper is told of the end: of a lost claim too how it ended, for that may show that it was not stuck."""
    return outcome if out or beat.lost else Outcome.ABANDONED
