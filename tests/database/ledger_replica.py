"""One exporter's ledger, collecting at moments that a test chooses, as Reader does it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from database.ledger_world import LATE, Finish, World
from riverkeeper.ledger.cells import NO_AMOUNT, Amount, Series, highest
from riverkeeper.ledger.ledger import Ledger
from riverkeeper.ledger.state import Reading, Totals
from riverkeeper.ledger.store import KeeperStore, MemoryStore
from riverkeeper.ledger.totals import Finished, finished
from riverkeeper.postgres.connection import Database, Transaction

SCHEMAS = {"river": "public", "keeper": "riverkeeper"}
SECONDS = 30.0  # a busy machine is no failure


class Watched:
    """A transaction that remembers which slots were asked for."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self.slots: set[int] = set()

    def query(self, name: str, parameters: Mapping[str, Any] | None = None, seconds: float | None = None) -> Any:
        if name == "ledger/read_marks" and parameters:
            self.slots |= set(parameters["slots"])
        return self._tx.query(name, parameters, seconds)


@dataclass
class Read:
    """A reading, and what it could see."""

    reading: Reading
    slots: set[int]
    present: list[Finish]


@dataclass
class Replica:
    """A ledger with a connection of its own; checks at each collection that nothing it exports falls."""

    url: str
    durable: bool
    late_window: float = LATE
    max_pairs: int = 1000
    database: Database = field(init=False)
    ledger: Ledger = field(init=False)
    totals: Totals | None = None

    def __post_init__(self) -> None:
        self.database = Database(self.url)
        self.restart()

    def __enter__(self) -> Replica:
        return self

    def __exit__(self, *_: object) -> None:
        self.database.close()

    def move(self, url: str) -> None:
        """The same process, connected to another server."""
        self.database.close()
        self.database = Database(url)

    def restart(self) -> None:
        """The process ends and another begins; what was in memory is gone."""
        self.ledger = Ledger(KeeperStore() if self.durable else MemoryStore(), self.late_window, self.max_pairs)
        self.totals = None

    def collect(self, world: World) -> Totals:
        return self.settle(world, self.read(world))

    def read(self, world: World) -> Read:
        with self.database.reading(SECONDS, SCHEMAS) as tx:
            watched = Watched(tx)
            reading = self.ledger.read(cast(Transaction, watched), world.now)
            return Read(reading, watched.slots, world.present())

    def settle(self, world: World, read: Read) -> Totals:
        with self.writing() as tx:
            totals = self.ledger.settle(tx, read.reading, {})
        if read.reading.known_before and not world.known:
            world.begun()
        world.seen(read.slots, read.present)
        self.show(totals)
        return totals

    @contextlib.contextmanager
    def writing(self) -> Iterator[Transaction]:
        if self.durable:
            with self.database.writing(SECONDS, SCHEMAS) as tx:
                yield tx
        else:
            yield cast(Transaction, None)

    def committed(self) -> Totals:
        """What anybody finds in the keeper schema."""
        with self.database.reading(SECONDS, SCHEMAS) as tx:
            state = self.ledger.store.peek(tx)
            store = self.ledger.store
            return Totals(store.totals(tx), store.names(tx), state.epoch, state.late_rows, state.stamp)

    def show(self, totals: Totals) -> None:
        if self.totals is not None and self.totals.epoch == totals.epoch:
            falls(page(self.totals), page(totals))
        self.ledger.exported(totals)
        self.totals = totals


def page(totals: Totals) -> Finished:
    """As the metrics page gets it."""
    return finished(totals.series, totals.names, durable=True, late_rows=totals.late_rows, epoch=totals.epoch)


def falls(before: Finished, now: Finished) -> None:
    """Fails if any counter of the page is lower than it was."""
    after = {(pair.queue, pair.kind): pair for pair in now.pairs}
    for old in before.pairs:
        new = after.get((old.queue, old.kind))
        if new is not None:
            assert all(new.outcomes[state] >= jobs for state, jobs in old.outcomes.items())
            assert new.attempts >= old.attempts
            assert new.run.seconds >= old.run.seconds
            assert all(map(int.__ge__, new.run.counts, old.run.counts))
    for key, wait in before.waits.items():
        assert all(map(int.__ge__, now.waits[key].counts, wait.counts))
    assert now.late_rows >= before.late_rows


def by_bucket(totals: Totals) -> dict[tuple[Series, int], Amount]:
    """Totals of runs, by series and bucket."""
    return {
        (series, bucket): amount
        for series, tally in totals.series.items()
        if series.measure == "run"
        for bucket, amount in tally.buckets.items()
        if amount != NO_AMOUNT
    }


def equals_naive(world: World, totals: Totals) -> None:
    """Fails unless every finish that was seen is counted once, and none was missed."""
    naive, replaced = world.naive()
    counted = by_bucket(totals)
    assert world.missed() == []
    assert counted.keys() == naive.keys()
    for place, amount in naive.items():
        if place in replaced:
            assert highest(counted[place], amount) == amount, place
        else:
            assert counted[place] == amount, place
