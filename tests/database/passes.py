"""Passes without a supervisor's threads."""

from __future__ import annotations

from uuid import UUID

from riverkeeper.config.load import Config
from riverkeeper.rescue.connection import Ground
from riverkeeper.rescue.rules import rules_of
from riverkeeper.rescue.supervisor.election import Watch
from riverkeeper.rescue.supervisor.rescue_pass import Passing
from riverkeeper.rescue.supervisor.turn import Replica

REPLICA = Replica(UUID(int=1), "one")


def passing_by(config: Config) -> Passing:
    """By this configuration, as a replica that acts. Close its ground afterwards."""
    rules, ground = rules_of(config), Ground(config)
    return Passing(ground, REPLICA, Watch(REPLICA, lambda: rules, lambda: ground), lambda: False)
