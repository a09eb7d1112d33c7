"""Who can say something about jobs that never beat: processes that beat, and clients that have a successor."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from riverkeeper.brakes.heartbeat_path import LATE_INTERVALS
from riverkeeper.postgres.connection import Row, Transaction
from riverkeeper.river.bounds import MAX_RUNNING
from riverkeeper.river.facts import Leader
from riverkeeper.verdict.job import Instance
from riverkeeper.verdict.suspects import succeeded

MAX_INSTANCES = 20_000  # processes that beat
RECENT_FINISHED = 500  # newest finished jobs that tell which clients still claim
CLAIMS_SECONDS = 10.0  # old claims are read this often, where no heartbeats have stopped
CLIENTS_SECONDS = 30.0  # successors are looked for this often: a suspicion is never acted on
LEADER_SECONDS = 15.0  # River's leader renews its lead every five seconds, for fifteen
PRODUCER_SILENT = 90.0  # River Pro's producers write every 30 s; three times missed is silent


@dataclass(frozen=True, slots=True)
class Speakers:
    """Rows of the table of processes by client id, and since when clients are suspect, by the database's clock."""

    instances: Mapping[str, tuple[Row, ...]] = field(default_factory=dict)
    suspect_since: Mapping[str, float] = field(default_factory=dict)
    seen: Mapping[str, float] = field(default_factory=dict)  # when River last saw a client, by its id
    fenced: bool = False  # the fence is in force

    @property
    def client_ids(self) -> list[str]:
        return sorted(self.instances.keys() | self.suspect_since.keys())

    def may_speak_for(self, kind: str) -> bool:
        """Whether anybody could say anything about a job of this kind."""
        return bool(self.suspect_since) or any(
            _beats_for(row, kind) for rows in self.instances.values() for row in rows
        )

    def of(self, client_id: str | None, kind: str) -> tuple[Instance, ...]:
        """The processes that a client id may mean, as a job of this kind sees them."""
        return tuple(
            Instance(row.beat_at, row.beat_interval, row.started_at, _beats_for(row, kind))
            for row in self.instances.get(client_id or "", ())
        )

    def seen_at(self, client_id: str | None) -> float | None:
        """When River last saw a client at work that had stopped beating before; None where the two agree.

        A claim or a renewal soon after the last heartbeat says nothing: the process may have died right after it. Where
        several processes share an id, the youngest heartbeat counts: River may see the one that beats.
        """
        rows, seen = self.instances.get(client_id or ""), self.seen.get(client_id or "")
        if not rows or seen is None:
            return None
        last = max(rows, key=lambda row: row.beat_at)
        return seen if seen > last.beat_at + LATE_INTERVALS * last.beat_interval else None

    def fences(self, client_id: str | None, instance: str | None) -> bool:
        """Whether the database would drop late results of the process that beats."""
        return self.fenced and any(
            row.fences for row in self.instances.get(client_id or "", ()) if row.instance == instance
        )


def _beats_for(row: Row, kind: str) -> bool:
    return row.kinds is None or kind in row.kinds


def read_instances(tx: Transaction) -> dict[str, tuple[Row, ...]]:
    """The processes that beat, by client id. Raises DatabaseError."""
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in tx.query("river/read_worker_instances", {"max_rows": MAX_INSTANCES}):
        found[row.client_id].append(row)
    return {client_id: tuple(rows) for client_id, rows in found.items()}


def seen_by_river(last_claims: Mapping[str, float], leader: Leader | None) -> Mapping[str, float]:
    """When River last saw each client: its newest claim, and the leader's last renewal of its lead."""
    seen = dict(last_claims)
    if leader is not None:
        seen[leader.leader_id] = max(seen.get(leader.leader_id, 0.0), leader.expires_at - LEADER_SECONDS)
    return seen


@dataclass(slots=True)
class Successions:
    """Remembers for half a minute which clients are suspect, and for some seconds the newest claim of each client."""

    last_claims: dict[str, float] = field(default_factory=dict)  # by client
    _since: dict[str, float] = field(default_factory=dict)
    _due_at: float = 0.0  # our monotonic clock
    _claims_due_at: float = 0.0

    def read(self, tx: Transaction, *, producers: bool, anew: bool = True) -> Mapping[str, float]:
        """Client -> since when it is suspect. Asks River Pro's `producers` where they are. Raises DatabaseError.

        `anew`: the newest claims as of now, because heartbeats have stopped; it reads every running row.
        """
        if anew or time.monotonic() >= self._claims_due_at:
            claims = tx.query("river/read_claims", {"max_rows": MAX_RUNNING, "recent": RECENT_FINISHED})
            self.last_claims = {row.client: row.last_claim for row in claims}
            self._claims_due_at = time.monotonic() + CLAIMS_SECONDS
        if time.monotonic() >= self._due_at:
            self._since = succeeded(self.last_claims)
            if producers:
                silent = tx.query("river/read_producers", {"silent": PRODUCER_SILENT})
                self._since |= {row.client: row.heard_at for row in silent}
            self._due_at = time.monotonic() + CLIENTS_SECONDS
        return self._since
