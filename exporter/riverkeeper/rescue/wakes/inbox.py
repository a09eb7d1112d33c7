"""The inbox: wakes wait in a table, so that a restart loses none, and any replica can serve them.

A pass closes the wakes for which nothing is left to rescue. The others stay open, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.rescue.supervisor.rescue_pass import Candidate, Outcome
from riverkeeper.rescue.wakes.wake import Call, Scope, Wake, WakeEnd
from riverkeeper.verdict.verdict import LimitName, VerdictSummary

MOST_OPEN = 10_000  # read at once; the others wait until these are closed
# Nothing is left to do for the job: it ended, it beat, it was rescued before, or policy leaves it to an operator.
FINAL = {
    Refusal.MODE, Refusal.HOLD_BY_POLICY, Refusal.MAX_RESCUES, Refusal.EXHAUSTED, Refusal.RECORDED, Refusal.GONE,
    Refusal.BEAT, Refusal.LOST_ALREADY, Refusal.RESCUED_ALREADY, Refusal.CANCEL_UNKNOWN,
}  # fmt: skip


def receive(tx: Transaction, calls: Sequence[Call], max_age: float) -> int:
    """Store the calls. Returns how many wake the rescuer, repeats included; a call older than `max_age` s does not."""
    once = list({(call.fingerprint, call.starts_at): call for call in calls}.values())  # a row is touched once
    try:
        return len(tx.query("rescue/wakes/receive_wakes", _columns(once, max_age)))
    except DatabaseError as error:
        if error.kind is not ErrorKind.NO_SUCH_TEXT:
            raise
    # No job can have a name that this database's encoding lacks: such a call wakes nothing, the other calls do.
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


def read_open_wakes(tx: Transaction) -> tuple[Wake, ...]:
    """The open wakes, oldest first. Raises DatabaseError."""
    return tuple(_wake(row) for row in tx.query("rescue/wakes/read_wakes", {"most": MOST_OPEN}))


def close(tx: Transaction, wake_id: int, outcome: WakeEnd) -> bool:
    """Close a wake. False where it was closed before."""
    return bool(tx.query("rescue/wakes/close_wake", {"id": wake_id, "outcome": outcome.value}))


def refuse(tx: Transaction, wake_id: int, why: str) -> bool:
    """Record why a pass could not act; the wake stays open. False where it was closed before."""
    return bool(tx.query("rescue/wakes/refuse_wake", {"id": wake_id, "why": why}))


def expire(tx: Transaction, max_age: float) -> int:
    """Close the wakes that have been open for longer than `max_age` seconds. Returns how many."""
    return len(tx.query("rescue/wakes/expire_wakes", {"max_age": max_age}))


def _wake(row: Row) -> Wake:
    scope = Scope(row.queue, row.kind, row.tier, row.reason)
    call = Call(row.fingerprint, row.starts_at, row.alert, scope)
    return Wake(row.id, call, row.received_at, row.last_received_at, row.tries, row.last_refusal)


@dataclass(frozen=True, slots=True)
class FinishedPass:
    """A pass that is over, as far as wakes depend on it."""

    now: float  # when its scrape began, the database's clock
    verdicts: VerdictSummary
    found: tuple[Candidate, ...]
    outcomes: tuple[Outcome, ...]  # of the candidates that were reached


def close_finished_wakes(tx: Transaction, wakes: Iterable[Wake], finished: FinishedPass) -> None:
    """Close the wakes for which nothing is left to do; record why the others stay open. Raises DatabaseError."""
    for wake in wakes:
        why = why_open(wake, finished)
        if why is None:
            close(tx, wake.id, WakeEnd.DONE)
        elif why != wake.last_refusal:  # not one write for each wake in each pass
            refuse(tx, wake.id, why)


def why_open(wake: Wake, finished: FinishedPass) -> str | None:
    """Why a wake stays open; None: nothing is left that policy allows the rescuer to do."""
    scope, since = wake.call.scope, finished.verdicts.path_ok_since
    skipped = (
        outcome for each, outcome in finished.outcomes if isinstance(outcome, Skipped) and scope.covers(each.stuck)
    )
    if waiting := next((str(outcome) for outcome in skipped if outcome.refusal not in FINAL), None):
        return waiting
    reached = {candidate.claim for candidate, _ in finished.outcomes}
    missed = any(each.claim not in reached for each in finished.found if scope.covers(each.stuck))
    counted = 0.0 if since is None else finished.now - since
    reasons = (
        (finished.now < wake.received_at, "the scrape is older than the wake"),
        (missed, "the pass did not reach all of its jobs"),
        (not finished.verdicts.complete, "more jobs are stuck than one scrape judges"),
        (since is None, "the heartbeat path is not verified: missed heartbeats do not count"),
        (
            counted <= _longest_heartbeat_limit(finished.verdicts, scope),
            "the heartbeat path has not been verified for a full timeout yet",
        ),
    )
    return next((why for holds, why in reasons if holds), None)


def _longest_heartbeat_limit(verdicts: VerdictSummary, scope: Scope) -> float:
    """Seconds; the longest heartbeat limit in force within the scope; 0 where none of its jobs runs."""
    return max(
        (
            used.limit.seconds
            for used in verdicts.limits
            if used.limit.name is LimitName.HEARTBEAT
            and scope.kind in {None, used.kind}
            and scope.tier in {None, used.tier}
        ),
        default=0.0,
    )
