"""A connection that jobs do not use, with a time limit on every statement; a failed connection is replaced."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from riverkeeper.postgres.connection import Session
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.statements import statement
from riverkeeper.postgres.transaction import Parameters, Row

Query = Callable[[str, Parameters], list[Row]]  # a statement by name, on the connection that is being checked

CHECK_SECONDS = 45.0  # that the check of a connection holds; the contract wants a check each minute
MIN_SECONDS = 0.05  # for a statement, when opening the connection took nearly all its time


class DedicatedConnection:
    """Serves one thread at a time. A thread whose time is over before its turn gets a DatabaseError."""

    def __init__(self, url: str, schemas: Mapping[str, str], check: Callable[[Query], None] | None = None) -> None:
        """`check` raises DatabaseError where this client must not use these schemas."""
        self._url = url
        self._schemas = schemas
        self._check = check
        self._checked_at = float("-inf")
        self._session: Session | None = None
        self._lock = threading.Lock()

    def query(
        self, name: str, parameters: Parameters | Callable[[], Parameters], seconds: float, *, check: bool = True
    ) -> list[Row]:
        """Rows of a statement, in at most about `seconds` (opening a connection may take 2). Raises DatabaseError.

        Parameters that depend on the check are called for after it.
        """
        deadline = time.monotonic() + seconds
        if not self._lock.acquire(timeout=seconds):
            raise DatabaseError(ErrorKind.TIMED_OUT, f"another statement of this client took longer than {seconds:g} s")
        try:
            session = self._session = self._session or Session(self._url, "riverkeeper-heartbeat", seconds)

            def query(name: str, parameters: Parameters) -> list[Row]:
                left = max(MIN_SECONDS, deadline - time.monotonic())
                return session.execute_within(left, statement(name, **self._schemas), parameters)

            if check and self._check and time.monotonic() - self._checked_at > CHECK_SECONDS:
                self._check(query)
                self._checked_at = time.monotonic()
            return query(name, parameters() if callable(parameters) else parameters)
        except BaseException:
            self._drop()  # a connection that failed once may swallow every later statement
            self._checked_at = float("-inf")
            raise
        finally:
            self._lock.release()

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session = None
