"""Connections to one database: one that is kept and opened again, and plain sessions."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import namedtuple_row

from riverkeeper.postgres.driver_errors import describe_connect, explain
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.session_settings import PIN, READ_COMMITTED
from riverkeeper.postgres.time_limit import Connection, explain_failure, limit_time
from riverkeeper.postgres.transaction import FAILURES, Parameters, Row, Transaction, as_literal
from riverkeeper.postgres.urls import complete_url, read_url

APPLICATION_NAME = "riverkeeper"
CONNECT_SECONDS = 5  # a server that does not answer for this long is down; libpq takes whole seconds, 2 or more
# A reader waits no longer than this behind an ALTER TABLE, because every later query waits behind the reader.
LOCK_MILLISECONDS = 250
SERVER_SHARE = 0.8  # of a statement's time; then the server itself cancels the statement
CUT_AFTER_SECONDS = 0.5  # after the deadline; the server's statement_timeout reports first
NO_SCHEMAS: Mapping[str, str] = MappingProxyType({})  # until they are found
_LEVELS = {True: psycopg.IsolationLevel.REPEATABLE_READ, False: psycopg.IsolationLevel.READ_COMMITTED}

# A connection with an open transaction, the session's search_path, and the limit of time, which ends when it is closed.
_Begun = tuple[Connection, tuple[str, ...], contextlib.ExitStack]


class Database:
    """One connection to one database, opened at the first use and again after a failure. For one thread at a time."""

    def __init__(self, url: str, application_name: str = APPLICATION_NAME) -> None:
        self._conninfo = complete_url(url, application_name)
        self._search_path = read_url(url).search_path  # of the URL; empty: the login's is used
        self._connection: Connection | None = None

    def close(self) -> None:
        """Close the connection; the next transaction opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                connection.close()

    @contextlib.contextmanager
    def reading(self, seconds: float, schemas: Mapping[str, str] = NO_SCHEMAS) -> Iterator[Transaction]:
        """A read-only REPEATABLE READ transaction; at most `seconds` long, with the time to connect."""
        with self._transaction(seconds, schemas, read_only=True) as transaction:
            yield transaction

    @contextlib.contextmanager
    def writing(self, seconds: float, schemas: Mapping[str, str] = NO_SCHEMAS) -> Iterator[Transaction]:
        """A READ COMMITTED transaction, committed at the end of the block, rolled back after an exception."""
        with self._transaction(seconds, schemas, read_only=False) as transaction:
            yield transaction

    @contextlib.contextmanager
    def _transaction(self, seconds: float, schemas: Mapping[str, str], *, read_only: bool) -> Iterator[Transaction]:
        deadline = time.monotonic() + seconds
        connection, search_path, limited = self._begin(deadline, read_only)
        with limited:
            try:
                yield Transaction(connection, deadline, schemas, self._search_path or search_path)
                if not read_only:  # a read succeeds also where its connection breaks afterwards
                    connection.commit()
            except psycopg.Error as error:
                raise explain_failure(connection, error, "commit") from None
            finally:
                self._end(connection)

    def _begin(self, deadline: float, read_only: bool) -> _Begun:
        """Begin on the kept connection, or on a new one if the kept one is dead."""
        if self._connection is not None:
            with contextlib.suppress(DatabaseError):
                return self._begin_on(self._connection, deadline, read_only)
            self.close()
        self._connection = _connect(self._conninfo, deadline - time.monotonic())
        if (
            time.monotonic() >= deadline
        ):  # dead hosts of the URL took the time; the next transaction uses the connection
            raise DatabaseError(ErrorKind.TIMED_OUT, "connect: the connection opened after the deadline")
        return self._begin_on(self._connection, deadline, read_only)

    def _begin_on(self, connection: Connection, deadline: float, read_only: bool) -> _Begun:
        try:
            with contextlib.ExitStack() as limited:
                limited.enter_context(limit_time(connection, deadline + CUT_AFTER_SECONDS))
                connection.isolation_level = _LEVELS[read_only]
                connection.read_only = read_only
                with connection.pipeline():  # one message, with the BEGIN that the driver adds
                    pinned = connection.execute(as_literal(PIN))
                    connection.execute(as_literal(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}"))
                    # A dead replica must not hold locks.
                    connection.execute("SET LOCAL idle_in_transaction_session_timeout = '10s'")
                return connection, tuple(pinned.fetchall()[0].searched), limited.pop_all()
        except FAILURES as error:
            self.close()
            raise explain_failure(connection, error, "begin") from None

    def _end(self, connection: Connection) -> None:
        if not connection.closed:
            with contextlib.suppress(psycopg.Error):
                connection.rollback()
        if connection.closed:
            self.close()


@contextlib.contextmanager
def begin_transaction(url: str, seconds: float, *, writing: bool = False) -> Iterator[Transaction]:
    """A transaction on a new connection, which is closed afterwards. Raises DatabaseError."""
    database = Database(url)
    try:
        with (database.writing if writing else database.reading)(seconds) as tx:
            yield tx
    finally:
        database.close()


class Session:
    """A plain autocommit session. Use only `execute_within` in a database where other logins have rights."""

    def __init__(self, url: str, application_name: str = APPLICATION_NAME, seconds: float = CONNECT_SECONDS) -> None:
        """Connect, in at most about `seconds`. Raises DatabaseError."""
        self._connection = _connect(complete_url(url, application_name), seconds)
        self._connection.autocommit = True

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with contextlib.suppress(psycopg.Error):
            self._connection.close()

    def execute(self, sql: str, parameters: Parameters | None = None, seconds: float | None = None) -> list[Row]:
        """Run SQL text outside a transaction and return its rows. Raises DatabaseError, LOST after `seconds`.

        No setting is pinned: for servers that only we use, and for statements that no transaction may hold.
        """
        limit = (
            contextlib.nullcontext() if seconds is None else limit_time(self._connection, time.monotonic() + seconds)
        )
        try:
            with limit:
                cursor = self._connection.execute(as_literal(sql), parameters)
                return cursor.fetchall() if cursor.description else []
        except FAILURES as error:
            raise explain_failure(self._connection, error, "statement") from None

    def execute_within(self, seconds: float, sql: str, parameters: Parameters) -> list[Row]:
        """Run one statement in its own transaction, which the server cancels in time. Raises DatabaseError.

        A client that only closes its socket leaves a statement that waits for a lock on the server, one for each try.
        The limit and the pinned settings travel in the same message, so that they work through PgBouncer.
        """
        milliseconds = max(1, int(seconds * SERVER_SHARE * 1000))
        cursor = psycopg.ClientCursor(self._connection, row_factory=namedtuple_row)
        try:
            with limit_time(self._connection, time.monotonic() + seconds):
                before = f"{READ_COMMITTED}; {PIN}; SET LOCAL statement_timeout = {milliseconds}"
                cursor.execute(as_literal(f"{before}; {sql}"), parameters)
                for _ in before.split("; "):
                    cursor.nextset()
                return cursor.fetchall() if cursor.description else []
        except FAILURES as error:
            raise explain_failure(self._connection, error, "statement") from None


def run_script(url: str, sql: str) -> None:
    """Run SQL text on a new connection, as one transaction with the pinned settings. Raises DatabaseError."""
    with Session(url) as session:
        session.execute(f"{PIN};\n{sql}")


def _connect(conninfo: str, seconds: float = CONNECT_SECONDS) -> Connection:
    if seconds <= 0:
        raise DatabaseError(ErrorKind.TIMED_OUT, "connect: no time left")
    timeout = str(min(CONNECT_SECONDS, max(2, math.ceil(seconds))))
    try:
        if "connect_timeout" not in conninfo:
            conninfo = make_conninfo(conninfo, connect_timeout=timeout)
        # No prepared statements and no session settings: the server may be behind a PgBouncer in transaction mode.
        return psycopg.connect(conninfo, prepare_threshold=None, row_factory=namedtuple_row)
    except FAILURES as error:
        raise explain(error, describe_connect(conninfo), lost=True) from None
