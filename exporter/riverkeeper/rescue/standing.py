"""How the rescuer stands, as metrics and pages show it: the modes in force, and what holds it now."""

from __future__ import annotations

from riverkeeper.brakes.control import read_status
from riverkeeper.brakes.facts import read_facts
from riverkeeper.brakes.rules import WIDE_AWAKE, Ourselves, engaged
from riverkeeper.brakes.state import Rescuing
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.rules import Rules


def read_rescuing(tx: Transaction, rules: Rules, ourselves: Ourselves = WIDE_AWAKE) -> Rescuing:
    """By the tables, and by what this process knows of itself. Raises DatabaseError."""
    facts, status = read_facts(tx, dry_run=not rules.is_live), read_status(tx)
    return Rescuing(
        modes=rules.modes,
        brakes=dict(engaged(facts, rules.restraints, ourselves)),
        wakes_open=status.wakes_open,
        last_rescue_at=status.last_rescue_at,
        actor=status.actor,
        silence=None if facts.path.ok_since else facts.path.why,
    )
