"""What one reading of the database found: plain values, the input of every metric, page and verdict.

A part that could not be read is None, which is not the same as empty: its metrics are then absent.
All moments are Unix seconds of the database's clock unless a field says otherwise. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from riverkeeper.brakes.state import Rescuing
from riverkeeper.ledger.names import NO_NAMES, Names
from riverkeeper.verdict.judged import Judged

LIVE_STATES = ("available", "pending", "retryable", "running", "scheduled")
FINAL_STATES = ("cancelled", "completed", "discarded")


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
class Partition:
    """Live jobs of one (state, queue, priority), the unit in which River's fetching index can be counted."""

    state: str
    queue: str
    priority: int
    due: int  # scheduled_at reached (available), or more than 30 s ago (scheduled, retryable)
    later: int
    first_at: float  # earliest scheduled_at, due or not
    estimated: bool = False  # the sum was too long to count
    sampled: bool = False  # … and the planner's statistics are missing or old: estimated by a sample of pages

    @property
    def jobs(self) -> int:
        return self.due + self.later


@dataclass(frozen=True, slots=True)
class LiveKind:
    """Waiting jobs of one (state, queue, kind); of a bounded part of the queue where `complete` is False."""

    state: str
    queue: str
    kind: str
    jobs: int
    failing: int
    last_attempt: int
    last_claim: float | None  # latest attempted_at among them
    complete: bool


@dataclass(frozen=True, slots=True)
class RunningPair:
    """Running attempts of one (queue, kind, priority). A beat of an earlier claim counts nowhere.

    Beats are by the database's clock; where they are metadata.health_check_at, by the worker's.
    """

    queue: str
    kind: str
    priority: int
    jobs: int
    beating: int
    failing: int  # failed at least once before the present attempt
    last_attempt: int
    cancel_pending: int
    oldest_claim: float | None  # attempted_at
    last_claim: float | None
    oldest_beat: float | None  # of those that should beat again: neither lost nor given up
    oldest_progress: float | None = None  # progress_at, of those of them that ever told of progress
    oldest_unbeaten: float | None = None  # attempted_at, of those without any beat
    longest_interval: float | None = None  # declared between beats, seconds; heartbeat.metadata_interval for metadata
    longest_lease: float | None = None  # seconds
    oldest_given_up: float | None = None  # ended_at, of those that their client gave up and that still run
    undeclared: int = 0  # those that beat by metadata alone


@dataclass(frozen=True, slots=True)
class Ages:
    """A histogram of ages now, in seconds: `counts[i]` lie in (edges[i-1], edges[i]], the last above all edges."""

    counts: tuple[int, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Running:
    """Everything one pass over the running rows tells."""

    pairs: tuple[RunningPair, ...]
    ages: Mapping[str, Ages]  # by queue
    beat_ages: Mapping[str, Ages]
    clients: Mapping[str, int]  # clients with running jobs, by queue
    poison: int
    unreadable_beats: int
    unread: int  # metadata of 64 kB and more, not looked into


@dataclass(frozen=True, slots=True)
class Queue:
    """A row of river_queue."""

    name: str
    paused: bool
    updated_at: float


@dataclass(frozen=True, slots=True)
class Leader:
    """The leader's row; `expires_at` may lie in the past, then nobody leads."""

    leader_id: str
    elected_at: float
    expires_at: float


@dataclass(frozen=True, slots=True)
class FenceState:
    """Whether the database drops late results: both triggers are on River's table and enabled."""

    in_force: bool
    what: str  # a sentence: in force, or what is wrong where
    cure: str


@dataclass(frozen=True, slots=True)
class TableSize:
    """Size of a table with its indexes and TOAST, and its rows by the statistics collector."""

    table: str
    bytes: int
    dead_rows: int
    live_rows: int


@dataclass(frozen=True, slots=True)
class Histogram:
    """A cumulative past: `counts` as in Ages, over the exported edges."""

    counts: tuple[int, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class FinishedPair:
    """All that the ledger has counted of one (queue, kind) since its epoch began."""

    queue: str
    kind: str
    outcomes: Mapping[str, int]  # final state -> jobs; every final state is there
    attempts: int
    run: Histogram  # completed jobs
    last_finished: float | None


@dataclass(frozen=True, slots=True)
class Finished:
    """The ledger's committed totals."""

    pairs: tuple[FinishedPair, ...]
    waits: Mapping[tuple[str, int], Histogram]  # (queue, priority)
    last_claims: Mapping[str, float]  # by queue
    durable: bool
    late_rows: int
    epoch: int


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
    judged: Judged | None = None
    rescuing: Rescuing | None = None
    names: Names = NO_NAMES  # which queues and pairs are exported under their own name
    folded_pairs: int | None = None  # live pairs without a name of their own; None where nobody has counted them
    replay_lag: float | None = None  # seconds that a standby's data is old; None on a primary
    clock_skew: float | None = None  # our clock minus the database's, at the middle of the first round trip
    notes: tuple[str, ...] = field(default=())  # sentences for the front page: what is missing, and why
