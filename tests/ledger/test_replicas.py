"""Many exporters on one database at the same time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, cast

from fixtures.ledger_replica import SCHEMAS, SECONDS, Replica, falls, page
from fixtures.simulated_river import START
from riverkeeper.ledger.update import Totals
from riverkeeper.postgres.connection import Session
from riverkeeper.postgres.transaction import Transaction

REPLICAS, ROUNDS, JOBS = 4, 25, 7


def finish(sql: Session, now: float, jobs: int) -> None:
    sql.execute(
        "INSERT INTO river_job (state, attempt, kind, queue, scheduled_at, attempted_at, finalized_at)"
        " SELECT 'completed', 1, 'k' || mod(n, 3), 'q', at, at, at + n * interval '1 second'"
        " FROM generate_series(1, %(jobs)s) AS n, to_timestamp(%(now)s::float8) AS at",
        {"jobs": jobs, "now": now},
    )


def collect(replica: Replica, now: float) -> Totals:
    """Read and settle, with the checks of Replica.show."""
    with replica.database.reading(SECONDS, SCHEMAS) as tx:
        reading = replica.ledger.read(tx, now)
    with replica.database.writing(SECONDS, SCHEMAS) as tx:
        totals = replica.ledger.settle(tx, reading, {})
    replica.show(totals)
    return totals


def test_four_exporters_at_the_same_moment_count_as_one(installed_url: str, sql: Session) -> None:
    """They collide on purpose: no deadlock, no error, no counter falls, and all end with the same right numbers."""
    together = threading.Barrier(REPLICAS)
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(REPLICAS) as threads:
        replicas = [stack.enter_context(Replica(installed_url, durable=True)) for _ in range(REPLICAS)]
        collect(replicas[0], START)

        def run(replica: Replica, now: float) -> Totals:
            together.wait(SECONDS)
            return collect(replica, now)

        for number in range(ROUNDS):
            now = START + 15 * number
            finish(sql, now, JOBS)
            list(threads.map(run, replicas, [now + 7] * REPLICAS))
        ends = [page(collect(replica, now + 15)) for replica in replicas]

    assert ends == [ends[0]] * REPLICAS
    assert sum(pair.outcomes["completed"] for pair in ends[0].pairs) == ROUNDS * JOBS
    assert sum(sum(wait.counts) for wait in ends[0].waits.values()) == ROUNDS * JOBS


def test_who_cannot_have_the_lock_shows_what_is_committed(installed_url: str, sql: Session) -> None:
    """A replica whose machine froze in the midst of its commit keeps nobody waiting."""
    with Replica(installed_url, durable=True) as frozen, Replica(installed_url, durable=True) as other:
        before = collect(other, START)
        finish(sql, START, JOBS)
        with frozen.database.writing(SECONDS, SCHEMAS) as tx:
            assert frozen.ledger.store.lock(tx)
            assert page(collect(other, START + 10)) == page(before)
        after = collect(other, START + 10)

    falls(page(before), page(after))
    assert sum(pair.outcomes["completed"] for pair in page(after).pairs) == JOBS


class Asking:
    """A transaction that remembers its statements."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self.names: list[str] = []

    def query(self, name: str, parameters: Mapping[str, Any] | None = None) -> Any:
        self.names.append(name)
        return self._tx.query(name, parameters)

    def savepoint(self) -> AbstractContextManager[None]:
        return self._tx.savepoint()


def queries_of(replica: Replica, now: float) -> list[str]:
    """The statements with which a replica settles a collection."""
    with replica.database.reading(SECONDS, SCHEMAS) as tx:
        reading = replica.ledger.read(tx, now)
    with replica.database.writing(SECONDS, SCHEMAS) as tx:
        asking = Asking(tx)
        totals = replica.ledger.settle(cast(Transaction, asking), reading, {})
    replica.show(totals)
    return asking.names


def test_totals_are_read_again_only_when_somebody_else_wrote(installed_url: str, sql: Session) -> None:
    """Hundreds of rows, at every collection, that we have in memory anyway."""
    with Replica(installed_url, durable=True) as replica, Replica(installed_url, durable=True) as other:
        collect(replica, START)
        finish(sql, START, JOBS)
        assert "ledger/read_totals" not in queries_of(replica, START + 10)
        assert "ledger/read_totals" in queries_of(other, START + 15), "it has just started"
        assert "ledger/read_totals" in queries_of(replica, START + 20), "the other wrote"
        assert "ledger/read_totals" not in queries_of(replica, START + 25)


def test_totals_read_without_the_lock_are_read_again(installed_url: str) -> None:
    """Their stamp and they may be of two moments, between which the writer committed."""
    with Replica(installed_url, durable=True) as writer, Replica(installed_url, durable=True) as other:
        collect(writer, START)
        with writer.database.writing(SECONDS, SCHEMAS) as tx:
            assert writer.ledger.store.lock(tx)
            assert "ledger/read_totals" in queries_of(other, START + 10)
        assert "ledger/read_totals" in queries_of(other, START + 10)
