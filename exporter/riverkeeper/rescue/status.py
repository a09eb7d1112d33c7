"""The state of the rescuer, as metrics and pages show it: the modes in force, and the brakes engaged now. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from riverkeeper.brakes.rules import Brake
from riverkeeper.config.tiers import Mode
from riverkeeper.rescue.audit.report import ClaimCounts


@dataclass(frozen=True, slots=True)
class RescueStatus:
    """The rescuer as a scrape or a page shows it. Moments are Unix seconds of the database's clock."""

    modes: Mapping[str, Mode]  # by tier, the mode in force
    brakes: Mapping[Brake, str] = field(default_factory=dict)  # engaged ones, with the reason
    wakes_open: int | None = None  # None: the inbox cannot be read
    last_rescue_at: float | None = None  # of live rescues
    actor: str | None = None  # name of the active replica
    silence: str | None = None  # why missed heartbeats do not count now, so that no job is lost; None: they count
    claims: tuple[ClaimCounts, ...] | None = None  # of the last day, by tier and kind: the outcomes of their rescues
