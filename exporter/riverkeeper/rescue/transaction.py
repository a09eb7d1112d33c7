"""The guarded rescue. The one place that takes a running job away from whoever holds it.

The order is the promise (docs/guarded-rescue.md): the actor's lock, the brakes, the heartbeat row, the job's row, the
verdict once more from what is locked, and only then the writes. The heartbeat row is the arbiter: a beat that
races with a rescue waits for its row, and then reads that the claim is lost; or the rescue reads a fresh row, and
does nothing. We never wait for a job's row: who holds it is at work on it.
"""

from __future__ import annotations

from collections.abc import Sequence

from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.audit import records
from riverkeeper.rescue.deciding import Decided, allowed, decided, hopeless
from riverkeeper.rescue.locks import LockRequest, acquire_locks
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.rescue.request import BrakeCheck, Rescued, RescueItem, RescueRequest
from riverkeeper.rescue.writing import Unwritten, write
from riverkeeper.verdict.job import RunningJob
from riverkeeper.verdict.verdict import StuckJob


class _Undo(Exception):
    """Ends the writes, so that none of them stands."""

    def __init__(self, outcomes: list[Decided]) -> None:
        self.outcomes = outcomes


class _Apart(Exception):
    """Together they cannot be made: each needs a transaction of its own."""


def rescue_job(tx: Transaction, stuck: StuckJob, order: RescueRequest) -> Rescued | Skipped:
    """Rescue one claim, in a writing transaction of its own: committed with it, or not made at all.

    Raises DatabaseError only where the connection is gone, or the commit failed; whether it was made then, the audit
    knows (`records.acts_on`).
    """
    asked = [RescueItem(stuck, order)]
    if refused := hopeless(asked[0]):
        return refused
    outcome = _tried(tx, asked)
    if isinstance(outcome, DatabaseError) and outcome.kind is ErrorKind.DEADLOCK:  # nobody's fault: once more
        outcome = _tried(tx, asked)
    return _refused(outcome) if isinstance(outcome, DatabaseError) else outcome[0]


def rescue_jobs(tx: Transaction, asked: Sequence[RescueItem]) -> list[Rescued | Skipped] | None:
    """The same for claims of different jobs, by orders of one pass: all with a heartbeat row or none, all dry or none.

    None: nothing was done, because one of several kept all from it. Each is then to be tried in a transaction of its
    own.
    """
    if len(asked) == 1:
        return [rescue_job(tx, asked[0].stuck, asked[0].order)]
    outcomes: list[Rescued | Skipped | None] = [hopeless(one) for one in asked]
    left = [one for one, refused in zip(asked, outcomes, strict=True) if refused is None]
    try:
        tried = _tried(tx, left) if left else []
    except _Apart:
        return None
    if isinstance(tried, DatabaseError):
        return None
    following = iter(tried)
    return [refused or next(following) for refused in outcomes]


def _tried(tx: Transaction, asked: Sequence[RescueItem]) -> list[Rescued | Skipped] | DatabaseError:
    try:
        return _whole(tx, asked)
    except DatabaseError as error:
        if error.kind in {ErrorKind.LOST, ErrorKind.UNREACHABLE}:
            raise
        return error


def _whole(tx: Transaction, asked: Sequence[RescueItem]) -> list[Rescued | Skipped]:
    """All of it stands, or nothing; of a dry run only what the audit says."""
    try:
        with tx.savepoint():
            outcomes = _guarded(tx, asked)
    except _Undo as undone:
        outcomes = undone.outcomes
        if entries := _entries(outcomes):
            records.write(tx, entries)
    except Unwritten as unwritten:
        if len(asked) > 1:
            raise _Apart from None
        outcomes = [Skipped(unwritten.refusal)]
    return [one if isinstance(one, Skipped) else one.done for one in outcomes]


def _guarded(tx: Transaction, asked: Sequence[RescueItem]) -> list[Decided]:
    """Everything from the actor's lock to the audit rows. Raises _Undo where none of it must be."""
    order = asked[0].order
    braking = _may_act(tx, asked)
    recorded = records.recorded(tx, asked) if order.dry_run else ()
    if len(recorded) == len(asked):
        raise _Undo([Skipped(Refusal.RECORDED)] * len(asked))
    wanted = [_wanted(one.stuck.job) for one in asked]
    held = acquire_locks(
        tx,
        wanted,
        order.keeper,
        order.policy.heartbeat.metadata_interval,
        jobs_too=order.locks_jobs or not order.dry_run,
    )
    found = [
        Skipped(Refusal.RECORDED) if number in recorded else decided(rows, one)
        for number, (rows, one) in enumerate(zip(held, asked, strict=True))
    ]
    outcomes = allowed(found, braking)
    entries = _entries(outcomes)
    if order.dry_run or not entries:
        raise _Undo(outcomes)
    if len(entries) < len(asked) and not all(one.has_row for one in wanted):
        raise _Apart  # a tombstone of one that is left alone must not stand
    write(tx, entries)
    return outcomes


def _may_act(tx: Transaction, asked: Sequence[RescueItem]) -> BrakeCheck:
    if not tx.query("rescue/try_actor_lock")[0].acquired:
        raise _Undo([Skipped(Refusal.NOT_ACTOR)] * len(asked))
    braking = asked[0].order.brakes(tx)
    if held := braking(0):
        raise _Undo([Skipped(Refusal.of_brake(held[0]), held[1])] * len(asked))
    return braking


def _wanted(job: RunningJob) -> LockRequest:
    return LockRequest(job.claim, job.has_row, job.suspect_since, job.seen_at)


def _entries(outcomes: Sequence[Decided]) -> list[records.Entry]:
    return [one for one in outcomes if isinstance(one, records.Entry)]


def _refused(error: DatabaseError) -> Skipped:
    if error.kind is ErrorKind.LOCKED:
        return Skipped(Refusal.LOCKED)
    if error.kind is ErrorKind.DUPLICATE:
        return Skipped(Refusal.UNIQUE)
    return Skipped(Refusal.DATABASE, str(error))
