"""A keeper that may write nothing: its readings stand in for the probe, and what they prove is known to it alone.

A rescue never goes by it: the brakes go by what is written in `control`. It is for verdicts, and so for alerts, where
nobody proves the way who may write. All moments are Unix seconds of the database's clock.
"""

from __future__ import annotations

from dataclasses import replace

from riverkeeper.brakes.heartbeat_path import HeartbeatPath, PreviousProbe, advance_path
from riverkeeper.heartbeat.clock import lease_clock
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.connection import RescueConnection
from riverkeeper.rescue.supervisor.path_probe import sight
from riverkeeper.rescue.supervisor.turn import Replica, stand_by
from riverkeeper.schema.layout import KeeperSchema

LOOK_SECONDS = 2.0  # a database that needs longer for so little takes no beats in time either
UNPROVEN = HeartbeatPath()


class Onlooker:
    """Looks from one thread; `path` is replaced as a whole, and read by others."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self.path = UNPROVEN
        self._before: PreviousProbe | None = None

    def look(self, ground: RescueConnection, patience: float) -> None:
        """Once more; `patience`: the longest time between two looks of one stretch, in seconds."""
        try:
            with ground.reading(LOOK_SECONDS) as (tx, keeper):
                path, before = self._seen(tx, keeper, patience)
        except DatabaseError:
            self._before = self._before and replace(self._before, failed=True)
            return
        self.path, self._before = path, before

    def rest(self) -> None:
        """This keeper proves the way by its own writes now."""
        self.path, self._before = UNPROVEN, None

    def _seen(
        self, tx: Transaction, keeper: KeeperSchema, patience: float
    ) -> tuple[HeartbeatPath, PreviousProbe | None]:
        """On a standby nothing is proven: what is read there is as old as its replay."""
        place = tx.query("rescue/supervisor/read_server")[0]
        if place.standby or (keeper.control and stand_by(tx, self._replica, patience)):  # others prove it
            return UNPROVEN, None
        seen = sight(tx, place, self.path, place.now, lease_clock(), clients=keeper.heartbeat is not None)
        return advance_path(self.path, self._before, seen, patience), PreviousProbe(seen)
