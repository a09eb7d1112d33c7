"""What the pages need of the service behind them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from riverkeeper.config.policy import Policy
from riverkeeper.config.settings import WebhookSettings
from riverkeeper.rescue.audit.history import Rescues
from riverkeeper.rescue.wakes.wake import Call, Scope
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.verdict.job import Claim


@dataclass(frozen=True, slots=True)
class FailingJob:
    """A live job that has failed before; times are Unix seconds of the database."""

    id: int
    queue: str
    kind: str
    state: str
    attempt: int
    max_attempts: int
    scheduled_at: float
    attempted_at: float | None
    last_error: str | None  # first 500 characters of the last error's text

    @property
    def attempts_left(self) -> int:
        return self.max_attempts - self.attempt


@dataclass(frozen=True, slots=True)
class FailingJobs:
    """The failing jobs nearest to being discarded."""

    jobs: tuple[FailingJob, ...]
    found: int  # in the part that was looked at, the shown ones included
    bounded: bool  # True where there may be more that were not looked at
    now: float  # the database's clock


class Keeper(Protocol):
    """The running service, as the web part sees it. None of the calls raises for a database that is down."""

    async def snapshot(self, seconds: float) -> Snapshot:
        """A reading at most `collect.min_interval` old; one that says `up=False` after `seconds` without an answer."""
        ...

    def latest(self) -> Snapshot | None:
        """The last reading, of any age, without asking the database; None before the first."""
        ...

    def exposition(self, snapshot: Snapshot, accept: str, names: frozenset[str]) -> tuple[bytes, str]:
        """The metrics page and its content type; CPU-bound (tens of ms), so run it in a thread."""
        ...

    async def failing(self, queue: str | None, kind: str | None, shown: int) -> FailingJobs:
        """Raises riverkeeper.postgres.errors.DatabaseError, whose text and cure may be shown."""
        ...

    async def reload(self) -> str | None:
        """Read the configuration again; None when it is in force, else why the old one was kept."""
        ...

    def count_rejected(self, reason: str) -> None:
        """Count a refused request (riverkeeper_http_requests_rejected_total)."""
        ...

    def webhook(self) -> WebhookSettings:
        """The section `webhook` of the configuration in force."""
        ...

    def policy(self) -> Policy:
        """Tiers and rules of the configuration in force."""
        ...

    def river_job_url(self, job_id: int) -> str | None:
        """River UI's page of a job; None where web.river_ui_url is not set."""
        ...

    def left_alone(self, claim: Claim) -> str | None:
        """Why this replica's last pass left a stuck job alone (locked, cooldown…); None where it did not try it."""
        ...

    async def rescues(self, scope: Scope, shown: int, job_id: int | None) -> Rescues:
        """The newest rows of the audit. Raises DatabaseError, whose text and cure may be shown."""
        ...

    async def receive(self, calls: Sequence[Call]) -> int:
        """Store calls as wakes, committed when it returns; how many wake, the rest is too old. Raises DatabaseError."""
        ...

    def count_alerts(self, heard: Counter[str]) -> None:
        """Count the alerts of an accepted message (riverkeeper_webhook_alerts_total), by Heard."""
        ...

    def wake(self) -> None:
        """Tell the supervisor that wakes were stored; it would find them at its next tick too."""
        ...
