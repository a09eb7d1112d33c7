"""The state of the rescuer, as metrics and pages show it: the modes in force, and the brakes engaged now."""

from __future__ import annotations

from riverkeeper.brakes.control import read_status
from riverkeeper.brakes.rules import HEALTHY, ProcessHealth, engaged_brakes
from riverkeeper.brakes.state import read_facts
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.rules import Rules
from riverkeeper.rescue.state import Rescuing


def read_rescuing(tx: Transaction, rules: Rules, health: ProcessHealth = HEALTHY) -> Rescuing:
    """By the tables, and by what this process knows about itself. Raises DatabaseError."""
    facts, status = read_facts(tx, dry_run=not rules.is_live), read_status(tx)
    return Rescuing(
        modes=rules.modes,
        brakes=dict(engaged_brakes(facts, rules.policy, health)),
        wakes_open=status.wakes_open,
        last_rescue_at=status.last_rescue_at,
        actor=status.actor,
        silence=None if facts.path.ok_since else facts.path.why,
    )
