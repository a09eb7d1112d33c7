"""What we leave behind on a connection: nothing, for in transaction mode a pooler gives it to somebody else."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from fixtures.random_tables import fill
from fixtures.scrape import SECONDS, Exporter, errors
from riverkeeper.postgres.connection import Database, Session
from riverkeeper.postgres.errors import DatabaseError, ErrorKind

LEFT_BEHIND = {
    "prepared statements": "SELECT name FROM pg_prepared_statements",
    "settings": "SELECT name, setting FROM pg_settings WHERE source = 'session'",
    "cursors": "SELECT name FROM pg_cursors",
    "channels": "SELECT pg_listening_channels()",
    "temporary tables": "SELECT relname FROM pg_class WHERE relpersistence = 't'",
    "locks": "SELECT locktype, mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype NOT IN ('virtualxid')"
    " AND NOT (locktype = 'relation' AND relation IN (SELECT oid FROM pg_class WHERE relname LIKE 'pg_%'))",
}


@pytest.fixture
def reader(installed_url: str) -> Iterator[Exporter]:
    """An exporter with a keeper schema to write to, and the one connection that it keeps."""
    exporter = Exporter(installed_url)
    yield exporter
    exporter.close()


def left_behind(reader: Exporter) -> dict[str, list[object]]:
    """What the server still holds for the reader's connection: only that very connection can ask."""
    connection = reader.database._connection
    assert connection is not None
    connection.autocommit = True
    found = {what: list(connection.execute(question.encode())) for what, question in LEFT_BEHIND.items()}
    connection.autocommit = False
    return {what: rows for what, rows in found.items() if rows}


def test_nothing_is_left_after_many_scrapes(reader: Exporter, sql: Session) -> None:
    """A driver that prepares what it sees five times would leave that; so would a SET that is not LOCAL, or a lock."""
    fill(sql, seed=3, jobs=100)
    for _ in range(8):
        assert reader.read(SECONDS).error is None
    for _ in range(8):  # a ROLLBACK, which ends a scrape, has the driver forget what it has prepared; a COMMIT does not
        with reader.database.writing(SECONDS) as tx:
            tx.query("river/open_transaction")

    assert left_behind(reader) == {}


@pytest.mark.parametrize(
    ("harm", "mend"),
    [
        ("BEGIN; LOCK TABLE river_job", "ROLLBACK"),
        ("ALTER TABLE river_queue RENAME TO hidden", "ALTER TABLE hidden RENAME TO river_queue"),
        ("BEGIN; LOCK TABLE riverkeeper.ledger", "ROLLBACK"),
    ],
    ids=["lock timeout", "missing table", "ledger locked"],
)
def test_nothing_is_left_after_a_failure(reader: Exporter, sql: Session, harm: str, mend: str) -> None:
    """The connection is kept after a statement failed on it, as clean as before."""
    reader.read(SECONDS)
    sql.execute(harm)
    failed = errors(reader.read(SECONDS))
    sql.execute(mend)

    assert failed
    assert left_behind(reader) == {}


def test_the_connection_is_idle_between_scrapes(reader: Exporter, sql: Session) -> None:
    """No transaction stays open: it would hold back vacuum on the busiest table of the database."""
    reader.read(SECONDS)
    rows = sql.execute(
        "SELECT state, xact_start, backend_xmin::text FROM pg_stat_activity"
        " WHERE application_name = 'riverkeeper' AND datname = current_database()"
    )

    assert [tuple(row) for row in rows] == [("idle", None, None)]


TELL = """INSERT INTO public.told SELECT current_setting('transaction_isolation') AS isolation,
    current_setting('lock_timeout') AS locks, current_setting('idle_in_transaction_session_timeout') AS idle"""


@pytest.fixture
def database(river_url: str, sql: Session) -> Iterator[Database]:
    sql.execute("CREATE TABLE told (isolation text, locks text, idle text)")
    database = Database(river_url)
    yield database
    database.close()


def test_writing_is_committed_at_the_end_of_the_block(database: Database, sql: Session) -> None:
    """READ COMMITTED, a short wait for locks, and the server ends it if its replica dies within."""
    with database.writing(SECONDS, {}) as tx:
        tx.execute(TELL)
        assert sql.execute("SELECT * FROM told") == []

    assert [tuple(row) for row in sql.execute("SELECT * FROM told")] == [("read committed", "250ms", "10s")]


def test_the_isolation_is_ours_whatever_the_database_s_default(river_url: str, sql: Session) -> None:
    """A rescue reads anew under each lock; by a snapshot of its beginning it would fail wherever others write."""
    sql.execute("CREATE TABLE told (isolation text, locks text, idle text)")
    sql.execute("ALTER DATABASE river SET default_transaction_isolation = 'serializable'")
    database = Database(river_url)
    with database.writing(SECONDS, {}) as tx:
        tx.execute(TELL)
    database.close()
    sql.execute("ALTER DATABASE river RESET default_transaction_isolation")

    assert [row.isolation for row in sql.execute("SELECT isolation FROM told")] == ["read committed"]


def test_writing_is_undone_by_any_exception(database: Database, sql: Session) -> None:
    """A fault of ours after the statement is as if it had not been sent; the connection serves the next one."""
    with contextlib.suppress(ZeroDivisionError), database.writing(SECONDS, {}) as tx:
        tx.execute(TELL)
        raise ZeroDivisionError
    with database.writing(SECONDS, {}) as tx:
        tx.execute("SELECT 1")

    assert sql.execute("SELECT * FROM told") == []


def test_reading_cannot_write(database: Database, sql: Session) -> None:
    """The server refuses it, whatever the login may do."""
    with pytest.raises(DatabaseError) as refused, database.reading(SECONDS, {}) as tx:
        tx.execute(TELL)

    assert refused.value.kind is ErrorKind.FORBIDDEN
    assert sql.execute("SELECT * FROM told") == []


CUT = """SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE application_name = 'riverkeeper' AND datname = current_database()"""


def test_what_was_read_stands_though_the_connection_ends(database: Database, sql: Session) -> None:
    """There is nothing to commit: the answers are shown, and the next reading has a connection of its own."""
    for _ in range(2):
        with database.reading(SECONDS, {}) as tx:
            rows = tx.query("river/open_transaction")
            sql.execute(CUT)
        assert len(rows) == 1


def test_what_was_written_is_lost_with_the_connection(database: Database, sql: Session) -> None:
    """Nothing is exported that is not committed, and the page names the problem."""
    kind: ErrorKind | None = None
    try:
        with database.writing(SECONDS, {}) as tx:
            tx.execute(TELL)
            sql.execute(CUT)
    except DatabaseError as lost:
        kind = lost.kind

    assert kind in {ErrorKind.LOST, ErrorKind.UNREACHABLE}
    assert sql.execute("SELECT * FROM told") == []


def test_our_own_limit_is_not_called_a_broken_connection(sql: Session, own_url: str) -> None:
    """A server that does not answer is busy or frozen: no pooler is to blame. One that ends the session is not late."""
    with Session(own_url, "slow") as slow, pytest.raises(DatabaseError) as late:
        slow.execute("SELECT pg_sleep(30)", seconds=0.2)
    with Session(own_url, "cut") as cut:
        sql.execute(CUT.replace("'riverkeeper'", "'cut'"))
        with pytest.raises(DatabaseError) as ended:
            cut.execute("SELECT 1", seconds=60.0)

    assert late.value.kind is ErrorKind.LOST
    assert "no answer in time" in str(late.value)
    assert "PgBouncer" not in str(late.value)
    assert "no answer in time" not in str(ended.value)
