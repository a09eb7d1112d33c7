"""What a reading finds in River's tables, as plain values: the input of metrics, pages and verdicts. Pure.

All moments are Unix seconds of the database's clock, except where a field is described otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from riverkeeper.verdict.job import RunningPair


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
class Ages:
    """A histogram of ages now, in seconds: `counts[i]` lie in (edges[i-1], edges[i]], the last above all edges."""

    counts: tuple[int, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Running:
    """What one pass over the running rows reads."""

    pairs: tuple[RunningPair, ...]
    ages: Mapping[str, Ages]  # by queue
    beat_ages: Mapping[str, Ages]
    clients: Mapping[str, int]  # clients with running jobs, by queue
    poison: int
    unreadable_beats: int
    unread: int  # metadata of 64 kB and more, not looked into


@dataclass(frozen=True, slots=True)
class PoisonJob:
    """A running job that stops River's own rescuer."""

    id: int
    queue: str
    kind: str
    faults: tuple[str, ...]  # metadata keys, or `metadata` itself


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
class TableSize:
    """Size of a table with its indexes and TOAST, and its rows by the statistics collector."""

    table: str
    bytes: int
    dead_rows: int
    live_rows: int
    inserted_rows: int | None = None  # since the statistics were reset; None on a standby, and of a partitioned table
