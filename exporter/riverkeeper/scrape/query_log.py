"""Runs one query after the other and logs how each went: a query that fails does not hide the answers of the rest."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.scrape.scrape import QueryOutcome

Answer = TypeVar("Answer")

# These end the reading: a query that waits behind a lock, or on a lost connection, would be followed by more of them.
_ENDS_READING = {ErrorKind.LOCKED, ErrorKind.LOST, ErrorKind.UNREACHABLE}


@dataclass(slots=True)
class QueryLog:
    """The queries of one transaction, and the outcome of each. A query that failed has the answer None."""

    tx: Transaction
    outcomes: list[QueryOutcome] = field(default_factory=list)
    _ended_by: str | None = None

    def run(self, name: str, read: Callable[[], Answer], *, aside: bool = False) -> Answer | None:
        """The answer, or None. `aside`: the query reads a table that no other needs: a lock there ends nothing."""
        began, error, answer = time.monotonic(), self._ended_by, None
        if error is None:
            try:
                answer = read()
            except DatabaseError as failed:
                error = str(failed)
                locked_aside = aside and failed.kind is ErrorKind.LOCKED
                if (failed.kind in _ENDS_READING and not locked_aside) or self.tx.remaining() <= 0:
                    self._ended_by = f"skipped, because {name} failed: {failed.message}"
        self.outcomes.append(QueryOutcome(name, time.monotonic() - began, error))
        return answer

    def skip(self, name: str, because: str) -> None:
        """Log a query that cannot run because another one failed."""
        self.outcomes.append(QueryOutcome(name, 0.0, f"skipped, because {because} failed"))
