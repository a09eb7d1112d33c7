"""The one module that knows the driver: connections, transactions, and errors turned into words."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, LiteralString

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo
from psycopg.rows import namedtuple_row

from riverkeeper.postgres.driver_errors import connecting, explain
from riverkeeper.postgres.errors import DatabaseError, Trouble
from riverkeeper.postgres.session_settings import PIN, READ_COMMITTED
from riverkeeper.postgres.statements import statement
from riverkeeper.postgres.urls import ConnectionString, read_connection_string

Row = Any  # a named tuple whose fields are the statement's columns
Parameters = Mapping[str, object]
Connection = psycopg.Connection[Row]

APPLICATION_NAME = "riverkeeper"
CONNECT_SECONDS = 5  # a server that does not answer for this long is not there; libpq takes whole seconds, 2 or more
# A reader waits at most this long behind an ALTER TABLE, so that it never becomes part of that queue for long.
LOCK_MILLISECONDS = 250
ONE_QUERY_SHARE = 0.4  # of a transaction's time: one slow question leaves the others their chance
SERVER_SHARE = 0.8  # of a statement's time, after which the server should say itself that it is over
CUT_AFTER_SECONDS = 0.5  # beyond the deadline, time for the server's own statement_timeout to answer first


class Transaction:
    """An open transaction. Every query stands in a savepoint: one that fails leaves the others their chance."""

    def __init__(
        self, connection: Connection, deadline: float, schemas: Mapping[str, str], searched: tuple[str, ...]
    ) -> None:
        self._connection = connection
        self._deadline = deadline
        self.schemas = schemas
        self.searched = searched  # the schemas of the session's own search_path; the transaction's is pinned
        self._share = ONE_QUERY_SHARE * self.remaining()
        self._whole = False

    def remaining(self) -> float:
        """Seconds left of the time this transaction was given; never below 0."""
        return max(0.0, self._deadline - time.monotonic())

    def query(
        self,
        name: str,
        parameters: Parameters | None = None,
        seconds: float | None = None,
        without: tuple[str, ...] = (),
    ) -> list[Row]:
        """Rows of a statement by file name, in at most `seconds`. Raises DatabaseError; only LOST ends the rest."""
        text = statement(name, **self.schemas, without=without)
        with contextlib.nullcontext() if self._whole else self.whole(seconds):
            try:
                cursor = self._connection.execute(_sql(text), parameters or {})  # {} too: %% is unescaped only then
                return cursor.fetchall() if cursor.description else []
            except _FAILURES as error:
                raise explain(error, name, lost=self._connection.closed) from None

    def find(self, name: str, parameters: Parameters, seconds: float | None = None) -> list[Row]:
        """As `query`, for names that people give: one that this database's encoding cannot hold finds nothing."""
        try:
            return self.query(name, parameters, seconds)
        except DatabaseError as error:
            if error.trouble is Trouble.NO_SUCH_TEXT:
                return []
            raise

    @contextlib.contextmanager
    def whole(self, seconds: float | None = None) -> Iterator[None]:
        """One savepoint for all queries of the block, each at most `seconds` long; what is raised undoes them all."""
        milliseconds = max(1, int(min(seconds or self._share, self.remaining()) * 1000))
        self.run(f"SAVEPOINT one; SET LOCAL statement_timeout = {milliseconds}")
        self._whole = True
        try:
            yield
        except BaseException:
            if not self._connection.closed:
                with contextlib.suppress(psycopg.Error):
                    self._connection.execute("ROLLBACK TO SAVEPOINT one; RELEASE SAVEPOINT one")
            raise
        else:
            self.run("RELEASE SAVEPOINT one")
        finally:
            self._whole = False

    def queries(self, *asked: tuple[str, Parameters]) -> list[list[Row]]:
        """Rows of each statement, all sent in one message; only inside `whole`. Raises DatabaseError for the first."""
        names = ", ".join(name for name, _ in asked)
        try:
            with self._connection.pipeline():
                texts = [(_sql(statement(name, **self.schemas)), parameters) for name, parameters in asked]
                cursors = [self._connection.execute(text, parameters) for text, parameters in texts]
            return [cursor.fetchall() if cursor.description else [] for cursor in cursors]
        except _FAILURES as error:
            raise explain(error, names, lost=self._connection.closed) from None

    def run(self, text: str) -> None:
        """Run SQL text of our own making, several statements if need be. Raises DatabaseError: roll the block back."""
        try:
            self._connection.execute(_sql(text.replace("%%", "%")))
        except _FAILURES as error:
            raise explain(error, "statement", lost=self._connection.closed) from None


class Database:
    """One connection to one database, opened when first needed and again after it broke. One user at a time."""

    def __init__(self, url: str, application_name: str = APPLICATION_NAME) -> None:
        self._conninfo = _conninfo(url, application_name)
        self._searched = read_url(url).searched  # schemas, where the URL itself has a search_path
        self._connection: Connection | None = None

    def close(self) -> None:
        """Close the connection; the next transaction opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                connection.close()

    @contextlib.contextmanager
    def reading(self, seconds: float, schemas: Mapping[str, str]) -> Iterator[Transaction]:
        """A read-only transaction that sees one moment; at most `seconds` long, connecting included."""
        with self._transaction(seconds, schemas, read_only=True) as transaction:
            yield transaction

    @contextlib.contextmanager
    def writing(self, seconds: float, schemas: Mapping[str, str]) -> Iterator[Transaction]:
        """A READ COMMITTED transaction that may write: committed at the end of the block, or not at all."""
        with self._transaction(seconds, schemas, read_only=False) as transaction:
            yield transaction

    @contextlib.contextmanager
    def _transaction(self, seconds: float, schemas: Mapping[str, str], *, read_only: bool) -> Iterator[Transaction]:
        deadline = time.monotonic() + seconds
        connection, searched = self._begin(deadline, read_only)
        with _cut_at(connection, deadline + CUT_AFTER_SECONDS):
            try:
                yield Transaction(connection, deadline, schemas, self._searched or searched)
                if not read_only:  # what was read is read, whatever becomes of the connection then
                    connection.commit()
            except psycopg.Error as error:
                raise explain(error, "commit", lost=connection.closed) from None
            finally:
                self._end(connection)

    def _begin(self, deadline: float, read_only: bool) -> tuple[Connection, tuple[str, ...]]:
        """A transaction on the kept connection, or on a new one if the kept one is dead; with it its `searched`."""
        if self._connection is not None:
            with contextlib.suppress(DatabaseError):
                return self._begin_on(self._connection, deadline, read_only)
            self.close()
        self._connection = _connect(self._conninfo, deadline - time.monotonic())
        if time.monotonic() >= deadline:  # hosts that are gone were tried first; the next transaction begins on it
            raise DatabaseError(Trouble.TIMED_OUT, "connect: it took all the time there was")
        return self._begin_on(self._connection, deadline, read_only)

    def _begin_on(self, connection: Connection, deadline: float, read_only: bool) -> tuple[Connection, tuple[str, ...]]:
        try:
            with _cut_at(connection, deadline + CUT_AFTER_SECONDS):
                connection.isolation_level = _LEVELS[read_only]
                connection.read_only = read_only
                with connection.pipeline():  # one message, the BEGIN that the driver puts before it included
                    pinned = connection.execute(_sql(PIN))
                    connection.execute(_sql(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}"))
                    # A dead keeper must not hold locks.
                    connection.execute("SET LOCAL idle_in_transaction_session_timeout = '10s'")
                return connection, tuple(pinned.fetchall()[0].searched)
        except _FAILURES as error:
            self.close()
            raise explain(error, "begin", lost=True) from None

    def _end(self, connection: Connection) -> None:
        if not connection.closed:
            with contextlib.suppress(psycopg.Error):
                connection.rollback()
        if connection.closed:
            self.close()


class Session:
    """A plain autocommit session. In a database where others have rights, only `execute_within` is safe to use."""

    def __init__(self, url: str, application_name: str = APPLICATION_NAME, seconds: float = CONNECT_SECONDS) -> None:
        """Connects, in at most about `seconds`. Raises DatabaseError."""
        self._connection = _connect(_conninfo(url, application_name), seconds)
        self._connection.autocommit = True

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with contextlib.suppress(psycopg.Error):
            self._connection.close()

    def execute(self, sql: str, parameters: Parameters | None = None, seconds: float | None = None) -> list[Row]:
        """Run SQL text, outside a transaction; rows if it has any. Raises DatabaseError, LOST after `seconds`.

        Nothing is pinned: for servers of our own, and for statements that cannot stand in a transaction.
        """
        limit = contextlib.nullcontext() if seconds is None else _cut_at(self._connection, time.monotonic() + seconds)
        try:
            with limit:
                cursor = self._connection.execute(_sql(sql), parameters)
                return cursor.fetchall() if cursor.description else []
        except _FAILURES as error:
            raise explain(error, "statement", lost=self._connection.closed) from None

    def execute_within(self, seconds: float, sql: str, parameters: Parameters) -> list[Row]:
        """One statement, in a transaction of its own that the server too ends in time. Raises DatabaseError.

        A client that only hangs up leaves its statement waiting for a lock on the server, one more with every try. The
        limit and the pinned settings go in the same message: they hold through PgBouncer and leave nothing behind.
        """
        milliseconds = max(1, int(seconds * SERVER_SHARE * 1000))
        cursor = psycopg.ClientCursor(self._connection, row_factory=namedtuple_row)
        try:
            with _cut_at(self._connection, time.monotonic() + seconds):
                before = f"{READ_COMMITTED}; {PIN}; SET LOCAL statement_timeout = {milliseconds}"
                cursor.execute(_sql(f"{before}; {sql}"), parameters)
                for _ in before.split("; "):
                    cursor.nextset()
                return cursor.fetchall() if cursor.description else []
        except _FAILURES as error:
            raise explain(error, "statement", lost=self._connection.closed) from None


def run_script(url: str, sql: str) -> None:
    """Run SQL text on a connection of its own, as one transaction with the pinned settings. Raises DatabaseError."""
    with Session(url) as session:
        session.execute(f"{PIN};\n{sql}")


def read_url(url: str) -> ConnectionString:
    """What this URL means to libpq, and what of it is for other drivers. Raises DatabaseError BAD_URL."""
    # A password with @ or / in it, or no host after it, is read in part as host or port, and stands in error texts.
    authority, _, rest = url.partition("://")[2].partition("?")[0].partition("/")
    if authority.count("@") > 1 or "@" in rest:
        raise DatabaseError(Trouble.BAD_URL, "the database URL has an @ where none can stand")
    found = read_connection_string(url, _KEYWORDS)
    if found.unknown:
        names = ", ".join(found.unknown)
        shown = names if found.names_may_be_shown else "not shown, as a password may be cut there"
        what = f"the database URL has a parameter that neither libpq nor a driver known here has: {shown}"
        raise DatabaseError(Trouble.BAD_URL, what, "take it out of this URL, or write it as libpq calls it")
    return found


def describe_target(url: str) -> str:
    """`host:port/database` of a URL, for people: no user, no password."""
    parts = _parse(url)
    host, port = parts.get("host") or os.environ.get("PGHOST", "local"), parts.get("port") or "5432"
    return f"{host}:{port}/{parts.get('dbname') or os.environ.get('PGDATABASE', '')}"


_FAILURES = (psycopg.Error, UnicodeError)  # a text that is not UTF-8 is no error of the driver's own
_KEYWORDS = frozenset(option.keyword.decode() for option in Conninfo.get_defaults())
_LEVELS = {True: psycopg.IsolationLevel.REPEATABLE_READ, False: psycopg.IsolationLevel.READ_COMMITTED}


def _connect(conninfo: str, seconds: float = CONNECT_SECONDS) -> Connection:
    if seconds <= 0:
        raise DatabaseError(Trouble.TIMED_OUT, "connect: no time left")
    timeout = str(min(CONNECT_SECONDS, max(2, math.ceil(seconds))))
    try:
        if "connect_timeout" not in conninfo:
            conninfo = make_conninfo(conninfo, connect_timeout=timeout)
        # No prepared statements and no session settings: a PgBouncer in transaction mode may stand between.
        return psycopg.connect(conninfo, prepare_threshold=None, row_factory=namedtuple_row)
    except _FAILURES as error:
        raise explain(error, connecting(conninfo), lost=True) from None


def _conninfo(url: str, application_name: str) -> str:
    given = _parse(url)
    ours = {"client_encoding": "UTF8"}  # whatever the database's is: the driver has no name for SQL_ASCII
    if "application_name" not in given:
        ours["application_name"] = application_name
    return make_conninfo(read_url(url).conninfo, **ours)


def _parse(url: str) -> dict[str, Any]:
    conninfo = read_url(url).conninfo
    try:
        parts = conninfo_to_dict(conninfo)
    except _FAILURES:  # its text quotes the URL, and so may quote the password
        raise DatabaseError(Trouble.BAD_URL, "the database URL cannot be read") from None
    if not all(port.isdecimal() for port in str(parts.get("port") or 5432).split(",") if port):
        raise DatabaseError(Trouble.BAD_URL, "the port in the database URL is no number")
    return parts


@contextlib.contextmanager
def _cut_at(connection: Connection, moment: float) -> Iterator[None]:
    """Cut the connection's socket at a monotonic moment: a frozen server obeys no statement_timeout."""
    timer = threading.Timer(max(0.0, moment - time.monotonic()), _cut, [connection])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cut(connection: Connection) -> None:
    with (
        contextlib.suppress(OSError, psycopg.Error),
        socket.socket(fileno=os.dup(connection.fileno())) as wire,
    ):
        wire.shutdown(socket.SHUT_RDWR)


def _sql(text: str) -> LiteralString:
    """Texts come from our own files and numbers; the driver's type asks for literals."""
    return text
