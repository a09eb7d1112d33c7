"""What one look at the database says of the way of a beat: which server answers, by which clock, and who is heard."""

from __future__ import annotations

from riverkeeper.brakes.heartbeat_path import (
    AT_ONCE_SLACK,
    FLEET_SECONDS,
    NO_FLEET,
    STALE_INTERVALS,
    Fleet,
    HeartbeatPath,
    ProbeResult,
    fleet_counted_to,
)
from riverkeeper.brakes.mass_silence import MassSilence
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.verdict.suspects import LATE_INTERVALS

NO_MASS = MassSilence()


def sight(
    tx: Transaction,
    place: Row,
    path: HeartbeatPath,
    now: float,
    clock: float,
    mass: MassSilence = NO_MASS,
    *,
    clients: bool = True,
) -> ProbeResult:
    """`place`: a row of read_server; `now`: the database's clock; `clock`: ours, taken with it.

    Without `clients` there is no table of them to ask. Raises DatabaseError.
    """
    fleet = read_fleet(tx, path, now, mass) if clients else NO_FLEET
    return ProbeResult(now, clock, _identity(tx, place), fleet, mass.released_at)


def read_fleet(tx: Transaction, path: HeartbeatPath, now: float, mass: MassSilence) -> Fleet:
    """The client instances that count at `now`. Raises DatabaseError."""
    asked = {
        "counted_to": fleet_counted_to(path, now),
        "fleet_seconds": FLEET_SECONDS,
        "late_intervals": LATE_INTERVALS,
        "stale_intervals": STALE_INTERVALS,
        "at_once_slack": AT_ONCE_SLACK,
        "ok_since": path.ok_since,
        "answered_to": mass.answered_to,
    }
    return Fleet(*tx.query("rescue/supervisor/read_fleet", asked)[0])


def _identity(tx: Transaction, place: Row) -> str:
    """As much as this login may know."""
    known = [place.address, place.started_at]
    try:
        known += tx.query("river/read_identity")[0]
    except DatabaseError:  # not allowed everywhere; address and start tell most of it
        known.append(None)
    return " ".join(str(part) for part in known)
