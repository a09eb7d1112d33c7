"""Passes without a supervisor's threads."""

from __future__ import annotations

from uuid import UUID

from riverkeeper.config.load import Config
from riverkeeper.rescue.ground import Ground
from riverkeeper.rescue.passing import Passing
from riverkeeper.rescue.rules import rules_of
from riverkeeper.rescue.turn import Replica
from riverkeeper.rescue.watch import Watch

REPLICA = Replica(UUID(int=1), "one")


def passing_by(config: Config) -> Passing:
    """By this configuration, as a replica that acts. Close its ground afterwards."""
    rules, ground = rules_of(config), Ground(config)
    return Passing(ground, REPLICA, Watch(REPLICA, lambda: rules, lambda: ground), lambda: False)
