"""The inbox: wakes wait in a table, so that none is lost by a restart, and any replica can work them off."""

from __future__ import annotations

from collections.abc import Sequence

from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.rescue.wakes.wake import Call, Scope, Wake, WakeEnd

MOST_OPEN = 10_000  # read at once; the rest waits its turn


def receive(tx: Transaction, calls: Sequence[Call], max_age: float) -> int:
    """Store the calls; how many wake, repeats included. Those that began longer ago than `max_age` seconds do not."""
    once = list({(call.fingerprint, call.starts_at): call for call in calls}.values())  # a row is touched once
    try:
        return len(tx.query("rescue/wakes/receive_wakes", _columns(once, max_age)))
    except DatabaseError as error:
        if error.kind is not ErrorKind.NO_SUCH_TEXT:
            raise
    # No job can have a name that this database's encoding lacks, so such a call wakes nobody; the others still do.
    return sum(len(tx.find("rescue/wakes/receive_wakes", _columns([call], max_age))) for call in once)


def _columns(calls: Sequence[Call], max_age: float) -> dict[str, object]:
    return {
        "fingerprints": [call.fingerprint for call in calls],
        "starts_at": [call.starts_at for call in calls],
        "alerts": [call.alert for call in calls],
        "queues": [call.scope.queue for call in calls],
        "kinds": [call.scope.kind for call in calls],
        "tiers": [call.scope.tier for call in calls],
        "reasons": [call.scope.reason for call in calls],
        "max_age": max_age,
    }


def open_wakes(tx: Transaction) -> tuple[Wake, ...]:
    """The wakes that wait, oldest first."""
    return tuple(_wake(row) for row in tx.query("rescue/wakes/read_wakes", {"most": MOST_OPEN}))


def close(tx: Transaction, wake_id: int, outcome: WakeEnd) -> bool:
    """End a wake; False where it had ended before."""
    return bool(tx.query("rescue/wakes/close_wake", {"id": wake_id, "outcome": outcome.value}))


def refuse(tx: Transaction, wake_id: int, why: str) -> bool:
    """Write down why a pass could not act; the wake stays open. False where it had ended before."""
    return bool(tx.query("rescue/wakes/refuse_wake", {"id": wake_id, "why": why}))


def expire(tx: Transaction, max_age: float) -> int:
    """Give up the wakes that have waited for longer than `max_age` seconds; how many."""
    return len(tx.query("rescue/wakes/expire_wakes", {"max_age": max_age}))


def _wake(row: Row) -> Wake:
    scope = Scope(row.queue, row.kind, row.tier, row.reason)
    call = Call(row.fingerprint, row.starts_at, row.alert, scope)
    return Wake(row.id, call, row.received_at, row.last_heard_at, row.tries, row.last_refusal)
