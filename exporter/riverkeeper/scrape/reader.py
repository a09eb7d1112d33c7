"""One reading of the database: every question asked once, in one transaction, and what it answered as a Snapshot."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import structlog

from riverkeeper.brakes.rules import WIDE_AWAKE, Ourselves, Restraints
from riverkeeper.brakes.state import Rescuing
from riverkeeper.config.policy import Policy
from riverkeeper.heartbeat.clock import lease_clock
from riverkeeper.ledger.learning import Learner
from riverkeeper.ledger.ledger import Ledger
from riverkeeper.ledger.names import NO_NAMES, Names, Pair, keep
from riverkeeper.ledger.state import Reading as LedgerReading
from riverkeeper.ledger.state import Totals
from riverkeeper.ledger.store import KeeperStore, MemoryStore
from riverkeeper.ledger.totals import Finished, finished
from riverkeeper.postgres.connection import Database
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.rescue.audit.history import read_report
from riverkeeper.rescue.audit.report import Tally
from riverkeeper.rescue.rules import Rules
from riverkeeper.rescue.standing import read_rescuing
from riverkeeper.river.around import read_leader, read_migrations, read_oldest_finalized, read_queues, read_tables
from riverkeeper.river.bounds import MANY_RUNNING
from riverkeeper.river.layout import Layout
from riverkeeper.river.live import read_partitions, read_waiting_kinds
from riverkeeper.river.running import METADATA_INTERVAL, read_running
from riverkeeper.schema.fence import read_fence
from riverkeeper.schema.layout import FENCE_VERSION, KeeperSchema
from riverkeeper.schema.schemas import find_schemas, inspect_keeper
from riverkeeper.schema.sweep import Sweeper, read_clients
from riverkeeper.scrape.notices import live_pairs, notes
from riverkeeper.scrape.query_log import Questions
from riverkeeper.scrape.scrape import FenceState, QueryOutcome, Snapshot, Target
from riverkeeper.scrape.suspects import ReadableTables, SuspectReader, read_path
from riverkeeper.verdict.summary import summarize
from riverkeeper.verdict.suspects import Suspects
from riverkeeper.verdict.tiers import find_unmatched_rules
from riverkeeper.verdict.verdict import VerdictSummary

log = structlog.get_logger()

DAY, CLAIMS_SECONDS = 86_400.0, 60.0
LOOK_AGAIN_SECONDS = 60.0  # the catalog is read again this often, and after anything failed


@dataclass(frozen=True, slots=True)
class Settings:
    """What a reading needs of the configuration."""

    river_schema: str | None
    keeper_schema: str | None
    late_window: float
    max_pairs: int
    metadata_interval: float = METADATA_INTERVAL
    policy: Policy = Policy({})  # noqa: RUF009 - frozen
    rules: Rules | None = None  # of the rescuer
    writes: bool = True  # False: the ledger stays in memory, and nothing is swept


@dataclass(slots=True)
class Place:
    """Where we are: River's layout here, the keeper schema, and the ledger that fits both."""

    layout: Layout
    keeper: KeeperSchema
    keeper_trouble: str | None
    standby: bool
    looked_at: float  # our monotonic clock


class Reader:
    """Takes snapshots of one River. Used by one thread at a time."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        ourselves: Callable[[], Ourselves] = lambda: WIDE_AWAKE,
        own_path: Callable[[float], float | None] = lambda _: None,
    ) -> None:
        """`ourselves`: what the rescuer of this process knows of itself.

        `own_path`: since when it has proven the way of a beat for itself alone, at a moment of the database's clock.
        """
        self._database = database
        self._ourselves = ourselves
        self._own_path = own_path
        self._settings = settings
        self._schemas: Mapping[str, str] = {}  # as the statements call them, once they are found
        self._place: Place | None = None
        self._ledger: Ledger | None = None
        self._names: Names = NO_NAMES
        self._sweeper = Sweeper()
        self._ran = 0  # running jobs of the last reading
        self._claims: tuple[Tally, ...] = ()
        self._claims_due_at = 0.0  # our monotonic clock
        self._suspects = SuspectReader(settings.policy)
        self._learner = Learner(settings.policy.learned_limits)

    def read(self, seconds: float) -> Snapshot:
        """A snapshot, in at most about `seconds`; `up=False` with the error where there is none. Never raises."""
        taken_at = time.time()
        try:
            return self._read(seconds, taken_at)
        except DatabaseError as error:
            self._place = None
            return Snapshot(up=False, taken_at=taken_at, error=str(error), misconfigured=error.is_wrong_use)
        except Exception as error:
            log.exception("reading failed")
            self._place = None
            return Snapshot(up=False, taken_at=taken_at, error=f"a fault in riverkeeper itself: {type(error).__name__}")

    def close(self) -> None:
        """Close the connection; a later reading opens another."""
        self._database.close()

    def _read(self, seconds: float, taken_at: float) -> Snapshot:
        deadline, began_at = time.monotonic() + seconds, lease_clock()
        with self._database.reading(seconds, self._schemas) as tx:
            sent = time.time()
            opened = tx.query("river/open_transaction")[0]
            skew = (sent + time.time()) / 2 - opened.clock
            place = self._look(tx, opened.standby)
            questions = Questions(tx)
            now = opened.now if opened.data_at is None else opened.data_at  # of the data: a standby may lag
            snapshot = self._ask_all(questions, place, now)
            self._learn(questions, place, now)
            suspects = self._ask_suspects(questions, place, snapshot)
            snapshot = replace(snapshot, rescuing=self._ask_rescuing(questions, place))
            reading = self._read_ledger(questions, place, now)
        live = live_pairs(snapshot)
        totals = self._settle(questions, reading, live, deadline)
        if totals is None:  # the live jobs keep their names without the ledger
            self._names = keep(self._names, live, {}, snapshot.now or 0.0, self._settings.max_pairs)
        self._sweep(questions, place, deadline)
        if questions.first_error:
            self._place = None  # a column, a grant or a table may have gone
        snapshot = replace(
            snapshot,
            taken_at=taken_at,
            began_at=began_at,
            error=questions.first_error,
            clock_skew=skew,
            replay_lag=None if opened.data_at is None else opened.now - opened.data_at,
            target=_target(opened, place),
            queries=tuple(questions.outcomes),
            names=self._names,
            finished=self._finished(totals),
        )
        snapshot = replace(snapshot, verdicts=self._summarize(snapshot, suspects, now))
        kinds = {kind for _, kind in [*live, *self._names.pairs]}
        told = notes(place.layout, place.keeper, snapshot, standby=opened.standby)
        return replace(snapshot, notes=(*told, *find_unmatched_rules(self._settings.policy, kinds)))

    def _summarize(self, snapshot: Snapshot, suspects: Suspects | None, now: float) -> VerdictSummary | None:
        if suspects is None or snapshot.running is None:
            return None
        return summarize(
            self._settings.policy,
            self._learner.known,
            snapshot.running.pairs,
            now,
            suspects,
            pairs=self._names.pairs,
            partitions=snapshot.partitions or (),
            last_finished=snapshot.finished.last_finished if snapshot.finished else None,
        )

    def _learn(self, questions: Questions, place: Place, now: float) -> None:
        store = self._ledger.store if self._ledger else None
        if store is not None and self._learner.is_due:
            questions.ask("learning", lambda: self._learner.learn(questions.tx, store, now, audit=place.keeper.audit))

    def _ask_suspects(self, questions: Questions, place: Place, snapshot: Snapshot) -> Suspects | None:
        """The stuck jobs. Where no keeper that writes proves the way of a beat, this one's own readings must."""
        running, now, tx = snapshot.running, snapshot.now, questions.tx
        if running is None or now is None:
            questions.leave_out("suspects", because="running")
            return None
        path = self._ask_path(questions) if place.keeper.control else None
        path = self._own_path(now) if path is None else path
        readable = ReadableTables(
            heartbeats=snapshot.beating_clients is not None,
            audit=place.keeper.audit,
            producers=place.layout.has_producers,
            fenced=snapshot.fence is not None and snapshot.fence.in_force,
        )
        return questions.ask(
            "suspects",
            lambda: self._suspects.read(tx, running, self._learner.known, readable, now, path, snapshot.leader),
        )

    def _ask_path(self, questions: Questions) -> float | None:
        rules = self._settings.rules
        patience = (rules.restraints if rules else Restraints()).patience
        return questions.ask("path", lambda: read_path(questions.tx, patience), aside=True)

    def _ask_rescuing(self, questions: Questions, place: Place) -> Rescuing | None:
        rules = self._settings.rules
        if rules is None or not (place.keeper.control and place.keeper.audit):
            return None
        return questions.ask("rescuing", lambda: self._read_rescuing(questions.tx, rules), aside=True)

    def _read_rescuing(self, tx: Transaction, rules: Rules) -> Rescuing:
        found = read_rescuing(tx, rules, self._ourselves())
        if time.monotonic() >= self._claims_due_at:  # it grows with the rescues of a day, and changes slowly
            self._claims, self._claims_due_at = read_report(tx, DAY), time.monotonic() + CLAIMS_SECONDS
        return replace(found, claims=self._claims)

    def _ask_all(self, questions: Questions, place: Place, now: float) -> Snapshot:
        ask, tx, layout = questions.ask, questions.tx, place.layout
        waiting = [state for state in layout.live_states if state != "running"]
        partitions = ask("partitions", lambda: read_partitions(tx, waiting, now))
        # Asked before the jobs: it says whether beats can be read. If not, those in the jobs' metadata still can.
        heard = ask("heartbeats", lambda: read_clients(tx), aside=True) if place.keeper.heartbeat else None
        beats, interval = heard is not None and heard.any_heartbeat, self._settings.metadata_interval
        many = self._ran > MANY_RUNNING
        running = ask("running", lambda: read_running(tx, interval, heartbeats=beats, many=many))
        self._ran = sum(pair.jobs for pair in running.pairs) if running else self._ran
        kinds = None
        if partitions is None:
            questions.leave_out("waiting_kinds", because="partitions")
        else:
            kinds = ask("waiting_kinds", lambda: read_waiting_kinds(tx, partitions))
        leads = layout.has("river_leader") and not place.standby
        leader = ask("leader", lambda: read_leader(tx), aside=True) if leads else None
        knows = (place.keeper.version or 0) >= FENCE_VERSION
        fence = ask("fence", lambda: read_fence(tx), aside=True) if knows else None
        return Snapshot(
            up=partitions is not None or running is not None,
            taken_at=0.0,
            now=now,
            partitions=partitions,
            waiting_kinds=kinds,
            running=running,
            beating_clients=heard.beating_clients if heard else None,
            leader=leader,
            fence=FenceState(fence.in_force, fence.message, fence.fix) if fence else None,
            queues=ask("queues", lambda: read_queues(tx), aside=True) if layout.has("river_queue") else None,
            oldest_finalized=ask("oldest_finalized", lambda: read_oldest_finalized(tx)),
            migrations=ask("migrations", lambda: read_migrations(tx, layout), aside=True),
            tables=ask("tables", lambda: read_tables(tx, layout, place.keeper.heartbeat if heard else None)),
        )

    def _look(self, tx: Transaction, standby: bool) -> Place:
        fresh = self._place is not None and time.monotonic() - self._place.looked_at < LOOK_AGAIN_SECONDS
        if self._place is not None and fresh and self._place.standby == standby:
            return self._place
        schemas = find_schemas(tx, self._settings.river_schema, self._settings.keeper_schema)
        self._schemas = tx.schemas
        keeper, trouble = KeeperSchema(schemas.keeper), None
        try:
            keeper = inspect_keeper(tx, schemas)
        except DatabaseError as error:
            trouble = str(error)
        self._place = Place(schemas.layout, keeper, trouble, standby, time.monotonic())
        if trouble is None:  # or else a keeper schema that is locked for a moment would begin the counters again
            self._choose_ledger(keeper)
        return self._place

    def _choose_ledger(self, keeper: KeeperSchema) -> None:
        durable = keeper.writable and self._settings.writes
        if self._ledger is None or self._ledger.store.durable != durable:
            store = KeeperStore() if durable else MemoryStore()
            moved = self._ledger is not None and self._ledger.has_shown
            self._ledger = Ledger(store, self._settings.late_window, self._settings.max_pairs, counted_elsewhere=moved)
            log.info("ledger of finished jobs", kept="in the keeper schema" if durable else "in memory")
        self._ledger.store.learns = keeper.learns or not durable

    def _read_ledger(self, questions: Questions, place: Place, now: float) -> LedgerReading | None:
        ledger = self._ledger
        if ledger is None or place.keeper_trouble:
            questions.outcomes.append(QueryOutcome("ledger", 0.0, place.keeper_trouble))
            return None
        return questions.ask("ledger", lambda: ledger.read(questions.tx, now))

    def _settle(
        self, questions: Questions, reading: LedgerReading | None, live: Counter[Pair], deadline: float
    ) -> Totals | None:
        """Commit what was read of finished jobs; only what is committed is shown."""
        ledger = self._ledger
        if reading is None or ledger is None:
            return None
        began = time.monotonic()
        try:
            with self._ledger_transaction(ledger, questions.tx, deadline) as tx:
                totals = ledger.settle(tx, reading, live)
        except DatabaseError as error:
            questions.outcomes.append(QueryOutcome("ledger_commit", time.monotonic() - began, str(error)))
            return None
        questions.outcomes.append(QueryOutcome("ledger_commit", time.monotonic() - began))
        ledger.exported(totals)
        self._names = totals.names
        return totals

    def _sweep(self, questions: Questions, place: Place, deadline: float) -> None:
        if self._settings.writes and self._sweeper.is_due(place.keeper):
            left = deadline - time.monotonic()
            self._sweeper.sweep(place.keeper, lambda: self._database.writing(left, self._schemas))
        if self._sweeper.outcome:  # also between two sweeps, or its series would come and go
            questions.outcomes.append(self._sweeper.outcome)

    def _ledger_transaction(
        self, ledger: Ledger, over: Transaction, deadline: float
    ) -> AbstractContextManager[Transaction]:
        """A ledger in memory asks nothing of the transaction that is over."""
        if not ledger.store.durable:
            return nullcontext(over)
        return self._database.writing(deadline - time.monotonic(), self._schemas)

    def _finished(self, totals: Totals | None) -> Finished | None:
        if totals is None or self._ledger is None:
            return None
        durable = self._ledger.store.durable
        return finished(totals.series, totals.names, durable=durable, late_rows=totals.late_rows, epoch=totals.epoch)


def _target(opened: Row, place: Place) -> Target:
    return Target(opened.database, place.layout.schema, place.keeper.name, opened.standby, opened.server_version)
