"""Turns the driver's exceptions into DatabaseError: its kind and a message, without the data of a row."""

from __future__ import annotations

import os

from riverkeeper.postgres.errors import DatabaseError, ErrorKind

CONNECT = "connect"
_ADDRESSES = {"PGHOST", "PGHOSTADDR", "PGSERVICE"}
# SQLSTATE, or its class (first two characters) -> kind; the longer match wins.
_BY_STATE = {
    "55P03": ErrorKind.LOCKED,
    "57014": ErrorKind.TIMED_OUT,
    "42501": ErrorKind.FORBIDDEN,
    "25006": ErrorKind.FORBIDDEN,  # read-only server
    "42P01": ErrorKind.MISSING,
    "42703": ErrorKind.MISSING,
    "42704": ErrorKind.MISSING,
    "42883": ErrorKind.MISSING,
    "3F000": ErrorKind.MISSING,
    "22P02": ErrorKind.MISSING,  # a job state that this River does not have
    "22P05": ErrorKind.NO_SUCH_TEXT,
    "22021": ErrorKind.NOT_TEXT,
    "40": ErrorKind.DEADLOCK,  # with serialization failures, where a server forces SERIALIZABLE
    "23505": ErrorKind.DUPLICATE,
    "28": ErrorKind.REFUSED_LOGIN,
    "3D000": ErrorKind.NO_DATABASE,
    "53300": ErrorKind.FULL,
    "57": ErrorKind.UNREACHABLE,  # shutting down, starting up
    "08": ErrorKind.LOST,
}
# A failed connect has no SQLSTATE, only text (English, unless lc_messages of the server is another language).
_BY_TEXT = (
    ("local user with ID", ErrorKind.NO_USER),  # the URL has no user, and the system has no name for ours
    ("no PostgreSQL user name specified", ErrorKind.NO_USER),
    ("cannot contain NUL", ErrorKind.NO_SUCH_TEXT),  # of psycopg itself, before it sends the statement
    ("password authentication failed", ErrorKind.REFUSED_LOGIN),
    ("no password supplied", ErrorKind.REFUSED_LOGIN),
    ("pg_hba.conf", ErrorKind.REFUSED_LOGIN),
    ("permission denied for database", ErrorKind.REFUSED_LOGIN),
    ("too many c", ErrorKind.FULL),  # clients already; connections for role, for database
    ("connection slots are reserved", ErrorKind.FULL),
    ("no more connections allowed", ErrorKind.FULL),  # PgBouncer
    ("statement pooling mode", ErrorKind.POOLER),
    ("query_wait_timeout", ErrorKind.POOLER),
    ("unsupported startup parameter", ErrorKind.POOLER),
    ("no such user", ErrorKind.REFUSED_LOGIN),  # PgBouncer
    ("no such database", ErrorKind.NO_DATABASE),  # PgBouncer
    ("does not support SSL", ErrorKind.NO_TLS),
    ("certificate", ErrorKind.NO_TLS),
    ('role "', ErrorKind.REFUSED_LOGIN),
    ('database "', ErrorKind.NO_DATABASE),
)
_READ_ONLY_FIX = "this server accepts no writes: it is a standby, so point the database URL at the primary"
_CUT_FIX = (
    "the server did not answer in time: it is busy or frozen, or the network drops packets. The next try opens a new "
    "connection"
)
# Classes whose message names only objects and servers; the message of other classes may quote data of a row.
_QUOTABLE = ("0A", "42", "55", "57", "53", "08", "25", "28", "3D", "3F", "40")


def explain(error: Exception, action: str, *, lost: bool, was_cut: bool = False) -> DatabaseError:
    """The DatabaseError for an error of the driver during `action`.

    `lost`: the connection is closed; `was_cut`: by us, because the server did not answer in time.
    """
    if isinstance(error, UnicodeDecodeError):
        return DatabaseError(ErrorKind.NOT_TEXT, f"{action}: a text in the database is not UTF-8")
    if isinstance(error, UnicodeError):
        return DatabaseError(ErrorKind.NO_SUCH_TEXT, f"{action}: a parameter is not UTF-8")
    state: str | None = getattr(error, "sqlstate", None)
    if state is None:
        return _without_state(error, action, lost=lost, was_cut=was_cut)
    message = getattr(getattr(error, "diag", None), "message_primary", None) or ""
    kind = _BY_STATE.get(state) or _BY_STATE.get(state[:2]) or ErrorKind.OTHER
    if "statement pooling mode" in message or "query_wait_timeout" in message:  # PgBouncer's own, under 08P01
        kind = ErrorKind.POOLER
    if state == "42501" and "row-level security" in message:
        kind = ErrorKind.ROW_SECURITY
    text = f": {message}" if state.startswith(_QUOTABLE) else ""
    fix = _READ_ONLY_FIX if state == "25006" else None
    return DatabaseError(kind, f"{action}: SQLSTATE {state}{text}", fix, state)


def describe_connect(conninfo: str) -> str:
    """The action `connect`; without a host in the URL it names the default, which the operator may not know."""
    given = any(word in conninfo for word in ("host", "service")) or _ADDRESSES & os.environ.keys()
    return CONNECT if given else f"{CONNECT} to libpq's default address, because the configuration names none"


def _without_state(error: Exception, action: str, *, lost: bool, was_cut: bool) -> DatabaseError:
    if was_cut:
        return DatabaseError(ErrorKind.LOST, f"{action}: no answer in time, so the connection was closed", _CUT_FIX)
    text = "; ".join(line.strip() for line in str(error).splitlines() if line.strip())
    for words, kind in _BY_TEXT:
        if words in text:
            return DatabaseError(kind, f"{action}: {text}")
    if action.startswith(CONNECT):
        return DatabaseError(ErrorKind.UNREACHABLE, f"{action}: {text}")
    return DatabaseError(ErrorKind.LOST if lost else ErrorKind.OTHER, f"{action}: {type(error).__name__}")
