"""Tiers: how soon a job of which queue, kind and priority is called stuck, and what is then done. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from riverkeeper.verdict.words import Action, Mode, Reason


@dataclass(frozen=True, slots=True)
class Tier:
    """One tier as configured; durations in seconds, None: no such limit (see docs/configuration.md)."""

    name: str
    heartbeat_interval: float = 10.0
    heartbeat_timeout: float = 35.0
    lease: float | None = None
    drain: float = 10.0
    fence: float = 10.0
    plain_fence: float = 60.0
    progress_timeout: float | None = None
    stop_grace: float = 60.0
    max_run: float | None = None
    max_wait: float | None = 300.0
    max_silence: float | None = None
    on_exhausted: Action = Action.HOLD  # DISCARD or HOLD
    notify: bool = False
    on_worker_lost: Action = Action.RETRY  # of `abandoned` and `orphaned` too: the worker's fault, not the job's
    on_hung: Action = Action.RETRY
    on_over_budget: Action = Action.HOLD
    on_rescue_loop: Action = Action.HOLD
    mode: Mode | None = None  # None: the global one

    def action(self, reason: Reason) -> Action:
        """What policy says about a reason; a suspicion is never acted on."""
        return {
            Reason.WORKER_LOST: self.on_worker_lost,
            Reason.ABANDONED: self.on_worker_lost,
            Reason.ORPHANED: self.on_worker_lost,
            Reason.HUNG: self.on_hung,
            Reason.OVER_BUDGET: self.on_over_budget,
            Reason.RESCUE_LOOP: self.on_rescue_loop,
        }.get(reason, Action.HOLD)


@dataclass(frozen=True, slots=True)
class Assignment:
    """A rule that puts jobs into a tier; None matches everything, `*` and `?` are globs."""

    tier: str
    kind: str | None = None
    queue: str | None = None
    priority: int | None = None


@dataclass(frozen=True, slots=True)
class Learning:
    """How limits are learnt from a kind's own completed runs; durations in seconds."""

    enabled: bool = True
    quantile: float = 0.99
    factor: float = 3.0
    floor: float = 300.0
    ceiling: float = 86400.0
    min_samples: int = 100
    window: float = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Policy:
    """All that verdicts need of the configuration."""

    tiers: Mapping[str, Tier]  # `standard` is always there
    assign: tuple[Assignment, ...] = ()
    learning: Learning = field(default_factory=Learning)
    metadata_interval: float = 30.0  # declared interval of claims that beat by metadata.health_check_at
    max_rescues: int = 3  # acting rescues of one job in 24 h, after which it is a rescue_loop
