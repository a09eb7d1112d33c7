"""The guarded rescue of one claim. The one place that takes a running job away from whoever holds it.

The order is the promise (docs/guarded-rescue.md): the actor's lock, the brakes, the heartbeat row, the job's row, the
verdict once more from what is locked, and only then the writes. The heartbeat row is the arbiter: a beat or a settle
that races with a rescue waits for its row, and then reads that the claim is lost; or the rescue reads a fresh row, and
does nothing. We never wait for a job's row: who holds it is at work on it.
"""

from __future__ import annotations

from riverkeeper.database import Transaction
from riverkeeper.errors import DatabaseError, Trouble
from riverkeeper.rescue import audit
from riverkeeper.rescue.locking import lock
from riverkeeper.rescue.order import Done, Order
from riverkeeper.rescue.plan import Act, Locked, Plan, decide, plan
from riverkeeper.rescue.refusal import Refusal, Refused
from riverkeeper.verdict.job import RunningJob
from riverkeeper.verdict.judge import judge
from riverkeeper.verdict.verdict import StuckJob, Verdict
from riverkeeper.verdict.words import Reason


class _Undo(Exception):
    """Ends the writes, so that none of them stands."""

    def __init__(self, outcome: Refused | audit.Entry) -> None:
        self.outcome = outcome


def rescue(tx: Transaction, stuck: StuckJob, order: Order) -> Done | Refused:
    """Rescue one claim, in a writing transaction of its own: committed with it, or not made at all.

    One claim a transaction: with two, we could hold the row of one, and wait with the tombstone of the other for a
    beat that waits for us. Raises DatabaseError only where the connection is gone, or the commit failed; whether it
    was made then, the audit knows (`audit.did_it_commit`).
    """
    if refused := _hopeless(stuck, order):
        return refused  # policy alone says no: the table is left in peace
    outcome = _tried(tx, stuck, order)
    if isinstance(outcome, DatabaseError) and outcome.trouble is Trouble.DEADLOCK:  # nobody's fault: once more
        outcome = _tried(tx, stuck, order)
    return _refused(outcome) if isinstance(outcome, DatabaseError) else outcome


def _hopeless(stuck: StuckJob, order: Order) -> Refused | None:
    if not (stuck.verdict.reason.is_stuck or (stuck.verdict.reason is Reason.UNKNOWN and order.action)):
        return Refused(_why_not(stuck.job, stuck.verdict))
    decided = decide(stuck.job, stuck.verdict, order.tier, stuck.job.claimed_at, order.action)
    return decided if isinstance(decided, Refused) and decided.refusal is not Refusal.STOPPING else None


def _tried(tx: Transaction, stuck: StuckJob, order: Order) -> Done | Refused | DatabaseError:
    try:
        return _whole(tx, stuck, order)
    except DatabaseError as error:
        if error.trouble in {Trouble.LOST, Trouble.UNREACHABLE}:
            raise
        return error


def _whole(tx: Transaction, stuck: StuckJob, order: Order) -> Done | Refused:
    """All of it stands, or nothing; of a dry run only what the audit says."""
    try:
        with tx.whole():
            return _guarded(tx, stuck, order)
    except _Undo as undone:
        outcome = undone.outcome
    if isinstance(outcome, Refused):
        return outcome
    audit.write(tx, outcome)
    return outcome.done


def _guarded(tx: Transaction, stuck: StuckJob, order: Order) -> Done:
    """Everything from the actor's lock to the audit row. Raises _Undo where it must not be."""
    _may_act(tx, stuck, order)
    job = stuck.job
    held = lock(
        tx, job.claim, order.keeper, order.policy.metadata_interval,
        has_row=job.beat is not None and not job.beat.by_metadata, suspect_since=job.suspect_since,
    )  # fmt: skip
    if isinstance(held, Refused):
        raise _Undo(held)
    verdict, act = _decided(held, stuck, order)
    what = plan(held, verdict, order.tier, act)
    entry = audit.entry(held, verdict, what, order)
    if order.dry_run:
        raise _Undo(entry)
    _write(tx, held.job, what, entry)
    return entry.done


def _may_act(tx: Transaction, stuck: StuckJob, order: Order) -> None:
    if not tx.query("rescue/try_actor_lock")[0].acquired:
        raise _Undo(Refused(Refusal.NOT_ACTOR))
    if held := order.brakes(tx):
        raise _Undo(Refused(Refusal.of_brake(held[0]), held[1]))
    if order.dry_run and audit.was_recorded(tx, stuck):
        raise _Undo(Refused(Refusal.RECORDED))


def _decided(held: Locked, stuck: StuckJob, order: Order) -> tuple[Verdict, Act]:
    """The verdict on the locked rows, and what follows from it; the same reason as before, or nothing."""
    verdict = judge(held.job, order.policy, order.limits, held.now, order.path_ok_since)
    if _is_lost(held.job) or verdict.reason is not stuck.verdict.reason:
        raise _Undo(Refused(_why_not(held.job, verdict)))
    act = decide(held.job, verdict, order.tier, held.now, order.action)
    if isinstance(act, Refused):
        raise _Undo(act)
    if act is not Act.STOP and held.last_rescue_at is not None:
        left = held.last_rescue_at + order.cooldown - held.now
        if left > 0:
            raise _Undo(Refused(Refusal.COOLDOWN, f"{left:.0f} s left"))
    return verdict, act


def _write(tx: Transaction, job: RunningJob, what: Plan, entry: audit.Entry) -> None:
    """The arbiter's row first, then the job, then the audit. Where one of them is not as we locked it, none stands."""
    claim = {"job_id": job.claim.job_id, "attempt": job.claim.attempt, "attempted_at": job.claim.attempted_at}
    values = {
        "state": what.state, "scheduled_at": what.scheduled_at, "finalized_at": what.finalized_at,
        "error": audit.to_json(what.error), "metadata": audit.to_json(what.metadata),
    }  # fmt: skip
    writes = [("rescue/write_audit", entry.values, Refusal.RESCUED_ALREADY)]
    if what.act is Act.STOP:
        writes.insert(0, ("rescue/request_stop", claim, Refusal.STOPPING))
    else:
        writes.insert(0, ("rescue/write_job", claim | values, Refusal.GONE))
        if job.beat is not None and not job.beat.by_metadata:  # else a tombstone is lost from its first moment on
            writes.insert(0, ("rescue/mark_lost", claim, Refusal.LOST_ALREADY))
    if what.notify:
        writes.append(("rescue/send_cancel", {"job_id": job.claim.job_id, "queue": job.queue}, Refusal.DATABASE))
    answers = tx.queries(*((name, parameters) for name, parameters, _ in writes))
    for rows, (_, _, refusal) in zip(answers, writes, strict=True):
        if not rows:
            raise _Undo(Refused(refusal))


def _is_lost(job: RunningJob) -> bool:
    return job.beat is not None and job.beat.lost_at is not None


def _why_not(job: RunningJob, verdict: Verdict) -> Refusal:
    """Which refusal an unexpected verdict is."""
    if _is_lost(job):
        return Refusal.LOST_ALREADY
    if verdict.reason is Reason.OK:
        return Refusal.SETTLED if job.beat is not None and job.beat.settled_at is not None else Refusal.BEAT
    return Refusal.UNKNOWN if verdict.reason is Reason.UNKNOWN else Refusal.CHANGED


def _refused(error: DatabaseError) -> Refused:
    if error.trouble is Trouble.LOCKED:
        return Refused(Refusal.LOCKED)
    if error.trouble is Trouble.DUPLICATE:
        return Refused(Refusal.UNIQUE)
    return Refused(Refusal.DATABASE, str(error))
