"""The rescue transaction: the one place that takes a running job away from its worker.

The order of its steps is the promise (docs/guarded-rescue.md):

1. the rescue lock: one rescue transaction at a time for each of River's job tables
2. the brakes, read from tables
3. the heartbeat row, or a tombstone in its place
4. the job's row
5. the verdict once more, from the locked rows
6. the writes: the lost claim, the job, the audit row

The heartbeat row is the arbiter. A beat that races with a rescue waits for this row, and then reads that the claim is
lost; or the rescue reads a fresh row, and does nothing. A rescue never waits for a job's row: the session that has
locked it is at work on the job.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.audit import records
from riverkeeper.rescue.audit.records import AuditEntry, to_json
from riverkeeper.rescue.decision import Act, LockedJob, decide, plan_rescue
from riverkeeper.rescue.locks import acquire_locks
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.rescue.request import BrakeCheck, Rescued, RescueItem, RescueRequest
from riverkeeper.verdict.job import RunningJob
from riverkeeper.verdict.judge import judge
from riverkeeper.verdict.verdict import Reason, StuckJob, Verdict

Decision = AuditEntry | Skipped
_Values = Mapping[str, object]  # of one row that a statement writes


class _RollBack(Exception):
    """Ends the transaction's savepoint, so that none of its writes stands."""

    def __init__(self, decisions: list[Decision]) -> None:
        self.decisions = decisions


class _RowChanged(Exception):
    """A row is not as it was locked, so that none of the writes may stand."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal


class _NotTogether(Exception):
    """The claims cannot share a transaction. Each needs a transaction of its own."""


def rescue_job(tx: Transaction, stuck: StuckJob, request: RescueRequest) -> Rescued | Skipped:
    """Rescue one claim, in a writing transaction of its own: the rescue commits with it, or was never made.

    Raises DatabaseError only where the connection is lost or the commit failed. The audit then knows whether the
    rescue was committed (`records.read_committed_acts`).
    """
    items = [RescueItem(stuck, request)]
    if skipped := check_policy(items[0]):
        return skipped
    outcome = _attempt(tx, items)
    if isinstance(outcome, DatabaseError) and outcome.kind is ErrorKind.DEADLOCK:  # nobody's fault: once more
        outcome = _attempt(tx, items)
    return _skipped_by(outcome) if isinstance(outcome, DatabaseError) else outcome[0]


def rescue_jobs(tx: Transaction, items: Sequence[RescueItem]) -> list[Rescued | Skipped] | None:
    """Rescue claims of different jobs in one transaction: all with a heartbeat row or none, all in a dry run or none.

    None: nothing was done, because one of several claims prevented the rescue of all. Rescue each of them in a
    transaction of its own then. Raises DatabaseError as `rescue_job` does.
    """
    if len(items) == 1:
        return [rescue_job(tx, items[0].stuck, items[0].request)]
    outcomes: list[Rescued | Skipped | None] = [check_policy(item) for item in items]
    allowed = [item for item, skipped in zip(items, outcomes, strict=True) if skipped is None]
    try:
        attempted = _attempt(tx, allowed) if allowed else []
    except _NotTogether:
        return None
    if isinstance(attempted, DatabaseError):
        return None
    following = iter(attempted)
    return [skipped or next(following) for skipped in outcomes]


def check_policy(item: RescueItem) -> Skipped | None:
    """Why the policy alone refuses the rescue, so that no table is touched; None: the rescue may be attempted. Pure."""
    stuck, request = item.stuck, item.request
    if not (stuck.verdict.reason.is_stuck or (stuck.verdict.reason is not Reason.OK and request.action)):
        return Skipped(_refusal_of(stuck.job, stuck.verdict))
    act = decide(stuck.job, stuck.verdict, request.tier, stuck.job.claimed_at, request.action)
    return act if isinstance(act, Skipped) and act.refusal is not Refusal.STOPPING else None


def _attempt(tx: Transaction, items: Sequence[RescueItem]) -> list[Rescued | Skipped] | DatabaseError:
    """All writes stand, or none; of a dry run only the audit rows. Returns errors that leave the connection usable."""
    try:
        try:
            with tx.savepoint():
                decisions = _rescue_under_locks(tx, items)
        except _RollBack as ended:
            decisions = ended.decisions
            if entries := _entries(decisions):
                records.write(tx, entries)
    except _RowChanged as changed:
        if len(items) > 1:
            raise _NotTogether from None
        return [Skipped(changed.refusal)]
    except DatabaseError as error:
        if error.kind in {ErrorKind.LOST, ErrorKind.UNREACHABLE}:
            raise
        return error
    return [decision if isinstance(decision, Skipped) else decision.rescued for decision in decisions]


def _rescue_under_locks(tx: Transaction, items: Sequence[RescueItem]) -> list[Decision]:
    """All steps from the rescue lock to the audit rows. Raises _RollBack where none of the writes may stand."""
    request = items[0].request
    check_brakes = _acquire_rescue_lock(tx, items)
    recorded = records.find_recorded(tx, items) if request.dry_run else ()
    if len(recorded) == len(items):
        raise _RollBack([Skipped(Refusal.RECORDED)] * len(items))
    locked = acquire_locks(
        tx,
        [item.lock_request for item in items],
        request.keeper,
        request.policy.heartbeat.metadata_interval,
        jobs_too=request.locks_jobs or not request.dry_run,
    )
    decisions = [
        Skipped(Refusal.RECORDED) if number in recorded else _judge_again(rows, item)
        for number, (rows, item) in enumerate(zip(locked, items, strict=True))
    ]
    decisions = apply_brakes(decisions, check_brakes)
    entries = _entries(decisions)
    if request.dry_run or not entries:
        raise _RollBack(decisions)
    if len(entries) < len(items) and not all(item.stuck.job.has_row for item in items):
        raise _NotTogether  # the tombstone of a skipped claim must not stand
    _write(tx, entries)
    return decisions


def _acquire_rescue_lock(tx: Transaction, items: Sequence[RescueItem]) -> BrakeCheck:
    """Steps 1 and 2. The brakes are read under the lock, so that the acts of every other rescue are among them."""
    if not tx.query("rescue/try_rescue_lock")[0].acquired:
        raise _RollBack([Skipped(Refusal.NOT_ACTOR)] * len(items))
    check_brakes = items[0].request.read_brakes(tx)
    if engaged := check_brakes(0):
        raise _RollBack([Skipped(Refusal.of_brake(engaged[0]), engaged[1])] * len(items))
    return check_brakes


def _judge_again(locked: LockedJob | Skipped, item: RescueItem) -> Decision:
    """Step 5: the claim is rescued only for the reason for which it was found stuck, and only after the cooldown."""
    if isinstance(locked, Skipped):
        return locked
    request = item.request
    verdict = judge(locked.job, request.policy, request.limits, locked.now, request.path_ok_since)
    if _is_lost(locked.job) or verdict.reason is not item.stuck.verdict.reason:
        return Skipped(_refusal_of(locked.job, verdict))
    act = decide(locked.job, verdict, request.tier, locked.now, request.action)
    if isinstance(act, Skipped):
        return act
    if act is not Act.STOP and locked.last_rescue_at is not None:
        left = locked.last_rescue_at + request.cooldown - locked.now
        if left > 0:
            return Skipped(Refusal.COOLDOWN, f"{left:.0f} s left")
    return records.make_entry(locked, verdict, plan_rescue(locked, verdict, request.tier, act), request)


def apply_brakes(decisions: Iterable[Decision], check_brakes: BrakeCheck) -> list[Decision]:
    """The acts for which the brakes have room, in their order; the brake that is engaged refuses the others. Pure."""
    acts, outcomes = 0, list[Decision]()
    for decision in decisions:
        engaged = check_brakes(acts) if isinstance(decision, AuditEntry) else None
        outcomes.append(Skipped(Refusal.of_brake(engaged[0]), engaged[1]) if engaged else decision)
        acts += isinstance(outcomes[-1], AuditEntry)
    return outcomes


def _write(tx: Transaction, entries: Sequence[AuditEntry]) -> None:
    """Step 6, in one message. Raises _RowChanged where a statement wrote fewer rows than it was given."""
    writes = [(name, rows, refusal) for name, rows, refusal in _writes(entries) if rows]
    answers = tx.query_pipeline(*((name, {"rows": to_json(rows)}) for name, rows, _ in writes))
    for answer, (_, rows, refusal) in zip(answers, writes, strict=True):
        if len(answer) < len(rows):
            raise _RowChanged(refusal)


def _writes(entries: Sequence[AuditEntry]) -> list[tuple[str, list[_Values], Refusal]]:
    """Each statement, its rows, and the refusal where one of these rows was not written."""
    stops = [entry for entry in entries if entry.plan.act is Act.STOP]
    others = [entry for entry in entries if entry.plan.act is not Act.STOP]
    with_row = [entry for entry in others if entry.job.has_row]  # a tombstone is lost from its first moment on
    return [
        ("rescue/mark_lost", [asdict(entry.job.claim) for entry in with_row], Refusal.LOST_ALREADY),
        ("rescue/request_stop", [asdict(entry.job.claim) for entry in stops], Refusal.STOPPING),
        ("rescue/write_jobs", [_job_values(entry) for entry in others], Refusal.GONE),
        ("rescue/audit/write_audit", [entry.values for entry in entries], Refusal.RESCUED_ALREADY),
    ]


def _job_values(entry: AuditEntry) -> _Values:
    plan = entry.plan
    return {
        **asdict(entry.job.claim), "state": plan.state, "scheduled_at": plan.scheduled_at,
        "finalized_at": plan.finalized_at, "error": plan.error, "metadata": plan.metadata,
    }  # fmt: skip


def _entries(decisions: Sequence[Decision]) -> list[AuditEntry]:
    return [decision for decision in decisions if isinstance(decision, AuditEntry)]


def _is_lost(job: RunningJob) -> bool:
    return job.beat is not None and job.beat.lost_at is not None


def _refusal_of(job: RunningJob, verdict: Verdict) -> Refusal:
    """The refusal that an unexpected verdict means."""
    if _is_lost(job):
        return Refusal.LOST_ALREADY
    if verdict.reason is Reason.OK:
        return Refusal.BEAT
    if verdict.reason is Reason.UNKNOWN or verdict.reason.is_suspected:
        return Refusal.UNKNOWN
    return Refusal.CHANGED


def _skipped_by(error: DatabaseError) -> Skipped:
    if error.kind is ErrorKind.LOCKED:
        return Skipped(Refusal.LOCKED)
    if error.kind is ErrorKind.DUPLICATE:
        return Skipped(Refusal.UNIQUE)
    return Skipped(Refusal.DATABASE, str(error))
