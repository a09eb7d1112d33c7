"""One turn of a supervisor: does this replica act, is the way of a beat open, does the brake for many hold?

A turn is one short writing transaction, and is itself the probe that proves the way: what it writes has committed, or
the way was not open. It locks the row of `control`, not the actor's lock: a rescue, which only tries that one, would
be refused for a turn of its own process. All moments are Unix seconds of the database's clock.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from riverkeeper.brakes.heartbeat_path import HeartbeatPath, PreviousProbe, ProbeResult, advance_path, patience
from riverkeeper.brakes.mass_silence import MassFacts, MassSilence, advance_mass
from riverkeeper.brakes.state import facts_of, write_mass
from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import Mode
from riverkeeper.heartbeat.clock import lease_clock
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.supervisor.path_probe import sight


@dataclass(frozen=True, slots=True)
class Replica:
    """Who we are, as the audit and the table `control` name us."""

    id: UUID
    name: str  # host and process
    rules: str = ""  # fingerprint of what it goes by (Rules.fingerprint)
    modes: Mapping[str, Mode] = field(default_factory=dict)  # in force, by tier


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn came to."""

    acting: bool
    actor: str | None = None  # name of the replica that acts
    sighting: ProbeResult | None = None  # what it saw, as far as the next turn compares it
    path: HeartbeatPath | None = None
    mass: MassSilence | None = None
    rules: str | None = None  # fingerprint of what the acting replica goes by
    elsewhere: bool = False  # on another server than the turn before, whoever took that


def stand_by(tx: Transaction, replica: Replica, takeover: float) -> Turn | None:
    """Whether another replica acts, heard within `takeover` seconds; None: nobody does, or we. Raises DatabaseError."""
    row = tx.query("rescue/supervisor/peek_actor")[0]
    if row.actor in {None, str(replica.id)} or row.age is None or not 0 <= row.age < takeover:
        return None
    return Turn(acting=False, actor=row.actor_name, sighting=ProbeResult(row.now, lease_clock(), ""), rules=row.rules)


def take_turn(
    tx: Transaction,
    replica: Replica,
    before: PreviousProbe | None,
    policy: Policy,
    takeover: float,
    *,
    dry_run: bool,
) -> Turn:
    """Act, or stand by where another replica was heard within `takeover` seconds. Raises DatabaseError.

    The turn holds only once its transaction has committed.
    """
    if standing := stand_by(tx, replica, takeover):
        return standing
    tx.query("rescue/supervisor/lock_control")
    if standing := stand_by(tx, replica, takeover):  # it was faster
        return standing
    tx.query("rescue/supervisor/probe_beats")
    row = tx.query("brakes/read_brakes", {"dry_run": dry_run})[0]
    clock, facts = lease_clock(), facts_of(row)
    seen = sight(tx, tx.query("rescue/supervisor/read_server")[0], facts.path, facts.now, clock, facts.mass)
    path = advance_path(facts.path, before, seen, patience(policy))
    broke = path.ok_since is not None and path.ok_since != facts.path.ok_since
    found = MassFacts(seen.now, seen.fleet, broke, facts.acted_in_step, row.alive)
    mass = advance_mass(facts.mass, found, policy.rescue.max_share, policy.rescue.mass_hold)
    if facts.path.probe_at is not None and seen.now < facts.path.probe_at:  # else a dead worker lives for an hour more
        tx.query("rescue/supervisor/recall_beats")
    write_mass(tx, mass)
    _write(tx, path, replica)
    elsewhere = facts.path.server not in {None, seen.server}
    return Turn(True, replica.name, seen, path, mass, replica.rules, elsewhere)


def _write(tx: Transaction, path: HeartbeatPath, replica: Replica) -> None:
    tx.query(
        "rescue/supervisor/write_turn",
        {
            "ok_since": path.ok_since,
            "probe_at": path.probe_at,
            "server": path.server,
            "state": json.dumps(
                {"why": path.why, "before_to": path.before_to, "rules": replica.rules, "modes": replica.modes},
                ensure_ascii=False,
            ),
            "actor": replica.id,
            "actor_name": replica.name,
        },
    )
