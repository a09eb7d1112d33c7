"""The result of a scrape: plain values, the input of every metric and page. Built once, whole.

A part that could not be read is None, which is not the same as empty: its metrics are then absent.
All moments are Unix seconds of the database's clock, except where a field is described otherwise. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from riverkeeper.ledger.learned_limits import RunCounts
from riverkeeper.ledger.names import NO_NAMES, Names, Pair
from riverkeeper.ledger.totals import Finished
from riverkeeper.ledger.update import Totals
from riverkeeper.rescue.status import RescueStatus
from riverkeeper.river.bounds import MANY_RUNNING
from riverkeeper.river.facts import Leader, LiveKind, Queue, Running, TableSize
from riverkeeper.verdict.job import Partition
from riverkeeper.verdict.limits import Learned
from riverkeeper.verdict.verdict import VerdictSummary


@dataclass(frozen=True, slots=True)
class QueryOutcome:
    """How one query went."""

    name: str  # label value of riverkeeper_query_success
    seconds: float  # our monotonic clock
    error: str | None = None  # what happened, and the fix; None: it succeeded


@dataclass(frozen=True, slots=True)
class Target:
    """Which database and which River this is."""

    database: str
    river_schema: str
    keeper_schema: str
    standby: bool
    server_version: int  # as Postgres counts: 150018


@dataclass(frozen=True, slots=True)
class FenceState:
    """Whether the database drops late results: both triggers are on River's table, and enabled."""

    in_force: bool
    message: str  # a sentence: the fence is in force, or what is wrong and where
    fix: str


@dataclass(frozen=True, slots=True)
class Maintained:
    """What maintenance has committed, as a scrape shows it; replaced as a whole at the end of each step."""

    ended_at: float  # end of the step, our monotonic clock
    outcomes: tuple[QueryOutcome, ...] = ()
    totals: Totals | None = None  # None: this step could not count
    counted_at: float | None = None  # of `totals`
    durable: bool = False  # the keeper schema holds the `totals`
    learned: Mapping[str, Learned] = field(default_factory=dict)  # by kind
    past_runs: Mapping[str, RunCounts] = field(default_factory=dict)  # by kind: those that limits are learned from


@dataclass(frozen=True, slots=True)
class RiverFacts:
    """What a reading found in the tables of River and of heartbeats."""

    now: float
    partitions: tuple[Partition, ...] | None = None
    waiting_kinds: tuple[LiveKind, ...] | None = None
    running: Running | None = None
    beating_clients: int | None = None  # processes; None also where there is no heartbeat table to read
    leader: Leader | None = None
    fence: FenceState | None = None  # None: not seen, or the keeper schema does not know of it
    queues: tuple[Queue, ...] | None = None
    slots: Mapping[str, int] | None = None  # by queue; None: not known there
    oldest_finalized: Mapping[str, float] | None = None
    migrations: Mapping[str, int] | None = None
    tables: tuple[TableSize, ...] | None = None

    @property
    def live_pairs(self) -> Counter[Pair]:
        """(queue, kind) -> live jobs; in a long queue those of the part that was read."""
        return count_live_pairs(self.waiting_kinds, self.running)


def count_live_pairs(waiting_kinds: Iterable[LiveKind] | None, running: Running | None) -> Counter[Pair]:
    """(queue, kind) -> live jobs, of both together."""
    pairs: Counter[Pair] = Counter()
    for waiting in waiting_kinds or ():
        pairs[waiting.queue, waiting.kind] += waiting.jobs
    for pair in running.pairs if running else ():
        pairs[pair.queue, pair.kind] += pair.jobs
    return pairs


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one scrape shows: one reading in one read-only transaction, and what maintenance has committed."""

    up: bool
    taken_at: float  # our clock
    now: float | None = None  # start of the reading, the database's clock; None when down
    began_at: float | None = None  # our clock that runs through suspend, before the first query
    error: str | None = None
    misconfigured: bool = False  # the configuration names what is not there
    queries: tuple[QueryOutcome, ...] = ()
    target: Target | None = None
    partitions: tuple[Partition, ...] | None = None
    waiting_kinds: tuple[LiveKind, ...] | None = None
    running: Running | None = None
    beating_clients: int | None = None  # processes; None also where there is no heartbeat table to read
    queues: tuple[Queue, ...] | None = None
    refresh_limits: Mapping[str, float] = field(default_factory=dict)  # by queue; without one its rhythm is unknown
    slots: Mapping[str, int] | None = None  # by queue; None: not known there
    leader: Leader | None = None
    fence: FenceState | None = None  # None: not seen, or the keeper schema does not know of it
    oldest_finalized: Mapping[str, float] | None = None
    migrations: Mapping[str, int] | None = None
    tables: tuple[TableSize, ...] | None = None
    finished: Finished | None = None
    finished_at: float | None = None  # when `finished` was counted
    past_runs: Mapping[str, RunCounts] = field(default_factory=dict)  # by kind: how long completed runs took
    verdicts: VerdictSummary | None = None
    rescuing: RescueStatus | None = None
    names: Names = NO_NAMES  # which queues and pairs are exported under their own name
    folded_pairs: int | None = None  # live pairs without a name of their own; None where nobody has counted them
    replay_lag: float | None = None  # seconds that a standby's data is old; None on a primary
    clock_skew: float | None = None  # our clock minus the database's, at the middle of the first round trip
    notices: tuple[str, ...] = ()  # sentences for the front page: what is missing, and why

    @property
    def live_pairs(self) -> Counter[Pair]:
        """(queue, kind) -> live jobs; in a long queue those of the part that was read."""
        return count_live_pairs(self.waiting_kinds, self.running)

    @property
    def many_run(self) -> bool:
        """Whether so many jobs run that it is cheaper to read whole pages of the table."""
        return self.running is not None and sum(pair.jobs for pair in self.running.pairs) > MANY_RUNNING
