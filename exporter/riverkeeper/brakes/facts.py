"""What holds the rescuer: between its facts in tables and their values. Read under the lock, never remembered."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

from riverkeeper.brakes.heartbeat_path import Path
from riverkeeper.brakes.mass_silence import Cause, Mass
from riverkeeper.brakes.rules import Facts
from riverkeeper.postgres.transaction import Row, Transaction


def read_facts(tx: Transaction, *, dry_run: bool) -> Facts:
    """The facts of this moment; budgets of dry runs count dry runs. Raises DatabaseError."""
    return facts_of(tx.query("brakes/read_brakes", {"dry_run": dry_run})[0])


def facts_of(row: Row) -> Facts:
    """A row of read_brakes."""
    return Facts(
        now=row.now,
        stopped_at=row.stopped_at,
        stopped_by=row.stopped_by,
        stopped_why=row.stopped_why,
        acted_in_minute=row.acted_in_minute,
        acted_in_step=row.acted_in_step,
        mass=_mass(row.mass, row.released_at),
        path=_path(row),
        started_at=row.started_at,
    )


def write_mass(tx: Transaction, mass: Mass) -> None:
    """Remember the brake's state; an unchanged one is not written. Raises DatabaseError."""
    state = {name: value for name, value in asdict(mass).items() if name not in _COLUMNS}
    tx.query(
        "brakes/write_mass",
        {
            "engaged_at": mass.engaged_at,
            "sentence": mass.sentence or None,
            "state": json.dumps(state, ensure_ascii=False),
        },
    )


_COLUMNS = {"released_at"}  # a person's own column, which a turn must not write over
_MASS_FIELDS = {field.name for field in fields(Mass)} - _COLUMNS


def _mass(state: dict[str, Any] | None, released_at: float | None) -> Mass:
    known = {name: value for name, value in (state or {}).items() if name in _MASS_FIELDS}
    if known.get("cause") is not None:
        known["cause"] = Cause(known["cause"])
    return Mass(**known, released_at=released_at)


def _path(row: Row) -> Path:
    state = row.path_state or {}
    return Path(
        ok_since=row.path_ok_since,
        probe_at=row.path_probe_at,
        server=row.path_server,
        why=state.get("why") or Path().why,
        before_to=state.get("before_to"),
    )
