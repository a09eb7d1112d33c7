"""Counters of what this process rescued, skipped and received since its start; the metrics page shows them. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from riverkeeper.rescue.wakes.wake import AlertStatus

# Seconds from the moment the limit was passed. A supervisor acts within seconds, an alert alone within minutes.
TIME_EDGES: tuple[float, ...] = (0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
LATE_OUTCOMES = ("completed", "failed", "snoozed", "cancelled", "discarded", "unknown")


@dataclass(slots=True)
class Acts:
    """What the rescuer and the webhook of this process did since its start. Counters only rise."""

    actor: bool = False  # this replica ran the last tick of the supervisor
    rescues: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # (tier, reason, action); no dry runs
    refusals: Counter[str] = field(default_factory=Counter)  # by Refusal
    late_finishes: Counter[tuple[str, str]] = field(default_factory=Counter)  # (queue, kind)
    late_results: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # (queue, kind, outcome)
    to_rescue: list[int] = field(default_factory=lambda: [0] * (len(TIME_EDGES) + 1))
    to_rescue_seconds: float = 0.0
    webhook_alerts: Counter[str] = field(default_factory=lambda: Counter({status.value: 0 for status in AlertStatus}))
    last_webhook_at: float | None = None  # Unix seconds, the clock of this process
