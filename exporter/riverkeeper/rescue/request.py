"""What a rescue is requested to do, and its result.

All moments are Unix seconds of the database's clock, durations seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from riverkeeper.brakes.rules import EngagedBrake
from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import Action, Tier
from riverkeeper.evidence.proof import Terminated
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.decision import Act
from riverkeeper.verdict.job import JobClaim
from riverkeeper.verdict.verdict import Limits, Reason, StuckJob

COOLDOWN_SECONDS = 300.0
BrakeCheck = Callable[[int], EngagedBrake | None]  # the brake that is engaged after this many acts of this transaction
BrakeReader = Callable[[Transaction], BrakeCheck]  # reads tables, never memory


@dataclass(frozen=True, slots=True)
class RescueRequest:
    """All that a rescue needs besides the job: who requests it, by which policy, and what it may do."""

    tier: Tier  # of this job
    limits: Limits  # of its tier and kind; the limits that its claim declares raise them
    policy: Policy
    keeper: UUID  # the replica; column rescue.keeper
    woken_by: str  # supervisor | alert <fingerprint> | person <name>; column rescue.woken_by
    path_ok_since: float | None  # missed heartbeats count from then on; None: no worker is lost
    read_brakes: BrakeReader
    dry_run: bool = True
    locks_jobs: bool = True  # False in a dry run of a login that may not change jobs
    cooldown: float = COOLDOWN_SECONDS  # between two rescues of one job
    action: Action | None = None  # None: as the tier configures; else what an operator requests, HOLD excepted


@dataclass(frozen=True, slots=True)
class LockRequest:
    """A claim whose rows are to be locked, and what the scrape that found it knows of it."""

    claim: JobClaim
    has_row: bool = False  # it was seen with a heartbeat row
    suspect_since: float | None = None
    seen_at: float | None = None
    claimed_before: float | None = None
    terminated: Terminated | None = None


@dataclass(frozen=True, slots=True)
class RescueItem:
    """One job of those that one transaction rescues."""

    stuck: StuckJob
    request: RescueRequest

    @property
    def lock_request(self) -> LockRequest:
        job = self.stuck.job
        return LockRequest(job.claim, job.has_row, job.suspect_since, job.seen_at, job.claimed_before, job.terminated)


@dataclass(frozen=True, slots=True)
class Rescued:
    """What was done, or would have been in a dry run. It counts only once the transaction is committed."""

    claim: JobClaim
    act: Act
    reason: Reason
    state: str | None  # the job's new state; None: a stop request, which leaves the job running
    scheduled_at: float | None  # when its next attempt may begin; None: there is none
    dry_run: bool
    at: float
    late_seconds: float | None  # since the limit was passed
