"""What beats suffer: which troubles are refusals, counted all, and each said once until beats are heard again."""

from __future__ import annotations

import logging
import threading

from riverkeeper.postgres.errors import DatabaseError, ErrorKind

log = logging.getLogger("riverkeeper.heartbeat")  # the standard one: this runs in somebody else's program

# The server answers, and its answer is that there are no heartbeats here. That is no silence: it cancels nothing.
REFUSALS = frozenset(
    {ErrorKind.MISSING, ErrorKind.FORBIDDEN, ErrorKind.ROW_SECURITY, ErrorKind.WRONG_KEEPER, ErrorKind.TOO_NEW}
)


def refused(error: DatabaseError) -> bool:
    return error.kind in REFUSALS


class Troubles:
    """For any thread."""

    def __init__(self) -> None:
        self.failures = 0
        self._said: set[ErrorKind] = set()
        self._lock = threading.Lock()

    def tell(self, error: DatabaseError) -> None:
        """Count it, and say it if it is new."""
        with self._lock:
            self.failures += 1
            new = error.kind not in self._said
            self._said.add(error.kind)
        if new:
            log.warning(
                "cannot beat; jobs go on, and it is tried again at every tick: %s (%s)", error.message, error.kind
            )

    def over(self) -> None:
        """A beat was heard: the next trouble is said again."""
        with self._lock:
            were, self._said = self._said, set()
        if were:
            log.info("beats are heard again")
