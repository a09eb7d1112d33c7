"""The state of the rescuer, as metrics and pages show it: the modes in force, and the brakes engaged now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from riverkeeper.brakes.control import read_status
from riverkeeper.brakes.rules import HEALTHY, Brake, ProcessHealth, engaged_brakes
from riverkeeper.brakes.state import read_facts
from riverkeeper.config.tiers import Mode
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.audit.report import ClaimCounts
from riverkeeper.rescue.rules import Rules


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


def read_rescue_status(tx: Transaction, rules: Rules, health: ProcessHealth = HEALTHY) -> RescueStatus:
    """By the tables, and by what this process knows about itself. Raises DatabaseError."""
    facts, status = read_facts(tx, dry_run=not rules.is_live), read_status(tx)
    return RescueStatus(
        modes=rules.modes,
        brakes=dict(engaged_brakes(facts, rules.policy, health)),
        wakes_open=status.wakes_open,
        last_rescue_at=status.last_rescue_at,
        actor=status.actor,
        silence=None if facts.path.ok_since else facts.path.why,
    )
