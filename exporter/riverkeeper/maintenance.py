"""Maintenance: the loop that writes. It counts finished jobs, learns limits, and sweeps forgotten heartbeats.

A scrape only reads. It shows what the last step of maintenance committed, and reports when that was long ago. Every
replica runs this loop; the ledger's lock decides which of them writes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import structlog

from riverkeeper.ledger.learned_limits import LearnedRuns
from riverkeeper.ledger.ledger import Ledger
from riverkeeper.ledger.names import Pair
from riverkeeper.ledger.store import KeeperStore, MemoryStore, read_learned
from riverkeeper.ledger.update import LedgerReading, Totals
from riverkeeper.postgres.connection import Database
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.river.running import read_running
from riverkeeper.river.waiting import read_partitions, read_waiting_kinds
from riverkeeper.schema.layout import ATTEMPTS_VERSION, KeeperSchema
from riverkeeper.schema.sweep import Sweeper
from riverkeeper.scrape.query_log import QueryLog
from riverkeeper.scrape.reader import ReaderSettings
from riverkeeper.scrape.schemas import FoundSchemas, SchemaLookup
from riverkeeper.scrape.scrape import Maintained, QueryOutcome, Snapshot, count_live_pairs

log = structlog.get_logger()

INTERVAL = 15.0  # seconds, as often as a usual scrape
STEP_SECONDS = 9.5  # for one step, as a scrape by Prometheus' default timeout has
FIRST_SECONDS = 3.0  # the first scrape of a process waits at most this long for the first step
RETRY_SECONDS = 5.0  # after a step in which something failed
LEARN_SECONDS = 300.0  # a limit is made of days: minutes do not matter
RECENT_SECONDS = 60.0  # a scrape that is older does not show which jobs are live now
Live = Mapping[Pair, int]


class Maintenance:
    """One loop of one process, with a connection of its own. `step` is for one thread at a time."""

    def __init__(
        self,
        database: Database,
        settings: ReaderSettings,
        lookup: SchemaLookup,
        latest: Callable[[], Snapshot | None] = lambda: None,
    ) -> None:
        """`latest`: the last scrape of this process. Its live jobs get their names first."""
        self._database = database
        self._settings = settings
        self._lookup = lookup
        self._latest = latest
        self._ledger: Ledger | None = None
        self._learned = LearnedRuns()
        self._learn_due_at = 0.0  # our monotonic clock
        self._sweeper = Sweeper()
        self._swept: QueryOutcome | None = None
        self._maintained = Maintained(ended_at=time.monotonic())
        self._first_step = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="maintenance", daemon=True)

    def start(self) -> None:
        """Let the loop run until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no step any more. A step under way ends by itself, whole or not at all."""
        self._stopped.set()
        if not self._thread.is_alive():
            self._database.close()

    def wait_for_maintained(self, seconds: float) -> Maintained:
        """What the last step committed. The first scrape waits for it, for a third of its `seconds` at most."""
        if self._thread.is_alive():
            self._first_step.wait(min(FIRST_SECONDS, seconds / 3))
        return self._maintained

    def step(self, seconds: float = STEP_SECONDS) -> Maintained:
        """Count, learn and sweep once, in at most about `seconds`. Never raises: the outcomes list what failed."""
        deadline, outcomes = time.monotonic() + seconds, list[QueryOutcome]()
        totals = counted_at = schemas = None
        try:
            schemas, totals, counted_at = self._count(outcomes, deadline)
            self._sweep(outcomes, schemas, deadline)
        except DatabaseError as error:
            outcomes.append(QueryOutcome("maintenance", time.monotonic() + seconds - deadline, str(error)))
        except Exception:
            log.exception("maintenance failed")
            outcomes.append(QueryOutcome("maintenance", 0.0, "a bug in Riverkeeper itself: see the log"))
        if any(outcome.error for outcome in outcomes):
            self._lookup.forget()
        self._maintained = Maintained(
            ended_at=time.monotonic(),
            outcomes=tuple(outcomes),
            totals=totals,
            counted_at=counted_at,
            durable=self._ledger is not None and self._ledger.store.durable,
            learned=self._learned.limits,
            past_runs=self._learned.runs,
        )
        self._first_step.set()
        return self._maintained

    def read_committed(self, seconds: float) -> Maintained:
        """What others have committed, for a command that makes one scrape and ends. Writes nothing. Never raises."""
        outcomes, totals, now, durable = list[QueryOutcome](), None, None, False
        try:
            with self._database.reading(seconds) as tx:
                schemas, now = self._open(tx)
                if durable := schemas.keeper.writable:
                    queries, ledger = QueryLog(tx), self._choose_ledger(schemas.keeper)
                    self._learn(queries, ledger, schemas.keeper, now)
                    totals = queries.run("ledger", lambda: ledger.read_committed(tx))
                    outcomes += queries.outcomes
                elif schemas.keeper_error:
                    outcomes.append(QueryOutcome("ledger", 0.0, schemas.keeper_error))
        except DatabaseError as error:
            outcomes.append(QueryOutcome("maintenance", 0.0, str(error)))
        learned, ended_at = self._learned, time.monotonic()
        return Maintained(ended_at, tuple(outcomes), totals, now, durable, learned.limits, learned.runs)

    def _run(self) -> None:
        while not self._stopped.is_set():
            began = time.monotonic()
            failed = any(outcome.error for outcome in self.step().outcomes)
            wait = RETRY_SECONDS if failed else INTERVAL
            self._stopped.wait(max(0.0, wait - (time.monotonic() - began)))
        self._database.close()

    def _open(self, tx: Transaction) -> tuple[FoundSchemas, float]:
        """Both schemas, and the moment of the data by the database's clock: a standby may lag."""
        opened = tx.query("river/open_transaction")[0]
        schemas = self._lookup.find(tx, standby=opened.standby)
        return schemas, opened.now if opened.data_at is None else opened.data_at

    def _count(self, outcomes: list[QueryOutcome], deadline: float) -> tuple[FoundSchemas, Totals | None, float]:
        """Read the finished jobs that are new, and commit them; the totals with what came before."""
        reading = None
        with self._database.reading(deadline - time.monotonic()) as tx:
            schemas, now = self._open(tx)
            if schemas.keeper_error:  # a lock on it must not begin the counters anew
                outcomes.append(QueryOutcome("ledger", 0.0, schemas.keeper_error))
                return schemas, None, now
            ledger, queries = self._choose_ledger(schemas.keeper), QueryLog(tx)
            self._learn(queries, ledger, schemas.keeper, now)
            live = self._find_live(tx, schemas, now)
            reading = queries.run("ledger", lambda: ledger.read(tx, now))
            outcomes += queries.outcomes
        totals = self._commit(outcomes, ledger, reading, live, tx, deadline) if reading else None
        return schemas, totals, now

    def _commit(
        self,
        outcomes: list[QueryOutcome],
        ledger: Ledger,
        reading: LedgerReading,
        live: Live,
        ended: Transaction,
        deadline: float,
    ) -> Totals | None:
        """Only what is committed is shown. A ledger in memory runs no statement in the transaction that has `ended`."""
        began = time.monotonic()
        try:
            if ledger.store.durable:
                with self._database.writing(deadline - began, ended.schemas) as tx, tx.savepoint():
                    totals = ledger.settle(tx, reading, live)
            else:
                totals = ledger.settle(ended, reading, live)
        except DatabaseError as error:
            outcomes.append(QueryOutcome("ledger_commit", time.monotonic() - began, str(error)))
            return None
        outcomes.append(QueryOutcome("ledger_commit", time.monotonic() - began))
        ledger.remember_shown(totals)
        return totals

    def _choose_ledger(self, keeper: KeeperSchema) -> Ledger:
        durable = keeper.writable
        if self._ledger is None or self._ledger.store.durable != durable:
            store = KeeperStore() if durable else MemoryStore()
            moved = self._ledger is not None and self._ledger.has_shown
            late_window, max_pairs = self._settings.late_window, self._settings.max_pairs
            self._ledger = Ledger(store, late_window, max_pairs, counted_elsewhere=moved)
            log.info("ledger of finished jobs", kept="in the keeper schema" if durable else "in memory")
        self._ledger.store.learns = keeper.learns or not durable
        self._ledger.store.counts_attempts = (keeper.version or 0) >= ATTEMPTS_VERSION or not durable
        self._ledger.store.counts_work = durable and keeper.counts_work
        return self._ledger

    def _learn(self, queries: QueryLog, ledger: Ledger, keeper: KeeperSchema, now: float) -> None:
        learning, tx, store = self._settings.policy.learned_limits, queries.tx, ledger.store
        if not learning.enabled or time.monotonic() < self._learn_due_at:
            return
        learned = queries.run("learning", lambda: read_learned(tx, store, learning, now, audit=keeper.audit))
        if learned is not None:
            self._learned, self._learn_due_at = learned, time.monotonic() + LEARN_SECONDS

    def _find_live(self, tx: Transaction, schemas: FoundSchemas, now: float) -> Live:
        """The live jobs of the last scrape. The first step reads them: most names are given then, and no scrape was."""
        latest = self._latest()
        if latest is not None and latest.now is not None and now - latest.now <= RECENT_SECONDS:
            return latest.live_pairs
        if self._first_step.is_set():
            return {}
        states = [state for state in schemas.layout.live_states if state != "running"]
        with suppress(DatabaseError):  # worth having, not worth failing for
            running = read_running(tx, self._settings.policy.heartbeat.metadata_interval, heartbeats=False)
            return count_live_pairs(read_waiting_kinds(tx, read_partitions(tx, states, now)), running)
        return {}

    def _sweep(self, outcomes: list[QueryOutcome], schemas: FoundSchemas, deadline: float) -> None:
        if self._sweeper.is_due(schemas.keeper):
            began, error = time.monotonic(), None
            try:
                self._sweeper.sweep(schemas.keeper, lambda: self._database.writing(deadline - began, schemas.names))
            except DatabaseError as failed:
                error = str(failed)
            self._swept = QueryOutcome("sweep", time.monotonic() - began, error)
        if self._swept:  # also between two sweeps, or its series would come and go
            outcomes.append(self._swept)
