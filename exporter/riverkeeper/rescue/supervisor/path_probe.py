"""Probes the heartbeat path: which server answers, by which clock, and how many client instances beat.

The leader election probes by its own write. A replica that may write nothing is a read-only observer: its reads take
the place of the probe, for its own verdicts and alerts alone. A rescue never uses them: the brakes use what is written
in the table `control`. All moments are Unix seconds of the database's clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from riverkeeper.brakes.heartbeat_path import (
    AT_ONCE_SLACK,
    FLEET_SECONDS,
    NO_FLEET,
    STALE_INTERVALS,
    Fleet,
    HeartbeatPath,
    PreviousProbe,
    ProbeResult,
    advance_path,
    fleet_counted_to,
)
from riverkeeper.brakes.mass_silence import MassSilence
from riverkeeper.heartbeat.leases import lease_clock
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.rescue.connection import RescueConnection
from riverkeeper.schema.layout import KeeperSchema
from riverkeeper.verdict.suspects import LATE_INTERVALS

NO_MASS = MassSilence()
NOT_OBSERVED = HeartbeatPath()
OBSERVE_SECONDS = 2.0  # a database that needs longer for two small reads accepts no beat in time either


def probe_path(
    tx: Transaction,
    server: Row,
    path: HeartbeatPath,
    now: float,
    clock: float,
    mass: MassSilence = NO_MASS,
    *,
    has_clients: bool = True,
) -> ProbeResult:
    """`server`: a row of read_server; `now`: the database's clock; `clock`: lease_clock() at the same moment.

    `has_clients`: whether the keeper schema has the table `client`. Raises DatabaseError.
    """
    fleet = read_fleet(tx, path, now, mass) if has_clients else NO_FLEET
    return ProbeResult(now, clock, _read_identity(tx, server), fleet, mass.released_at)


def read_fleet(tx: Transaction, path: HeartbeatPath, now: float, mass: MassSilence) -> Fleet:
    """The client instances that count at `now`. Raises DatabaseError."""
    parameters = {
        "counted_to": fleet_counted_to(path, now),
        "fleet_seconds": FLEET_SECONDS,
        "late_intervals": LATE_INTERVALS,
        "stale_intervals": STALE_INTERVALS,
        "at_once_slack": AT_ONCE_SLACK,
        "ok_since": path.ok_since,
        "answered_to": mass.answered_to,
    }
    return Fleet(*tx.query("rescue/supervisor/read_fleet", parameters)[0])


def _read_identity(tx: Transaction, server: Row) -> str:
    """The identity of the server, as far as this login may read it."""
    known = [server.address, server.started_at]
    try:
        known += tx.query("river/read_identity")[0]
    except DatabaseError:  # the right is missing; address and start identify the server well enough
        known.append(None)
    return " ".join(str(part) for part in known)


class ReadOnlyObserver:
    """Observes the heartbeat path from one thread; `path` is replaced as a whole, and other threads read it.

    `has_leader(tx, seconds)`: whether another replica was the active one within the last `seconds`.
    """

    def __init__(self, has_leader: Callable[[Transaction, float], bool]) -> None:
        self._has_leader = has_leader
        self.path = NOT_OBSERVED
        self._before: PreviousProbe | None = None

    def observe(self, connection: RescueConnection, patience: float) -> None:
        """Make one observation; `patience`: the longest time between two of one stretch, in seconds."""
        try:
            with connection.reading(OBSERVE_SECONDS) as (tx, keeper):
                path, before = self._probe(tx, keeper, patience)
        except DatabaseError:
            self._before = self._before and replace(self._before, failed=True)
            return
        self.path, self._before = path, before

    def reset(self) -> None:
        """This replica verifies the path by its own writes again."""
        self.path, self._before = NOT_OBSERVED, None

    def _probe(
        self, tx: Transaction, keeper: KeeperSchema, patience: float
    ) -> tuple[HeartbeatPath, PreviousProbe | None]:
        """A standby verifies nothing: its data is as old as its replay."""
        server = tx.query("rescue/supervisor/read_server")[0]
        if server.standby or (keeper.control and self._has_leader(tx, patience)):  # the active replica verifies it
            return NOT_OBSERVED, None
        has_clients = keeper.heartbeat is not None
        seen = probe_path(tx, server, self.path, server.now, lease_clock(), has_clients=has_clients)
        return advance_path(self.path, self._before, seen, patience), PreviousProbe(seen)
