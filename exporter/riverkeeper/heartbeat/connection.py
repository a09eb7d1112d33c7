"""One connection that jobs do not use, with a limit on every statement; after a failure the next one is fresh."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from riverkeeper.postgres.connection import Session
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.statements import statement
from riverkeeper.postgres.transaction import Row

Parameters = Mapping[str, object]
Ask = Callable[[str, Parameters], list[Row]]  # a statement by name, on the connection that is being checked

CHECK_SECONDS = 45.0  # so long the check of a connection holds; the contract asks for it each minute
LEAST_SECONDS = 0.05  # for a statement, when opening the connection took nearly all its time


class Line:
    """Used by one thread at a time; the others wait, in vain if their time is over first."""

    def __init__(self, url: str, schemas: Mapping[str, str], check: Callable[[Ask], None] | None = None) -> None:
        self._url = url
        self._schemas = schemas
        self._check = check  # raises DatabaseError where these schemas are not for us
        self._checked_at = float("-inf")
        self._session: Session | None = None
        self._turn = threading.Lock()

    def ask(self, name: str, parameters: Parameters, seconds: float, *, check: bool = True) -> list[Row]:
        """Rows of a statement, in at most about `seconds` (opening a connection may take 2). Raises DatabaseError."""
        deadline = time.monotonic() + seconds
        if not self._turn.acquire(timeout=seconds):
            raise DatabaseError(ErrorKind.TIMED_OUT, "another statement of this client takes too long")
        try:
            session = self._session = self._session or Session(self._url, "riverkeeper-heartbeat", seconds)

            def ask(name: str, parameters: Parameters) -> list[Row]:
                left = max(LEAST_SECONDS, deadline - time.monotonic())
                return session.execute_within(left, statement(name, **self._schemas), parameters)

            if check and self._check and time.monotonic() - self._checked_at > CHECK_SECONDS:
                self._check(ask)
                self._checked_at = time.monotonic()
            return ask(name, parameters)
        except BaseException:
            self._drop()  # a connection that failed once may swallow every later statement
            self._checked_at = float("-inf")
            raise
        finally:
            self._turn.release()

    def close(self) -> None:
        with self._turn:
            self._drop()

    def _drop(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session = None
