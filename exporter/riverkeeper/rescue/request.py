"""What is asked of a rescue, and what came of it.

All moments are Unix seconds of the database's clock, durations seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from riverkeeper.brakes.state import Brake
from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import Action, Tier
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.decision import Act
from riverkeeper.verdict.job import Claim
from riverkeeper.verdict.verdict import Limits, Reason, StuckJob

COOLDOWN_SECONDS = 300.0
EngagedBrake = tuple[Brake, str]  # the brake that holds, and why
BrakeCheck = Callable[[int], EngagedBrake | None]  # what holds after so many acts of this transaction
BrakeReader = Callable[[Transaction], BrakeCheck]  # reads tables, never memory


@dataclass(frozen=True, slots=True)
class RescueRequest:
    """All that a rescue needs besides the job: who asks, by which policy, and how far it may go."""

    tier: Tier  # of this job
    limits: Limits  # of its tier and kind; what its claim declares raises them once more
    policy: Policy
    keeper: UUID  # which replica
    woken_by: str  # supervisor | alert <fingerprint> | person <name>
    path_ok_since: float | None  # silence counts from then on; None: nobody is lost
    brakes: BrakeReader
    dry_run: bool = True
    locks_jobs: bool = True  # False in a dry run of a login that may not change them
    cooldown: float = COOLDOWN_SECONDS  # between two rescues of one job
    action: Action | None = None  # None: as the tier says; else what a person asked for, HOLD excepted


@dataclass(frozen=True, slots=True)
class RescueItem:
    """One job of those that are to be rescued."""

    stuck: StuckJob
    order: RescueRequest


@dataclass(frozen=True, slots=True)
class Rescued:
    """What was done, or in a dry run would have been; committed only when the transaction is."""

    claim: Claim
    act: Act
    reason: Reason
    state: str | None  # the job's new state; None: a stop, which leaves it running
    scheduled_at: float | None  # when its next attempt may begin; None: there is none
    dry_run: bool
    at: float
    late_seconds: float | None  # since the limit was passed
