"""What a pass means for the wakes that wait: done, or to be tried again, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.rescue.request import Rescued
from riverkeeper.rescue.supervisor.candidates import Candidate
from riverkeeper.rescue.wakes import inbox
from riverkeeper.rescue.wakes.wake import Scope, Wake, WakeEnd
from riverkeeper.verdict.verdict import LimitName, VerdictSummary

# Nothing is left to do: it ended or was heard, it was done before, or policy leaves it to a person.
FINAL = {
    Refusal.MODE, Refusal.HOLD_BY_POLICY, Refusal.MAX_RESCUES, Refusal.EXHAUSTED, Refusal.RECORDED, Refusal.GONE,
    Refusal.BEAT, Refusal.LOST_ALREADY, Refusal.RESCUED_ALREADY,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Passed:
    """A pass that is over."""

    now: float  # when its reading began, the database's clock
    verdicts: VerdictSummary
    found: tuple[Candidate, ...]
    outcomes: tuple[tuple[Candidate, Rescued | Skipped], ...]  # of those that were reached


def after_pass(tx: Transaction, wakes: Iterable[Wake], passed: Passed) -> None:
    """Close what is worked off; the others stay open, with the reason. Raises DatabaseError."""
    for wake in wakes:
        why = why_open(wake, passed)
        if why is None:
            inbox.close(tx, wake.id, WakeEnd.DONE)
        elif why != wake.last_refusal:  # not a write for each wake in each pass
            inbox.refuse(tx, wake.id, why)


def why_open(wake: Wake, passed: Passed) -> str | None:
    """Why a wake stays open; None: nothing is left that policy lets the rescuer act on."""
    scope, since = wake.call.scope, passed.verdicts.path_ok_since
    refused = (outcome for one, outcome in passed.outcomes if isinstance(outcome, Skipped) and scope.covers(one.stuck))
    if waiting := next((str(outcome) for outcome in refused if outcome.refusal not in FINAL), None):
        return waiting
    reached = {one.stuck.job.claim for one, _ in passed.outcomes}
    missed = any(one.stuck.job.claim not in reached for one in passed.found if scope.covers(one.stuck))
    counted = 0.0 if since is None else passed.now - since
    rules = (
        (passed.now < wake.received_at, "the reading is older than the wake"),
        (missed, "not all of its jobs have had their turn"),
        (not passed.verdicts.complete, "more jobs are stuck than one reading looks at"),
        (since is None, "no way of a beat is proven open, so that silence says nothing"),
        (counted <= _longest(passed.verdicts, scope), "the way of a beat has not been open for a full timeout yet"),
    )
    return next((why for holds, why in rules if holds), None)


def _longest(verdicts: VerdictSummary, scope: Scope) -> float:
    """The longest heartbeat limit in force of what the wake is about; 0 where nothing of it runs."""
    return max(
        (
            one.limit.seconds
            for one in verdicts.limits
            if one.limit.name is LimitName.HEARTBEAT
            and scope.kind in {None, one.kind}
            and scope.tier in {None, one.tier}
        ),
        default=0.0,
    )
