"""Errors of the database: their kinds, and what an operator can do about each. Pure."""

from __future__ import annotations

from enum import StrEnum


class ErrorKind(StrEnum):
    """Why a statement or a connection failed; logs, pages and `check` show the value."""

    UNREACHABLE = "unreachable"
    REFUSED_LOGIN = "refused_login"
    NO_DATABASE = "no_database"
    FULL = "full"
    POOLER = "pooler"
    NO_TLS = "no_tls"
    BAD_URL = "bad_url"
    NO_USER = "no_user"
    NOT_TEXT = "not_text"
    NO_SUCH_TEXT = "no_such_text"
    NO_RIVER = "no_river"
    NO_ROLE = "no_role"
    FORBIDDEN = "forbidden"
    ROW_SECURITY = "row_security"
    MISSING = "missing"
    TIMED_OUT = "timed_out"
    LOCKED = "locked"
    LOST = "lost"
    DEADLOCK = "deadlock"
    DUPLICATE = "duplicate"
    WRONG_KEEPER = "wrong_keeper"
    TOO_NEW = "too_new"
    SHARED_SCHEMA = "shared_schema"
    NO_KEEPER = "no_keeper"
    BEATING = "beating"
    NO_FENCE = "no_fence"
    OTHER = "other"


# Each is shown in parentheses behind the message and the kind: no full stop at the end.
FIXES: dict[ErrorKind, str] = {
    ErrorKind.UNREACHABLE: "check host, port and firewall, and that the server runs",
    ErrorKind.REFUSED_LOGIN: "check the user, its password, its CONNECT right and pg_hba.conf",
    ErrorKind.NO_DATABASE: "check the database name in the URL",
    ErrorKind.FULL: "the server, the pooler or the login's CONNECTION LIMIT allows no more connections: "
    "`riverkeeper serve` keeps four open, and up to three more for pages and webhook: allow 7 for each replica",
    ErrorKind.POOLER: "PgBouncer refuses this: set pool_mode to transaction or session, allow more connections, and "
    "remove `options` from the URL (a search_path may stay)",
    ErrorKind.NO_TLS: "check sslmode and sslrootcert in the URL, and the server's certificate",
    ErrorKind.BAD_URL: "write it as postgresql://user:password@host:5432/database, special characters percent-encoded",
    ErrorKind.NO_USER: "write the user into the URL (postgresql://user:password@host:5432/database), or set PGUSER",
    ErrorKind.NOT_TEXT: "the encoding of this database accepts any bytes: find the row, and write its text as UTF-8",
    ErrorKind.NO_SUCH_TEXT: "the database encoding lacks a character of the name, so nothing there has this name",
    ErrorKind.NO_RIVER: "name River's schema with --river-schema, or run River's migrations first",
    ErrorKind.NO_ROLE: "correct the name, or create the login first",
    ErrorKind.FORBIDDEN: "run `riverkeeper schema grants`, and have an administrator run its GRANT statements",
    ErrorKind.ROW_SECURITY: "have a superuser run ALTER ROLE ... BYPASSRLS for this login (column grants still apply), "
    "or have the owner run ALTER TABLE ... DISABLE ROW LEVEL SECURITY",
    ErrorKind.MISSING: "a table, column or function of this statement does not exist, or this login may not see it; "
    "run `riverkeeper check`. Riverkeeper looks the schemas up again at the next scrape",
    ErrorKind.TIMED_OUT: "the database is busy, or the scrape timeout is too short",
    ErrorKind.LOCKED: "another session holds or awaits a lock on this table (an ALTER TABLE?): see pg_locks",
    ErrorKind.LOST: "the connection broke; the next try opens a new one. If it breaks each time: a PgBouncer in "
    "pool_mode statement closes it, so set transaction or session",
    ErrorKind.DEADLOCK: "two sessions waited for each other; this one gave up, and the next try may succeed",
    ErrorKind.DUPLICATE: "another row has the same key",
    ErrorKind.WRONG_KEEPER: "give each River schema its own keeper schema (database.keeper_schema)",
    ErrorKind.TOO_NEW: "upgrade this Riverkeeper (order of an upgrade: keeper schema, replicas, workers)",
    ErrorKind.SHARED_SCHEMA: "set database.keeper_schema to a schema that holds nothing else",
    ErrorKind.NO_KEEPER: "run `riverkeeper schema install`, if possible as the owner of River's tables",
    ErrorKind.BEATING: "remove the client from the workers and wait three heartbeat intervals, or use --force",
    ErrorKind.NO_FENCE: "run `riverkeeper schema fence status`: it names the command, and the login that must run it",
    ErrorKind.OTHER: "see the log of the database server for this application_name",
}


class DatabaseError(Exception):
    """A failed statement or connection. Its text holds no password, no parameter and no data of a job."""

    def __init__(self, kind: ErrorKind, message: str, fix: str | None = None, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.sqlstate = sqlstate  # None: the server gave none, as where a connect failed
        self.fix = fix or FIXES[kind]  # for the operator; `fix` is given where the cause is known exactly

    @property
    def is_final(self) -> bool:
        """Whether no retry can help: the configuration combines what does not belong together."""
        return self.kind in {ErrorKind.WRONG_KEEPER, ErrorKind.TOO_NEW, ErrorKind.BAD_URL, ErrorKind.SHARED_SCHEMA}

    @property
    def is_wrong_use(self) -> bool:
        """Whether the command or the configuration names an object that does not exist or must not be used."""
        return self.is_final or self.kind in {ErrorKind.NO_RIVER, ErrorKind.NO_ROLE}

    def __str__(self) -> str:
        return f"{self.message} ({self.kind}: {self.fix})"
