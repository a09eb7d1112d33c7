"""The plain client's statement, sent as its generated copy: five parameters in, ordinal and status out."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Iterator, Sequence

import psycopg
import pytest

from conformance.floor import Event
from conformance.rescue import rescue
from consistency.tree import ROOT
from fixtures.contract import Connection, beat, claims_of, connected
from fixtures.waiting import until
from riverkeeper.generate import number_parameters

NUMBERED = ROOT / "clients" / "numbered"
INSTANCE = uuid.UUID(int=7)


@pytest.fixture
def sql(installed_url: str) -> Iterator[Connection]:
    with connected(installed_url) as connection:
        yield connection


def numbered(name: str) -> str:
    """As a plain client reads it."""
    text = (NUMBERED / f"{name}.sql").read_text(encoding="utf-8")
    return text.replace("river.", "public.").replace("keeper.", "riverkeeper.")


def beat_plain(sql: Connection, claims: Sequence[Event]) -> list[tuple[int, str]]:
    ids, times = [claim["job_id"] for claim in claims], [claim["attempted_at"] for claim in claims]
    parameters = [INSTANCE, "worker", "10 seconds", ids, times]
    rows = psycopg.RawCursor(sql, row_factory=psycopg.rows.tuple_row).execute(numbered("beat_plain"), parameters)
    return list(rows.fetchall())


def test_a_plain_beat_makes_the_rows_that_a_plain_client_has(sql: Connection) -> None:
    """No lease, no progress, every kind, no token; the process is named by its application_name."""
    sql.execute("SET application_name = 'payments'")
    [claim] = claims_of(sql, 1)

    assert beat_plain(sql, []) == []
    assert beat_plain(sql, [claim]) == [(1, "held")]
    [row] = sql.execute("SELECT * FROM riverkeeper.heartbeat").fetchall()
    assert (row["job_id"], row["attempt"], row["instance"]) == (claim["job_id"], claim["attempt"], INSTANCE)
    assert (row["lease"], row["progress_at"], row["progress"], row["note"]) == (None, None, None, None)
    [process] = sql.execute("SELECT * FROM riverkeeper.client").fetchall()
    assert (process["instance"], process["client_id"], process["software"]) == (INSTANCE, "worker", "plain payments")
    assert (process["kinds"], process["fences"], row["beat_interval"]) == (None, False, process["beat_interval"])


def test_a_plain_beat_renews_its_rows(sql: Connection) -> None:
    """By the database's clock; the start of the process stays."""
    [claim] = claims_of(sql, 1)
    moments = """
        SELECT h.beat_at AS claim, c.beat_at AS process, c.started_at
        FROM riverkeeper.heartbeat AS h, riverkeeper.client AS c
    """
    beat_plain(sql, [claim])
    [before] = sql.execute(moments).fetchall()
    beat_plain(sql, [claim])
    [after] = sql.execute(moments).fetchall()

    assert after["claim"] > before["claim"]
    assert after["process"] > before["process"]
    assert after["started_at"] == before["started_at"]


def test_each_claim_is_answered_by_its_place(sql: Connection) -> None:
    """In whatever order they are given: held, stop, finished, lost, and one that never was."""
    held, stop, finished, lost, left = claims_of(sql, 5)
    given = [left, finished, {**held, "attempted_at": "2026-01-31T23:59:59.123Z"}, stop, lost, held]
    beat_plain(sql, [held, stop, finished, lost])
    sql.execute("UPDATE riverkeeper.heartbeat SET stop_requested_at = now() WHERE job_id = %s", [stop["job_id"]])
    sql.execute("UPDATE river_job SET state = 'completed', finalized_at = now() WHERE id = %s", [finished["job_id"]])
    sql.execute("UPDATE river_job SET state = 'retryable' WHERE id = %s", [left["job_id"]])
    assert rescue(sql, lost, timeout_seconds=-3600)
    sql.execute("UPDATE river_job SET state = 'running' WHERE id = %s", [lost["job_id"]])

    statuses = ["lost", "finished", "lost", "stop", "lost", "held"]
    assert beat_plain(sql, given) == list(enumerate(statuses, start=1))


def test_a_plain_beat_takes_no_progress_and_no_lease_away(sql: Connection) -> None:
    """A claim that another client of the process has beaten for keeps what it has reported."""
    [claim] = claims_of(sql, 1)
    beat(sql, [claim])
    sql.execute("UPDATE riverkeeper.heartbeat SET progress_at = now(), progress = 0.5, note = 'half', lease = '30 s'")
    kept = "SELECT progress_at, progress, note, lease FROM riverkeeper.heartbeat"
    before = sql.execute(kept).fetchall()
    beat_plain(sql, [claim])

    assert sql.execute(kept).fetchall() == before


def test_a_plain_beat_that_waited_for_a_rescue_is_lost(sql: Connection, installed_url: str) -> None:
    """The heartbeat row decides between the two, as for every beat."""
    [claim] = claims_of(sql, 1)
    beat_plain(sql, [claim])
    with connected(installed_url) as other, connected(installed_url) as watching:
        sent = psycopg.Connection.connect(installed_url, autocommit=True, row_factory=psycopg.rows.dict_row)
        with sent, other.transaction():
            other.execute("UPDATE riverkeeper.heartbeat SET lost_at = now()")
            answers: list[tuple[int, str]] = []
            thread = threading.Thread(target=lambda: answers.extend(beat_plain(sent, [claim])))
            thread.start()
            waiting = "SELECT FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
            until(lambda: watching.execute(waiting, [sent.info.backend_pid]).fetchall(), "the beat to wait")
        thread.join()

    assert answers == [(1, "lost")]


def test_every_numbered_copy_is_understood_by_a_real_server(sql: Connection) -> None:
    """Each placeholder has its type, so that any driver can send it."""
    for file in sorted(NUMBERED.glob("*.sql")):
        if file.stem != "tables":
            sql.execute(f"PREPARE copy AS {numbered(file.stem)}")
            sql.execute("DEALLOCATE copy")


def test_the_published_tables_are_those_of_the_keeper_schema(sql: Connection) -> None:
    """No migration has changed them without the published copy."""
    columns = """
        SELECT table_name, column_name, data_type, is_nullable, ordinal_position FROM information_schema.columns
        WHERE table_schema = %s AND table_name IN ('heartbeat', 'client') ORDER BY 1, 5
    """
    sql.execute("CREATE SCHEMA published")
    sql.execute((NUMBERED / "tables.sql").read_text(encoding="utf-8").replace("keeper.", "published."))
    found = [sql.execute(columns, [schema]).fetchall() for schema in ("published", "riverkeeper")]
    sql.execute("DROP SCHEMA published CASCADE")

    assert found[0] == found[1] != []


def test_a_plain_statement_has_each_parameter_once_and_in_order() -> None:
    """So a driver that counts question marks can send it."""
    code = number_parameters("beat_plain").partition("\nWITH ")[2]

    assert re.findall(r"\$\d", code) == ["$1", "$2", "$3", "$4", "$5"]
