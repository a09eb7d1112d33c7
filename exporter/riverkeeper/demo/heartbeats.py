"""The fleet's heartbeats: each simulated client beats by the table, through the Python heartbeat client's own code.

A killed client sends nothing more. A hung job's client beats on, and its progress does not change.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from riverkeeper.demo.attempt import Attempt
from riverkeeper.demo.clients import Client
from riverkeeper.demo.postgres import Table
from riverkeeper.heartbeat.active_claims import NO_PROGRESS, ActiveClaim, Progress
from riverkeeper.heartbeat.claim import Claim, ClaimStatus, HeartbeatTier
from riverkeeper.heartbeat.fence import ClientFence
from riverkeeper.heartbeat.table import HeartbeatTable, WorkerProcess
from riverkeeper.postgres.errors import DatabaseError

BEAT_SECONDS = 1.0  # the demo's limits are short: a timeout is three intervals at least
STATEMENT_SECONDS = 2.0  # for one beat; all clients beat in one thread


@dataclass(slots=True)
class _Beating:
    """One client's side of the contract."""

    table: HeartbeatTable
    due: float = 0.0
    claims: dict[Claim, ActiveClaim] = field(default_factory=dict)


class DemoHeartbeats:
    """The beats of all clients that live."""

    def __init__(self, url: str, table: Table) -> None:
        self._url = url
        self._table = table
        self._clients: dict[str, _Beating] = {}

    def beat(self, clients: list[Client], now: float) -> None:
        """Beat for each client whose time has come; those that are gone beat no more."""
        living = {client.id for client in clients}
        for gone in self._clients.keys() - living:
            self._clients.pop(gone).table.close()
        for client in clients:
            beating = self._clients.get(client.id) or self._start(client)
            if now >= beating.due:
                beating.due = now + BEAT_SECONDS
                _beat(beating, client, now)

    def close(self) -> None:
        for beating in self._clients.values():
            beating.table.close()
        self._clients.clear()

    def _start(self, client: Client) -> _Beating:
        process = WorkerProcess(client.id, BEAT_SECONDS)
        fence = ClientFence(wanted=True)  # every result of the fleet carries its token
        table = HeartbeatTable(self._url, self._table.schema, self._table.keeper, process, fence)
        return self._clients.setdefault(client.id, _Beating(table))


def _beat(beating: _Beating, client: Client, now: float) -> None:
    beats = []
    attempts = {_claim(attempt): attempt for attempt in client.attempts.values() if not attempt.lost}
    beating.claims = {
        claim: beating.claims.get(claim) or ActiveClaim(claim, HeartbeatTier(BEAT_SECONDS), now) for claim in attempts
    }
    for claim, attempt in attempts.items():
        active = beating.claims[claim]
        active.reported = _progress(attempt, active, now)
        beats.append((active, active.reported))
    try:
        statuses = beating.table.beat(beats, STATEMENT_SECONDS)
    except DatabaseError:
        return  # as every client: the next beat tries again
    for active, reported in beats:
        active.acknowledged = reported
        attempts[active.claim].lost = statuses[active.claim] is ClaimStatus.LOST


def _claim(attempt: Attempt) -> Claim:
    return Claim(attempt.claim.id, attempt.claim.claimed_at, attempt.claim.attempt)


def _progress(attempt: Attempt, active: ActiveClaim, now: float) -> Progress:
    """A fraction that grows; the same value again where the job reports nothing or hangs."""
    if not attempt.reports:
        return NO_PROGRESS
    if attempt.hangs_at is not None and now >= attempt.hangs_at and active.acknowledged is not NO_PROGRESS:
        return active.acknowledged
    return attempt.progress(now), None
