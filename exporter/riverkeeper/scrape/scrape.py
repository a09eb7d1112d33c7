"""What one reading of the database found: plain values, the input of every metric, page and verdict.

A part that could not be read is None, which is not the same as empty: its metrics are then absent.
All moments are Unix seconds of the database's clock unless a field says otherwise. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from riverkeeper.brakes.state import Rescuing
from riverkeeper.ledger.names import NO_NAMES, Names
from riverkeeper.ledger.totals import Finished
from riverkeeper.river.facts import Leader, LiveKind, Queue, Running, TableSize
from riverkeeper.verdict.job import Partition
from riverkeeper.verdict.verdict import VerdictSummary


@dataclass(frozen=True, slots=True)
class QueryOutcome:
    """How one question to the database went."""

    name: str  # the statement's file name, without folder and ending
    seconds: float  # our monotonic clock
    error: str | None = None  # what happened, and the cure; None where it went well


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
    """Whether the database drops late results: both triggers are on River's table and enabled."""

    in_force: bool
    message: str  # a sentence: the fence is in force, or what is wrong and where
    fix: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One reading, taken in one read-only transaction (the ledger's totals in the next, short one)."""

    up: bool
    taken_at: float  # our clock
    now: float | None = None  # start of the reading, the database's clock; None when down
    began_at: float | None = None  # our clock that runs through suspend, before anything was asked
    error: str | None = None
    misconfigured: bool = False  # the configuration names what is not there
    queries: tuple[QueryOutcome, ...] = ()
    target: Target | None = None
    partitions: tuple[Partition, ...] | None = None
    waiting_kinds: tuple[LiveKind, ...] | None = None
    running: Running | None = None
    beating_clients: int | None = None  # processes; None also where there is no heartbeat table to read
    queues: tuple[Queue, ...] | None = None
    leader: Leader | None = None
    fence: FenceState | None = None  # None: not seen, or the keeper schema does not know of it
    oldest_finalized: Mapping[str, float] | None = None
    migrations: Mapping[str, int] | None = None
    tables: tuple[TableSize, ...] | None = None
    finished: Finished | None = None
    verdicts: VerdictSummary | None = None
    rescuing: Rescuing | None = None
    names: Names = NO_NAMES  # which queues and pairs are exported under their own name
    folded_pairs: int | None = None  # live pairs without a name of their own; None where nobody has counted them
    replay_lag: float | None = None  # seconds that a standby's data is old; None on a primary
    clock_skew: float | None = None  # our clock minus the database's, at the middle of the first round trip
    notes: tuple[str, ...] = field(default=())  # sentences for the front page: what is missing, and why
