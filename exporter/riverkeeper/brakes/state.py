"""What holds the rescuer, as every replica reads it from the keeper schema. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from riverkeeper.config.tiers import Mode
from riverkeeper.rescue.audit.report import ClaimCounts


class Brake(StrEnum):
    """What holds every rescue for a while; label values of riverkeeper_brake_engaged."""

    KILL_SWITCH = "kill_switch"
    MASS_SILENCE = "mass_silence"
    RATE = "rate"
    GRACE = "grace"
    STALE_SNAPSHOT = "stale_snapshot"


@dataclass(frozen=True, slots=True)
class Rescuing:
    """The rescuer as a scrape or a page sees it."""

    modes: Mapping[str, Mode]  # by tier, the mode in force
    brakes: Mapping[Brake, str] = field(default_factory=dict)  # engaged ones, with the sentence that says why
    wakes_open: int | None = None  # None: the inbox cannot be read
    last_rescue_at: float | None = None  # database clock; of rescues that acted
    actor: str | None = None  # name of the replica that acted last
    silence: str | None = None  # why missed heartbeats do not count at present, so that none is lost; None: they do
    claims: tuple[ClaimCounts, ...] | None = None  # of the last day, by tier and kind: what became of their workers
