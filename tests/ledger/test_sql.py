"""What the ledger's statements make of single rows, whatever is in them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from random import Random

import pytest

from fixtures.ledger_replica import SCHEMAS, SECONDS
from fixtures.simulated_river import find_bucket
from riverkeeper.demo.postgres import Server
from riverkeeper.ledger.counts import EDGES_MICROS, NO_DURATION, NOTHING, CellKey, Series, Tally
from riverkeeper.ledger.ledger import finished_parameters
from riverkeeper.ledger.names import NO_NAMES
from riverkeeper.ledger.schedule import slot_of
from riverkeeper.ledger.store import KeeperStore, cell_from_row
from riverkeeper.ledger.update import LedgerChanges, LedgerState, SlotState
from riverkeeper.postgres.connection import Database
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.schema.install import install

pytestmark = pytest.mark.long  # more durations
ROWS = 50_000 if os.environ.get("RIVERKEEPER_TEST_LONG") else 1_000
SLOT = 179_000_000


class Undone(Exception):
    """Ends a test's transaction."""


@pytest.fixture(scope="module")
def database(postgres: Server) -> Iterator[Database]:
    """One for all these tests: each undoes what it did."""
    url = postgres.database("ledger_sql", template="river_template")
    install(url, None, None)
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def tx(database: Database) -> Iterator[Transaction]:
    """For rows and questions alike."""
    with contextlib.suppress(Undone), database.writing(SECONDS, SCHEMAS) as tx:
        yield tx
        raise Undone


def found(tx: Transaction, *slots: int) -> dict[Series, Tally]:
    cells = [
        cell_from_row(row) for row in tx.query("ledger/read_finished", finished_parameters(slots or (SLOT,), most=1000))
    ]
    assert len({key for key, _ in cells}) == len(cells), "a cell comes in one row"
    return {key.series: tally for key, tally in cells}


def fingerprints(tx: Transaction, *slots: int) -> list[int]:
    rows = tx.query("ledger/read_fingerprints", {"slots": list(slots)})
    return [row.mark for row in sorted(rows)]


def insert(tx: Transaction, **total_row: str) -> None:
    """One row, its total_row given as SQL expressions; by default a second's run that ended in SLOT."""
    values = {
        "state": "'completed'",
        "attempt": "1",
        "kind": "'k'",
        "queue": "'q'",
        "scheduled_at": f"to_timestamp({SLOT * 10 - 1})",
        "attempted_at": f"to_timestamp({SLOT * 10})",
        "finalized_at": f"to_timestamp({SLOT * 10 + 1})",
    } | total_row
    tx.execute(f"INSERT INTO public.river_job ({', '.join(values)}) SELECT {', '.join(values.values())}")


def test_sql_and_python_agree_on_the_bucket(tx: Transaction) -> None:
    """For every microsecond, edges and their neighbours above all; and sums are exact."""
    random = Random(1)
    near = [edge + off for edge in EDGES_MICROS for off in (-1, 0, 1)]
    durations = near + [round(10 ** random.uniform(0, 12)) for _ in range(ROWS)]
    tx.execute(
        f"""
        INSERT INTO public.river_job (state, attempt, kind, queue, scheduled_at, attempted_at, finalized_at)
        SELECT 'completed', 2, 'k', 'q', claimed.at - d * interval '1 microsecond', claimed.at, ended.at
        FROM unnest(ARRAY{durations}::bigint[]) AS d
        CROSS JOIN LATERAL (SELECT to_timestamp({SLOT * 10}) + random() * interval '9 s') AS ended (at)
        CROSS JOIN LATERAL (SELECT ended.at - d * interval '1 microsecond') AS claimed (at)
        """  # noqa: S608 (our own numbers)
    )
    cells = found(tx)
    naive = NOTHING
    for micros in durations:
        naive = naive.plus(Tally({find_bucket(micros): (1, micros)}))

    run, wait = cells[Series("run", "q", "k", "completed")], cells[Series("wait", "q", "", "1")]
    assert run.buckets == naive.buckets
    assert {bucket: amount[:2] for bucket, amount in wait.buckets.items()} == {
        bucket: amount[:2] for bucket, amount in naive.buckets.items()
    }


@pytest.mark.parametrize(
    ("total_row", "bucket"),
    [
        ({}, find_bucket(1_000_000)),
        ({"attempted_at": "NULL"}, NO_DURATION),
        ({"attempted_at": "'infinity'"}, NO_DURATION),
        ({"attempted_at": "'-infinity'"}, NO_DURATION),
        ({"attempted_at": f"to_timestamp({SLOT * 10 + 2})"}, 0),
        ({"attempted_at": "'294276-12-31'"}, 0),
        ({"attempted_at": "'4713-01-02 BC'"}, len(EDGES_MICROS)),
        ({"state": "'discarded'"}, NO_DURATION),
        ({"state": "'cancelled'"}, NO_DURATION),
        ({"state": "'cancelled'", "attempted_at": "NULL", "attempt": "0"}, NO_DURATION),
    ],
)
def test_only_completed_jobs_have_a_run_time(tx: Transaction, total_row: dict[str, str], bucket: int) -> None:
    """A cancel while waiting, a unique discard and a rescue's discard ran for no time that means anything."""
    insert(tx, **total_row)
    runs = {series: tally for series, tally in found(tx).items() if series.measure == "run"}

    assert [list(tally.buckets) for tally in runs.values()] == [[bucket]]
    assert [tally.jobs for tally in runs.values()] == [1]
    assert [micros >= 0 for tally in runs.values() for _, micros in tally.buckets.values()] == [True]
    assert [tally.last for tally in runs.values()] == [SLOT * 10 + 1]


@pytest.mark.parametrize(
    ("total_row", "waited"),
    [
        ({}, 1_000_000),
        ({"scheduled_at": f"to_timestamp({SLOT * 10})"}, 0),
        ({"scheduled_at": f"to_timestamp({SLOT * 10}) + interval '1 microsecond'"}, None),  # a cancel while waiting
        ({"scheduled_at": "'-infinity'"}, None),
        ({"scheduled_at": "'infinity'"}, None),
        ({"attempted_at": "NULL"}, None),
        ({"attempted_at": "'infinity'"}, None),
        ({"attempted_at": "'-infinity'", "scheduled_at": "'-infinity'"}, None),
        ({"scheduled_at": "'4713-01-02 BC'"}, 10**13),
    ],
)
def test_a_wait_counts_while_scheduled_at_is_of_this_attempt(
    tx: Transaction, total_row: dict[str, str], waited: int | None
) -> None:
    """A claim happens only when a job is due: where it lies before, scheduled_at was moved since."""
    insert(tx, **total_row)
    waits = [tally for series, tally in found(tx).items() if series.measure == "wait"]

    assert [list(tally.buckets.values()) for tally in waits] == ([] if waited is None else [[(1, waited)]])


@pytest.mark.parametrize("skew", ["- interval '5 min'", "+ interval '5 min'"])
@pytest.mark.parametrize("client", ["java-0b9d3a52-4c1e-4f5e-9a43-2f1f6d1a7c10", "web-7d9f-1-a1b2c3d4e5f6"])
def test_a_claim_that_a_worker_s_clock_dates_has_no_wait(tx: Transaction, client: str, skew: str) -> None:
    """It would be wrong by as much as that clock. The run is by the same clock at both ends, and counts."""
    insert(
        tx,
        attempted_by=f"ARRAY['web_2026_08_07T15_00_00_000000', '{client}']",
        attempted_at=f"to_timestamp({SLOT * 10}) {skew}",
    )
    waits = {series: tally for series, tally in found(tx).items() if series.measure == "wait"}

    assert [tally.buckets for tally in waits.values()] == [{NO_DURATION: (1, 0)}]
    offset = -300 if skew.startswith("-") else 300
    assert [tally.last for tally in waits.values()] == [SLOT * 10 + offset]


@pytest.mark.parametrize("client", ["web-7d9f_2026_08_07T15_00_00_000000", "java-worker", "web-1-a1b2c3d4e5fg"])
def test_any_other_claim_has_its_wait(tx: Transaction, client: str) -> None:
    """A name that only looks like one of Ruby or Java is none."""
    insert(tx, attempted_by=f"ARRAY['{client}']")
    waits = [tally for series, tally in found(tx).items() if series.measure == "wait"]

    assert [list(tally.buckets.values()) for tally in waits] == [[(1, 1_000_000)]]


def test_garbage_does_not_overflow_a_sum(tx: Transaction) -> None:
    """Ten thousand jobs that waited since the Stone Age: the reading stands, each adds four months."""
    insert(tx, scheduled_at="'4713-01-02 BC'", attempted_at="'4713-01-03 BC'")
    tx.execute(
        "INSERT INTO public.river_job (state, attempt, kind, queue, scheduled_at, attempted_at, finalized_at)"
        " SELECT state, attempt, kind, queue, scheduled_at, attempted_at, finalized_at"
        " FROM public.river_job, generate_series(2, 10000)"
    )

    overflow = len(EDGES_MICROS)
    assert found(tx)[Series("run", "q", "k", "completed")].buckets == {overflow: (10_000, 10**17)}


def test_finalized_at_may_be_anything(tx: Transaction) -> None:
    """Infinite and absurd times are in no slot; River's unique discards lie five seconds ahead, in theirs."""
    for moment in ("'infinity'", "'-infinity'", "'294276-12-31'", "'4713-01-02 BC'"):
        insert(tx, finalized_at=moment)
    insert(tx, finalized_at=f"to_timestamp({SLOT * 10 + 10 + 5})")

    assert found(tx) == {}
    assert fingerprints(tx, SLOT) == [0]
    assert found(tx, SLOT + 1)


def test_a_slot_ends_where_the_next_begins(tx: Transaction) -> None:
    """To the microsecond, and as the schedule computes it."""
    for micros in (0, 1, 9_999_999, 10_000_000):
        insert(tx, finalized_at=f"to_timestamp({SLOT * 10}) + {micros} * interval '1 microsecond'")

    assert [sum(tally.jobs for tally in found(tx, slot).values()) for slot in (SLOT, SLOT + 1)] == [6, 2]
    assert [slot_of(SLOT * 10 + seconds) - SLOT for seconds in (0, 9.999999, 10)] == [0, 0, 1]


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM public.river_job WHERE id = 1",
        """INSERT INTO public.river_job (id, state, kind, finalized_at)
        SELECT id + 2, state, kind, finalized_at FROM public.river_job""",
        "UPDATE public.river_job SET state = 'available', finalized_at = NULL WHERE id = 1",
        "UPDATE public.river_job SET finalized_at = finalized_at + interval '1 microsecond' WHERE id = 1",
        "UPDATE public.river_job SET id = 9 WHERE id = 1",
    ],
)
def test_the_mark_of_a_slot_changes_with_its_rows(tx: Transaction, change: str) -> None:
    """Or a slot would not be read again: also where one row came and another went, or one finished once more."""
    insert(tx, id="1")
    insert(tx, id="2")
    before = fingerprints(tx, SLOT)
    assert fingerprints(tx, SLOT) == before

    tx.execute(change)
    assert fingerprints(tx, SLOT) != before


def test_names_are_taken_as_they_are(tx: Transaction) -> None:
    """Quotes, percent signs, other scripts: they go to the keeper schema and come back, with every number."""
    insert(tx, kind="E'it''s 100% \\U0001F600 \\\\ \"x\"'", queue="'очередь'")
    seen = found(tx)
    assert {series.kind for series in seen} == {'it\'s 100% 😀 \\ "x"', ""}
    assert {series.queue for series in seen} == {"очередь"}

    cells, store = {CellKey(SLOT, series): tally for series, tally in seen.items()}, KeeperStore()
    store.save(tx, NO_NAMES, LedgerChanges(LedgerState(), {SLOT: 5}, cells, seen, NO_NAMES, None))
    assert store.cells(tx, [SLOT, SLOT + 1]) == cells
    assert store.slots(tx, [SLOT, SLOT + 1]) == {SLOT: SlotState(5, closed=False)}
    assert store.totals(tx) == seen
