"""Asking the database one question after the other, so that one that fails does not silence the rest."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.scrape.scrape import QueryOutcome

Answer = TypeVar("Answer")

# These end the reading: whoever waits behind a lock on one question would wait on the next one too.
_ENDS_READING = {ErrorKind.LOCKED, ErrorKind.LOST, ErrorKind.UNREACHABLE}


@dataclass(slots=True)
class Questions:
    """Asks one question after the other and remembers how each went. A failed one is answered None."""

    tx: Transaction
    outcomes: list[QueryOutcome] = field(default_factory=list)
    _over: str | None = None

    def ask(self, name: str, read: Callable[[], Answer], *, aside: bool = False) -> Answer | None:
        """The answer, or None. One asked `aside` reads a table that no other needs: a lock there ends nothing."""
        began, error, answer = time.monotonic(), self._over, None
        if error is None:
            try:
                answer = read()
            except DatabaseError as failed:
                error = str(failed)
                locked_aside = aside and failed.kind is ErrorKind.LOCKED
                if (failed.kind in _ENDS_READING and not locked_aside) or self.tx.remaining() <= 0:
                    self._over = f"not asked, because {name} failed: {failed.message}"
        self.outcomes.append(QueryOutcome(name, time.monotonic() - began, error))
        return answer

    @property
    def first_error(self) -> str | None:
        """What went wrong first; what came after may be its consequence."""
        return next((outcome.error for outcome in self.outcomes if outcome.error), None)

    def leave_out(self, name: str, because: str) -> None:
        """Remember a question that cannot be asked because another one failed."""
        self.outcomes.append(QueryOutcome(name, 0.0, f"not asked, because {because} failed"))
