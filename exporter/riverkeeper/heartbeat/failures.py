"""What beats suffer: which troubles are refusals, counted all, and each said once until beats are heard again."""

from __future__ import annotations

import logging
import threading

from riverkeeper.postgres.errors import DatabaseError, Trouble

log = logging.getLogger("riverkeeper.heartbeat")  # the standard one: this runs in somebody else's program

# The server answers, and its answer is that there are no heartbeats here. That is no silence: it cancels nothing.
REFUSALS = frozenset({Trouble.MISSING, Trouble.FORBIDDEN, Trouble.ROW_SECURITY, Trouble.WRONG_KEEPER, Trouble.TOO_NEW})


def refused(error: DatabaseError) -> bool:
    return error.trouble in REFUSALS


class Troubles:
    """For any thread."""

    def __init__(self) -> None:
        self.failures = 0
        self._said: set[Trouble] = set()
        self._lock = threading.Lock()

    def tell(self, error: DatabaseError) -> None:
        """Count it, and say it if it is new."""
        with self._lock:
            self.failures += 1
            new = error.trouble not in self._said
            self._said.add(error.trouble)
        if new:
            log.warning(
                "cannot beat; jobs go on, and it is tried again at every tick: %s (%s)", error.what, error.trouble
            )

    def over(self) -> None:
        """A beat was heard: the next trouble is said again."""
        with self._lock:
            were, self._said = self._said, set()
        if were:
            log.info("beats are heard again")
