"""Takes a scrape: runs every query once, in one read-only transaction, and makes a Snapshot of the answers.

A scrape only reads. What it shows of finished jobs and learned limits was committed by maintenance (maintenance.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from riverkeeper.brakes.control import read_status
from riverkeeper.brakes.heartbeat_path import patience
from riverkeeper.brakes.rules import HEALTHY, ProcessHealth, find_engaged_brakes
from riverkeeper.brakes.state import read_facts
from riverkeeper.config.load import Config
from riverkeeper.config.policy import Policy
from riverkeeper.evidence.pod_evidence import PodEvidence
from riverkeeper.heartbeat.leases import lease_clock
from riverkeeper.ledger.names import NO_NAMES, Names, count_unnamed, keep
from riverkeeper.ledger.totals import Finished, find_finished
from riverkeeper.postgres.connection import Database
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.rescue.audit.history import read_report
from riverkeeper.rescue.audit.report import ClaimCounts
from riverkeeper.rescue.status import RescueStatus
from riverkeeper.river.bounds import MANY_RUNNING
from riverkeeper.river.running import read_running
from riverkeeper.river.services import (
    read_leader,
    read_migrations,
    read_oldest_finalized,
    read_queues,
    read_slots,
    read_tables,
)
from riverkeeper.river.waiting import read_partitions, read_waiting_kinds
from riverkeeper.schema.fence import read_fence
from riverkeeper.schema.layout import FENCE_VERSION
from riverkeeper.schema.sweep import read_heartbeats
from riverkeeper.scrape.dead_workers import NONE_DEAD, DeadWorkers, find_dead_workers
from riverkeeper.scrape.notices import find_notices
from riverkeeper.scrape.query_log import QueryLog
from riverkeeper.scrape.rhythm import QueueRhythms
from riverkeeper.scrape.schemas import FoundSchemas, SchemaLookup
from riverkeeper.scrape.scrape import FenceState, Maintained, QueryOutcome, RiverFacts, Snapshot, Target
from riverkeeper.scrape.suspects import ReadableTables, SuspectReader, read_path
from riverkeeper.verdict.summary import summarize
from riverkeeper.verdict.suspects import Suspects
from riverkeeper.verdict.tiers import find_unmatched_rules
from riverkeeper.verdict.verdict import VerdictSummary

log = structlog.get_logger()

DAY_SECONDS, REPORT_SECONDS = 86_400.0, 60.0
STALE_SECONDS = 60.0  # four steps of maintenance: its numbers are then absent, and the scrape reports why


@dataclass(frozen=True, slots=True)
class ReaderSettings:
    """What scrapes and maintenance need of the configuration."""

    river_schema: str | None
    keeper_schema: str | None
    late_window: float  # seconds
    max_pairs: int
    policy: Policy = Policy({})  # noqa: RUF009 - frozen
    with_rescuer: bool = False  # True: the scrape reads the state of the rescuer, too


@dataclass(frozen=True, slots=True)
class Reading:
    """What one transaction read, before the numbers that maintenance has committed are added."""

    facts: RiverFacts
    suspects: Suspects | None
    rescuing: RescueStatus | None
    schemas: FoundSchemas
    opened: Row  # of river/open_transaction
    clock_skew: float
    outcomes: tuple[QueryOutcome, ...]

    @property
    def replay_lag(self) -> float | None:
        """Seconds that a standby's data is old; None on a primary."""
        return None if self.opened.data_at is None else float(self.opened.now - self.opened.data_at)


class Reader:
    """Takes scrapes of one River. One thread uses it at a time."""

    def __init__(
        self,
        database: Database,
        settings: ReaderSettings,
        lookup: SchemaLookup,
        maintained: Callable[[float], Maintained | None] = lambda _: None,
        process_health: Callable[[], ProcessHealth] = lambda: HEALTHY,
        own_path: Callable[[float], float | None] = lambda _: None,
        evidence: PodEvidence | None = None,
    ) -> None:
        """`maintained`: what maintenance committed, for a scrape of at most this many seconds; None: it does not run.

        `process_health`: what the rescuer of this process knows about its process. `own_path`: since when its own
        probes verify the heartbeat path, at a moment of the database's clock. `evidence`: what watched pods prove.
        """
        self._database = database
        self._settings = settings
        self._lookup = lookup
        self._maintained = maintained
        self._process_health = process_health
        self._own_path = own_path
        self._evidence = evidence
        self._suspects = SuspectReader(settings.policy, evidence)
        self._rhythms = QueueRhythms()
        self._names: Names = NO_NAMES  # of the last scrape
        self._running = 0  # running jobs of the last scrape
        self._report: tuple[ClaimCounts, ...] = ()
        self._report_due_at = 0.0  # our monotonic clock

    def read(self, seconds: float) -> Snapshot:
        """A snapshot, in at most about `seconds`; `up=False` with the error where there is none. Never raises."""
        taken_at, began_at, deadline = time.time(), lease_clock(), time.monotonic() + seconds
        maintained = self._maintained(seconds)
        try:
            reading = self._read(deadline, maintained)
            return self._compose(reading, maintained, taken_at, began_at)
        except DatabaseError as error:
            self._lookup.forget()
            return Snapshot(up=False, taken_at=taken_at, error=str(error), misconfigured=error.is_wrong_use)
        except Exception as error:
            log.exception("scrape failed")
            self._lookup.forget()
            return Snapshot(up=False, taken_at=taken_at, error=f"a bug in Riverkeeper itself: {type(error).__name__}")

    def close(self) -> None:
        """Close the connection; a later scrape opens another."""
        self._database.close()

    def _read(self, deadline: float, maintained: Maintained | None) -> Reading:
        with self._database.reading(deadline - time.monotonic()) as tx:
            sent = time.time()
            opened = tx.query("river/open_transaction")[0]
            clock_skew = (sent + time.time()) / 2 - opened.clock
            if self._evidence is not None:
                self._evidence.compare_database_clock(clock_skew)
            schemas = self._lookup.find(tx, standby=opened.standby)
            queries = QueryLog(tx, [QueryOutcome("keeper_schema", 0.0, schemas.keeper_error)])
            now = opened.now if opened.data_at is None else opened.data_at  # of the data: a standby may lag
            facts = self._read_facts(queries, schemas, now)
            suspects = self._read_suspects(queries, schemas, facts, maintained)
            rescuing = self._read_rescuing(queries, schemas)
        if any(outcome.error for outcome in queries.outcomes):
            self._lookup.forget()
        return Reading(facts, suspects, rescuing, schemas, opened, clock_skew, tuple(queries.outcomes))

    def _read_facts(self, queries: QueryLog, schemas: FoundSchemas, now: float) -> RiverFacts:
        run, tx, layout, keeper = queries.run, queries.tx, schemas.layout, schemas.keeper
        waiting = [state for state in layout.live_states if state != "running"]
        partitions = run("partitions", lambda: read_partitions(tx, waiting, now))
        # Before the jobs: it shows whether heartbeats can be read. If not, those in the jobs' metadata still can.
        beats = run("heartbeats", lambda: read_heartbeats(tx), aside=True) if keeper.heartbeat else None
        has_beats, interval = (
            beats is not None and beats.any_heartbeat,
            self._settings.policy.heartbeat.metadata_interval,
        )
        many = self._running > MANY_RUNNING
        running = run("running", lambda: read_running(tx, interval, heartbeats=has_beats, many=many))
        self._running = sum(pair.jobs for pair in running.pairs) if running else self._running
        kinds = None
        if partitions is None:
            queries.skip("waiting_kinds", because="partitions")
        else:
            kinds = run("waiting_kinds", lambda: read_waiting_kinds(tx, partitions))
        has_leader = layout.has("river_leader") and not schemas.standby
        leader = run("leader", lambda: read_leader(tx), aside=True) if has_leader else None
        has_fence = (keeper.version or 0) >= FENCE_VERSION
        fence = run("fence", lambda: read_fence(tx), aside=True) if has_fence else None
        return RiverFacts(
            now=now,
            partitions=partitions,
            waiting_kinds=kinds,
            running=running,
            beating_clients=beats.beating_clients if beats else None,
            leader=leader,
            fence=FenceState(fence.in_force, fence.message, fence.fix) if fence else None,
            queues=run("queues", lambda: read_queues(tx), aside=True) if layout.has("river_queue") else None,
            slots=run("slots", lambda: read_slots(tx), aside=True) if layout.has_slots else None,
            oldest_finalized=run("oldest_finalized", lambda: read_oldest_finalized(tx)),
            migrations=run("migrations", lambda: read_migrations(tx, layout), aside=True),
            tables=run("tables", lambda: read_tables(tx, layout, keeper.heartbeat if beats else None)),
        )

    def _read_suspects(
        self, queries: QueryLog, schemas: FoundSchemas, facts: RiverFacts, maintained: Maintained | None
    ) -> Suspects | None:
        """The stuck jobs. Where no rescuer that writes verifies the heartbeat path, this replica's own probes must."""
        running, tx, keeper = facts.running, queries.tx, schemas.keeper
        if running is None:
            queries.skip("suspects", because="running")
            return None
        longest = patience(self._settings.policy)
        path = queries.run("path", lambda: read_path(tx, longest), aside=True) if keeper.control else None
        path = self._own_path(facts.now) if path is None else path
        readable = ReadableTables(
            heartbeats=facts.beating_clients is not None,
            audit=keeper.audit,
            producers=schemas.layout.has_producers,
            fenced=facts.fence is not None and facts.fence.in_force,
        )
        learned = maintained.learned if maintained else {}
        dead = self._find_dead_workers(queries, facts.now, heartbeats=readable.heartbeats)
        return queries.run(
            "suspects", lambda: self._suspects.read(tx, running, learned, readable, facts.now, path, facts.leader, dead)
        )

    def _find_dead_workers(self, queries: QueryLog, now: float, *, heartbeats: bool) -> DeadWorkers:
        """None where nothing has ended lately; a query that fails takes no verdict away."""
        evidence = self._evidence
        if evidence is None or not evidence.is_open:
            return NONE_DEAD
        tx = queries.tx
        found = queries.run(
            "dead_workers", lambda: find_dead_workers(tx, evidence, now, heartbeats=heartbeats), aside=True
        )
        return found or NONE_DEAD

    def _read_rescuing(self, queries: QueryLog, schemas: FoundSchemas) -> RescueStatus | None:
        if not self._settings.with_rescuer or not (schemas.keeper.control and schemas.keeper.audit):
            return None
        return queries.run("rescuing", lambda: self._read_status(queries.tx), aside=True)

    def _read_status(self, tx: Transaction) -> RescueStatus:
        found = read_rescue_status(tx, self._settings.policy, self._process_health())
        if time.monotonic() >= self._report_due_at:  # it grows with the rescues of a day, and changes slowly
            self._report, self._report_due_at = read_report(tx, DAY_SECONDS), time.monotonic() + REPORT_SECONDS
        return replace(found, claims=self._report)

    def _compose(self, reading: Reading, maintained: Maintained | None, taken_at: float, began_at: float) -> Snapshot:
        facts, opened, schemas = reading.facts, reading.opened, reading.schemas
        live, outcomes = facts.live_pairs, [*reading.outcomes, *_outcomes_of(maintained)]
        totals = maintained.totals if maintained and not _is_stale(maintained) else None
        # A kind that lives is shown under its own name at once; maintenance keeps the name with its next step.
        names = keep(totals.names if totals else self._names, live, {}, facts.now, self._settings.max_pairs)
        self._names = names
        counted = find_finished(totals, names, durable=maintained.durable) if maintained and totals else None
        return Snapshot(
            up=facts.partitions is not None or facts.running is not None,
            taken_at=taken_at,
            now=facts.now,
            began_at=began_at,
            error=next((outcome.error for outcome in outcomes if outcome.error), None),
            queries=tuple(outcomes),
            target=_target(opened, schemas),
            partitions=facts.partitions,
            waiting_kinds=facts.waiting_kinds,
            running=facts.running,
            beating_clients=facts.beating_clients,
            queues=facts.queues,
            refresh_limits={} if facts.queues is None else self._rhythms.observe(facts.queues, facts.now),
            slots=facts.slots,
            leader=facts.leader,
            fence=facts.fence,
            oldest_finalized=facts.oldest_finalized,
            migrations=facts.migrations,
            tables=facts.tables,
            finished=counted,
            finished_at=maintained.counted_at if maintained and totals else None,
            past_runs=maintained.past_runs if maintained else {},
            verdicts=self._summarize(reading, maintained, names, counted),
            rescuing=reading.rescuing,
            names=names,
            folded_pairs=_count_folded(facts, names),
            replay_lag=reading.replay_lag,
            clock_skew=reading.clock_skew,
            notices=self._find_notices(reading, {kind for _, kind in [*live, *names.pairs]}),
        )

    def _find_notices(self, reading: Reading, kinds: set[str]) -> tuple[str, ...]:
        facts, schemas = reading.facts, reading.schemas
        pods = self._evidence.state() if self._evidence else None
        lag, standby = reading.replay_lag, schemas.standby
        found = find_notices(schemas.layout, schemas.keeper, facts, lag, standby=standby, pods=pods)
        return (*found, *find_unmatched_rules(self._settings.policy, kinds))

    def _summarize(
        self, reading: Reading, maintained: Maintained | None, names: Names, counted: Finished | None
    ) -> VerdictSummary | None:
        facts, suspects = reading.facts, reading.suspects
        if suspects is None or facts.running is None:
            return None
        return summarize(
            self._settings.policy,
            maintained.learned if maintained else {},
            facts.running.pairs,
            facts.now,
            suspects,
            pairs=names.pairs,
            partitions=facts.partitions or (),
            last_finished=counted.last_finished if counted else None,
            waited=counted.waits.keys() if counted else (),
        )


def _is_stale(maintained: Maintained) -> bool:
    return time.monotonic() - maintained.ended_at > STALE_SECONDS


def _outcomes_of(maintained: Maintained | None) -> tuple[QueryOutcome, ...]:
    """How the last step of maintenance went; with a failed query `maintenance` if that step is long ago."""
    if maintained is None:
        return ()
    if not _is_stale(maintained):
        return maintained.outcomes
    age = time.monotonic() - maintained.ended_at
    error = f"the last step of maintenance ended {age:.0f} s ago: finished jobs are not counted, and are absent here"
    return (*maintained.outcomes, QueryOutcome("maintenance", age, error))


def _count_folded(facts: RiverFacts, names: Names) -> int | None:
    """How many live pairs have no name of their own; None where they were not counted."""
    if facts.waiting_kinds is None or facts.running is None:
        return None
    return count_unnamed(names, facts.live_pairs)


def _target(opened: Row, schemas: FoundSchemas) -> Target:
    river, keeper = schemas.layout.schema, schemas.keeper.name
    return Target(opened.database, river, keeper, opened.standby, opened.server_version)


def read_rescue_status(tx: Transaction, policy: Policy, health: ProcessHealth = HEALTHY) -> RescueStatus:
    """By the tables, and by what this process knows about itself. Raises DatabaseError."""
    facts, status = read_facts(tx, dry_run=not policy.is_live), read_status(tx)
    return RescueStatus(
        modes=policy.modes,
        brakes=dict(find_engaged_brakes(facts, policy, health)),
        wakes_open=status.wakes_open,
        last_rescue_at=status.last_rescue_at,
        active_replica=status.active_replica,
        silence=None if facts.path.ok_since else facts.path.why,
    )


def reader_settings(config: Config, *, with_rescuer: bool = True) -> ReaderSettings:
    """What scrapes and maintenance need of the configuration."""
    return ReaderSettings(
        river_schema=config.database.river_schema,
        keeper_schema=config.database.keeper_schema,
        late_window=config.collect.late_window,
        max_pairs=config.collect.max_pairs,
        policy=config,
        with_rescuer=with_rescuer,
    )
