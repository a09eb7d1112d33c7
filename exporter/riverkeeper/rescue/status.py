"""The state of the rescuer, as metrics and pages show it: modes and brakes, and counters of this process. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from riverkeeper.brakes.rules import Brake
from riverkeeper.config.tiers import Mode
from riverkeeper.rescue.audit.report import ClaimCounts
from riverkeeper.rescue.wakes.wake import AlertStatus


@dataclass(frozen=True, slots=True)
class RescueStatus:
    """The rescuer as a scrape or a page shows it. Moments are Unix seconds of the database's clock."""

    modes: Mapping[str, Mode]  # by tier, the mode in force
    brakes: Mapping[Brake, str] = field(default_factory=dict)  # engaged ones, with the reason
    wakes_open: int | None = None  # None: the inbox cannot be read
    last_rescue_at: float | None = None  # of live rescues
    active_replica: str | None = None  # its name
    silence: str | None = None  # why missed heartbeats do not count now, so that no job is lost; None: they count
    claims: tuple[ClaimCounts, ...] | None = None  # of the last day, by tier and kind: the outcomes of their rescues


# Seconds from the moment the limit was passed. A supervisor acts within seconds, an alert alone within minutes.
TIME_EDGES: tuple[float, ...] = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
LATE_OUTCOMES = ("completed", "failed", "snoozed", "cancelled", "discarded", "unknown")


@dataclass(slots=True)
class Acts:
    """What the rescuer and the webhook of this process did since its start. Counters only rise."""

    is_active: bool = False  # this replica ran the last tick of the supervisor
    rescues: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # (tier, reason, action); no dry runs
    refusals: Counter[str] = field(default_factory=Counter)  # by Refusal
    late_finishes: Counter[tuple[str, str]] = field(default_factory=Counter)  # (queue, kind)
    late_results: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # (queue, kind, outcome)
    lost_jobs: Counter[tuple[str, str]] = field(default_factory=Counter)  # (queue, EndCause): proven by pods
    to_rescue: list[int] = field(default_factory=lambda: [0] * (len(TIME_EDGES) + 1))
    to_rescue_seconds: float = 0.0
    webhook_alerts: Counter[str] = field(default_factory=lambda: Counter({status.value: 0 for status in AlertStatus}))
    last_webhook_at: float | None = None  # Unix seconds, the clock of this process
