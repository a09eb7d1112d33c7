"""Wakes: requests of alerts to rescue the stuck jobs of a scope. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from enum import StrEnum

from riverkeeper.verdict.verdict import STUCK, StuckJob

MOST_NAME = 1000  # characters; River itself allows 128 for a kind and fewer for a queue


@dataclass(frozen=True, slots=True)
class Scope:
    """The jobs that a request covers; None is any. An alert can narrow the scope, never name a job or an action."""

    queue: str | None = None
    kind: str | None = None
    tier: str | None = None
    reason: str | None = None

    def covers(self, stuck: StuckJob) -> bool:
        """Whether a stuck job is in the scope."""
        verdict = stuck.verdict
        facts = (
            (self.queue, stuck.job.queue),
            (self.kind, stuck.job.kind),
            (self.tier, verdict.tier),
            (self.reason, verdict.reason.value),
        )
        return all(wanted is None or wanted == found for wanted, found in facts)

    def can_be(self, tiers: Collection[str]) -> bool:
        """Whether any job can be in the scope: tier and reason exist, and Postgres can store the names."""
        names = (getattr(self, field.name) for field in fields(self))
        return (
            (self.tier is None or self.tier in tiers)
            and (self.reason is None or self.reason in STUCK)
            and all(name is None or _is_storable(name) for name in names)
        )


class AlertStatus(StrEnum):
    """How the webhook handled an alert: values of the label `status` of riverkeeper_webhook_alerts_total."""

    FIRING = "firing"  # it wakes the rescuer
    RESOLVED = "resolved"
    NOT_ALLOWED = "not_allowed"  # without the label rescue="allow"
    UNKNOWN_SCOPE = "unknown_scope"  # names a tier or a reason that does not exist; this never means any
    EXPIRED = "expired"  # began longer than webhook.max_age ago
    TRUNCATED = "truncated"  # left out by Alertmanager's max_alerts


class WakeEnd(StrEnum):
    """How a wake was closed: values of the column wake.outcome."""

    DONE = "done"  # a pass over its scope found nothing left that policy lets the rescuer act on
    EXPIRED = "expired"  # older than webhook.max_age


@dataclass(frozen=True, slots=True)
class Call:
    """A firing alert that requests rescues in a scope. Fingerprint and start identify it: Alertmanager repeats both."""

    fingerprint: str
    starts_at: float  # Unix seconds, the clock of the alert's sender
    alert: str
    scope: Scope = Scope()


@dataclass(frozen=True, slots=True)
class Wake:
    """A stored call, open until a pass has nothing left to do for it. Unix seconds of the database's clock."""

    id: int
    call: Call
    received_at: float
    last_received_at: float
    tries: int = 0
    last_refusal: str | None = None  # why the last pass could not act; None: it could, or none was made

    @property
    def woken_by(self) -> str:
        """Who woke the rescuer, as the audit records it."""
        return f"alert {self.call.fingerprint}"


def _is_storable(name: str) -> bool:
    """Postgres stores no NUL and no lone surrogate; no queue and no kind has a name that it cannot store."""
    return len(name) <= MOST_NAME and not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in name)
