"""What can go wrong with the database, in words for the person who must mend it."""

from __future__ import annotations

from enum import StrEnum


class Trouble(StrEnum):
    """Why a statement or a connection failed; the value is the word used in logs, pages and `check`."""

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


CURES: dict[Trouble, str] = {
    Trouble.UNREACHABLE: "check host, port and firewall, and that the server runs",
    Trouble.REFUSED_LOGIN: "check the user, its password, its CONNECT right and pg_hba.conf",
    Trouble.NO_DATABASE: "check the database name in the URL",
    Trouble.FULL: "the server, the pooler or the login's CONNECTION LIMIT gives out no more: a serving Riverkeeper "
    "holds three connections, and opens up to three more for its pages and webhook: allow 6 for each replica",
    Trouble.POOLER: "PgBouncer refuses this: use pool_mode transaction or session, a pool with room, and no "
    "`options` in the URL (search_path may stand there)",
    Trouble.NO_TLS: "check sslmode and sslrootcert in the URL, and the server's certificate",
    Trouble.BAD_URL: "write it as postgresql://user:password@host:5432/database, special characters percent-encoded",
    Trouble.NO_USER: "write the user into the URL (postgresql://user:password@host:5432/database), or set PGUSER",
    Trouble.NOT_TEXT: "the database's encoding lets any bytes into its texts: find the row and write it as UTF-8",
    Trouble.NO_SUCH_TEXT: "the database's encoding has no such character, so nothing there can be called so",
    Trouble.NO_RIVER: "name River's schema with --river-schema, or run River's migrations there first",
    Trouble.NO_ROLE: "correct the name, or create the login first",
    Trouble.FORBIDDEN: "run `riverkeeper schema grants` and have its GRANT statements executed",
    Trouble.ROW_SECURITY: "have a superuser run ALTER ROLE ... BYPASSRLS for this login (column grants still bind it), "
    "or have the owner run ALTER TABLE ... DISABLE ROW LEVEL SECURITY",
    Trouble.MISSING: "a name that this statement uses is not there, or not to be seen by this login; the schemas are "
    "read anew at the next scrape: see `riverkeeper check`",
    Trouble.TIMED_OUT: "the database is busy or the scrape timeout is too short",
    Trouble.LOCKED: "another session holds or awaits a lock on River's table (ALTER TABLE? see pg_locks)",
    Trouble.LOST: "the connection broke; it is opened again at the next scrape. If it breaks each time: a PgBouncer in "
    "pool_mode statement closes it, so use transaction or session",
    Trouble.DEADLOCK: "two sessions waited for each other; this one gave way and tries again",
    Trouble.DUPLICATE: "another row has the same key",
    Trouble.WRONG_KEEPER: "give each River schema a keeper schema of its own (database.keeper_schema)",
    Trouble.TOO_NEW: "upgrade this keeper (order of an upgrade: schema, keepers, workers)",
    Trouble.SHARED_SCHEMA: "name a schema for the keeper that holds nothing else (database.keeper_schema)",
    Trouble.NO_KEEPER: "run `riverkeeper schema install`, as the owner of River's tables or another who may",
    Trouble.BEATING: "take the client out of the workers and wait three of their intervals, or say --force",
    Trouble.NO_FENCE: "run `riverkeeper schema fence status`: it says which login must run what",
    Trouble.OTHER: "see the database server's log for this application_name",
}


class DatabaseError(Exception):
    """A failed statement or connection. Its text never holds a password, a parameter or a job's data."""

    def __init__(self, trouble: Trouble, what: str, cure: str | None = None) -> None:
        super().__init__(what)
        self.trouble = trouble
        self.what = what
        self.cure = cure or CURES[trouble]  # what the operator can do about it; given where the cause is known exactly

    @property
    def is_final(self) -> bool:
        """Whether waiting cannot help: the configuration names what must not be used together."""
        return self.trouble in {Trouble.WRONG_KEEPER, Trouble.TOO_NEW, Trouble.BAD_URL, Trouble.SHARED_SCHEMA}

    @property
    def is_wrong_use(self) -> bool:
        """Whether the command or the configuration names what is not there, or what is not for us."""
        return self.is_final or self.trouble in {Trouble.NO_RIVER, Trouble.NO_ROLE}

    def __str__(self) -> str:
        return f"{self.what} ({self.trouble}: {self.cure})"
