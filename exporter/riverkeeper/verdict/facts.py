"""What verdicts are made of beside single jobs: running jobs by group, and waiting jobs by queue and priority. Pure.

All moments are Unix seconds of the database's clock unless a field says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass


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
