"""A transaction: statements by file name, each in a savepoint and in limited time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any, LiteralString

import psycopg

from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.statements import statement
from riverkeeper.postgres.time_limit import Connection, explain_failure

Row = Any  # a named tuple whose fields are the statement's columns
Parameters = Mapping[str, object]

ONE_QUERY_SHARE = 0.4  # of the transaction's time: one slow query leaves time for the others
FAILURES = (psycopg.Error, UnicodeError)  # a text that is not UTF-8 is no error of the driver


class Transaction:
    """An open transaction. Each query has a savepoint, so that the transaction goes on after a query that fails."""

    def __init__(
        self, connection: Connection, deadline: float, schemas: Mapping[str, str], search_path: tuple[str, ...]
    ) -> None:
        self._connection = connection
        self._deadline = deadline
        self.schemas = schemas  # how the statements call River's schema, its state type and the keeper schema
        self.search_path = search_path  # the schemas of the session's search_path; the transaction's own is pinned
        self._share = ONE_QUERY_SHARE * self.remaining()
        self._in_savepoint = False

    def remaining(self) -> float:
        """Seconds until the deadline of this transaction; never below 0."""
        return max(0.0, self._deadline - time.monotonic())

    def name_schemas(self, **names: str) -> None:
        """Let later statements use these names for `river`, `state_type` or `keeper`."""
        self.schemas = {**self.schemas, **names}

    def query(
        self,
        name: str,
        parameters: Parameters | None = None,
        seconds: float | None = None,
        without: tuple[str, ...] = (),
    ) -> list[Row]:
        """Rows of a statement by file name, in at most `seconds`. The tables of `without` are read as empty.

        Raises DatabaseError. The transaction goes on after each error but LOST.
        """
        text = statement(name, **self.schemas, without=without)
        with contextlib.nullcontext() if self._in_savepoint else self.savepoint(seconds):
            try:
                cursor = self._connection.execute(
                    as_literal(text), parameters or {}
                )  # {} too: %% is unescaped only then
                return cursor.fetchall() if cursor.description else []
            except FAILURES as error:
                raise explain_failure(self._connection, error, name) from None

    def find(
        self, name: str, parameters: Parameters, seconds: float | None = None, without: tuple[str, ...] = ()
    ) -> list[Row]:
        """As `query`, for names that an operator gives: a name that the database's encoding lacks finds no row."""
        try:
            return self.query(name, parameters, seconds, without)
        except DatabaseError as error:
            if error.kind is ErrorKind.NO_SUCH_TEXT:
                return []
            raise

    @contextlib.contextmanager
    def savepoint(self, seconds: float | None = None) -> Iterator[None]:
        """One savepoint for all queries of the block, each at most `seconds` long; an exception rolls back to it."""
        milliseconds = max(1, int(min(seconds or self._share, self.remaining()) * 1000))
        self.execute(f"SAVEPOINT riverkeeper; SET LOCAL statement_timeout = {milliseconds}")
        self._in_savepoint = True
        try:
            yield
        except BaseException:
            if not self._connection.closed:
                with contextlib.suppress(psycopg.Error):
                    self._connection.execute("ROLLBACK TO SAVEPOINT riverkeeper; RELEASE SAVEPOINT riverkeeper")
            raise
        else:
            self.execute("RELEASE SAVEPOINT riverkeeper")
        finally:
            self._in_savepoint = False

    def query_pipeline(self, *queries: tuple[str, Parameters]) -> list[list[Row]]:
        """Rows of each statement; all are sent in one message. Only inside `savepoint`. Raises DatabaseError."""
        names = ", ".join(name for name, _ in queries)
        try:
            with self._connection.pipeline():
                texts = [(as_literal(statement(name, **self.schemas)), parameters) for name, parameters in queries]
                cursors = [self._connection.execute(text, parameters) for text, parameters in texts]
            return [cursor.fetchall() if cursor.description else [] for cursor in cursors]
        except FAILURES as error:
            raise explain_failure(self._connection, error, names) from None

    def execute(self, text: str) -> None:
        """Run SQL text that Riverkeeper wrote, one or several statements. Raises DatabaseError: end the block then."""
        try:
            self._connection.execute(as_literal(text.replace("%%", "%")))
        except FAILURES as error:
            raise explain_failure(self._connection, error, "statement") from None


def as_literal(text: str) -> LiteralString:
    """The driver's type asks for literals; texts come from our own files and numbers."""
    return text
