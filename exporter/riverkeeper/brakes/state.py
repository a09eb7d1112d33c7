"""The facts of the brakes, read from their tables under the rescue lock, and the state that is stored."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

from riverkeeper.brakes.heartbeat_path import HeartbeatPath
from riverkeeper.brakes.mass_silence import Cause, MassSilence
from riverkeeper.brakes.rules import BrakeFacts
from riverkeeper.postgres.transaction import Row, Transaction


def read_facts(tx: Transaction, *, dry_run: bool) -> BrakeFacts:
    """The facts of now. In a dry run the budgets count dry runs. Raises DatabaseError."""
    return facts_of(tx.query("brakes/read_brakes", {"dry_run": dry_run})[0])


def facts_of(row: Row) -> BrakeFacts:
    """A row of read_brakes."""
    return BrakeFacts(
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


def write_mass(tx: Transaction, mass: MassSilence) -> None:
    """Store the state of the brake; an unchanged state is not written. Raises DatabaseError."""
    state = {name: value for name, value in asdict(mass).items() if name not in _COLUMNS}
    tx.query(
        "brakes/write_mass",
        {
            "engaged_at": mass.engaged_at,
            "sentence": mass.sentence or None,
            "state": json.dumps(state, ensure_ascii=False),
        },
    )


_COLUMNS = {"released_at"}  # an operator writes this column; an election must not overwrite it
_MASS_FIELDS = {field.name for field in fields(MassSilence)} - _COLUMNS


def _mass(state: dict[str, Any] | None, released_at: float | None) -> MassSilence:
    known = {name: value for name, value in (state or {}).items() if name in _MASS_FIELDS}
    if known.get("cause") is not None:
        known["cause"] = Cause(known["cause"])
    return MassSilence(**known, released_at=released_at)


def _path(row: Row) -> HeartbeatPath:
    state = row.path_state or {}
    return HeartbeatPath(
        ok_since=row.path_ok_since,
        probe_at=row.path_probe_at,
        server=row.path_server,
        why=state.get("why") or HeartbeatPath().why,
        before_to=state.get("before_to"),
    )
