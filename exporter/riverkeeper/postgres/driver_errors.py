"""The driver's exceptions in our words: which trouble it is, without the data that caused it."""

from __future__ import annotations

import os

from riverkeeper.postgres.errors import DatabaseError, Trouble

CONNECT = "connect"
_ADDRESSES = {"PGHOST", "PGHOSTADDR", "PGSERVICE"}
# SQLSTATE, or its class (first two characters) -> trouble; the longer match wins.
_BY_STATE = {
    "55P03": Trouble.LOCKED,
    "57014": Trouble.TIMED_OUT,
    "42501": Trouble.FORBIDDEN,
    "25006": Trouble.FORBIDDEN,  # read-only server
    "42P01": Trouble.MISSING,
    "42703": Trouble.MISSING,
    "42704": Trouble.MISSING,
    "42883": Trouble.MISSING,
    "3F000": Trouble.MISSING,
    "22P02": Trouble.MISSING,  # an enum label that this River does not know
    "22P05": Trouble.NO_SUCH_TEXT,
    "22021": Trouble.NOT_TEXT,
    "40": Trouble.DEADLOCK,  # and serialization failures, which a server may be set to produce
    "23505": Trouble.DUPLICATE,
    "28": Trouble.REFUSED_LOGIN,
    "3D000": Trouble.NO_DATABASE,
    "53300": Trouble.FULL,
    "57": Trouble.UNREACHABLE,  # shutting down, starting up
    "08": Trouble.LOST,
}
# A failed connect carries no SQLSTATE, only text (English unless the server's lc_messages says otherwise).
_BY_TEXT = (
    ("local user with ID", Trouble.NO_USER),  # no user given, and the system has no name for ours
    ("no PostgreSQL user name specified", Trouble.NO_USER),
    ("cannot contain NUL", Trouble.NO_SUCH_TEXT),  # psycopg's own, before anything is sent
    ("password authentication failed", Trouble.REFUSED_LOGIN),
    ("no password supplied", Trouble.REFUSED_LOGIN),
    ("pg_hba.conf", Trouble.REFUSED_LOGIN),
    ("permission denied for database", Trouble.REFUSED_LOGIN),
    ("too many c", Trouble.FULL),  # clients already; connections for role, for database
    ("connection slots are reserved", Trouble.FULL),
    ("no more connections allowed", Trouble.FULL),  # PgBouncer
    ("statement pooling mode", Trouble.POOLER),
    ("query_wait_timeout", Trouble.POOLER),
    ("unsupported startup parameter", Trouble.POOLER),
    ("no such user", Trouble.REFUSED_LOGIN),  # PgBouncer
    ("no such database", Trouble.NO_DATABASE),  # PgBouncer
    ("does not support SSL", Trouble.NO_TLS),
    ("certificate", Trouble.NO_TLS),
    ('role "', Trouble.REFUSED_LOGIN),
    ('database "', Trouble.NO_DATABASE),
)
# Classes whose primary message speaks of objects and servers; others may quote a row's data.
_QUOTABLE = ("0A", "42", "55", "57", "53", "08", "25", "28", "3D", "3F", "40")


def explain(error: Exception, doing: str, *, lost: bool) -> DatabaseError:
    """The DatabaseError for a driver error that happened while `doing`; `lost` where the connection is gone."""
    if isinstance(error, UnicodeDecodeError):
        return DatabaseError(Trouble.NOT_TEXT, f"{doing}: a text in the database is not UTF-8")
    if isinstance(error, UnicodeError):
        return DatabaseError(Trouble.NO_SUCH_TEXT, f"{doing}: a text that was given is not UTF-8")
    state: str | None = getattr(error, "sqlstate", None)
    if state is None:
        return _without_state(error, doing, lost)
    message = getattr(getattr(error, "diag", None), "message_primary", None) or ""
    trouble = _BY_STATE.get(state) or _BY_STATE.get(state[:2]) or Trouble.OTHER
    if "statement pooling mode" in message or "query_wait_timeout" in message:  # PgBouncer's own, under 08P01
        trouble = Trouble.POOLER
    if state == "42501" and "row-level security" in message:
        trouble = Trouble.ROW_SECURITY
    text = f": {message}" if state.startswith(_QUOTABLE) else ""
    return DatabaseError(trouble, f"{doing}: SQLSTATE {state}{text}")


def connecting(conninfo: str) -> str:
    """What is being done: who gave no address may not know which one is tried."""
    given = any(word in conninfo for word in ("host", "service")) or _ADDRESSES & os.environ.keys()
    return CONNECT if given else f"{CONNECT} to libpq's default, as no database URL was given"


def _without_state(error: Exception, doing: str, lost: bool) -> DatabaseError:
    text = "; ".join(line.strip() for line in str(error).splitlines() if line.strip())
    for words, trouble in _BY_TEXT:
        if words in text:
            return DatabaseError(trouble, f"{doing}: {text}")
    if doing.startswith(CONNECT):
        return DatabaseError(Trouble.UNREACHABLE, f"{doing}: {text}")
    return DatabaseError(Trouble.LOST if lost else Trouble.OTHER, f"{doing}: {type(error).__name__}")
