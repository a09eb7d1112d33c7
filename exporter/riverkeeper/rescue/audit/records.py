"""The audit: what was done to which claim, on what evidence, once for each claim; and whether it was committed."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

from riverkeeper.evidence.proof import Terminated
from riverkeeper.postgres.connection import Database
from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.rescue.decision import Act, LockedJob, RescuePlan
from riverkeeper.rescue.request import Rescued, RescueItem, RescueRequest
from riverkeeper.verdict.job import JobClaim, RunningJob
from riverkeeper.verdict.verdict import Reason, Verdict

FIND_SECONDS = 5.0  # for the transaction that reads whether a rescue was committed
Fact = str | float | bool | None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A rescue that is decided, with the values of its row in the audit."""

    job: RunningJob
    plan: RescuePlan
    rescued: Rescued
    values: Mapping[str, object]  # parameters of write_audit.sql


def make_entry(locked: LockedJob, verdict: Verdict, plan: RescuePlan, request: RescueRequest) -> AuditEntry:
    """The audit row of this rescue. Pure."""
    job, late = locked.job, verdict.passed_for
    rescued = Rescued(
        job.claim, plan.act, verdict.reason, plan.state, plan.scheduled_at, request.dry_run, locked.now,
        late_seconds=late,
    )  # fmt: skip
    values = {
        **asdict(job.claim), "at": locked.now, "dry_run": request.dry_run, "queue": job.queue, "kind": job.kind,
        "priority": job.priority,
        "tier": request.tier.name, "reason": verdict.reason.value, "action": plan.act.value,
        "state_after": None if request.dry_run else plan.state,
        "scheduled_at": None if request.dry_run else plan.scheduled_at,
        "evidence": collect_evidence(locked, verdict, plan, request.path_ok_since),
        "woken_by": request.woken_by, "keeper": str(request.keeper), "late_seconds": late,
    }  # fmt: skip
    return AuditEntry(job, plan, rescued, values)


def collect_evidence(
    locked: LockedJob, verdict: Verdict, plan: RescuePlan, path_ok_since: float | None
) -> Mapping[str, Fact]:
    """What the rescue was judged by, facts by name; a fact that is not known is left out. Pure.

    Moments are Unix seconds of the database's clock. The column `rescue.evidence` keeps them.
    """
    job, beat, limit = locked.job, locked.job.beat, verdict.limit
    facts: dict[str, Fact] = {
        "now": locked.now,
        "claimed_at": job.claimed_at,
        "claimed_before": job.claimed_before,
        "client_id": job.client_id,
        "max_attempts": job.max_attempts,
        "errors": locked.errors,
        "rescues_in_a_day": job.rescues,
        "scheduled_at_before": locked.scheduled_at,
        "cancel_requested": job.cancel_requested,
        "fences": locked.fences,
        "fence_in_force": locked.fence_in_force,
        "river_guards": locked.river_guards,
        "led": locked.led,
        "retryable_keeps_key": locked.retryable_keeps_key,
        "path_ok_since": path_ok_since,
        "underlying": verdict.underlying,
        "value": verdict.value,
        "beats": "none" if beat is None else "metadata" if beat.by_metadata else "table",
        "state": plan.state,
        "scheduled_at": plan.scheduled_at,
    }
    if limit is not None:
        facts |= {"limit": limit.name, "limit_seconds": limit.seconds, "limit_origin": limit.origin}
    if job.terminated is not None and verdict.is_of(Reason.WORKER_DEAD):
        facts |= _process_facts(job.terminated)
    if beat is not None:
        facts |= {
            "beat_at": beat.beat_at, "interval": beat.interval, "lease": beat.lease, "progress_at": beat.progress_at,
            "progress": beat.progress, "stop_requested_at": beat.stop_requested_at, "ended_at": beat.ended_at,
        }  # fmt: skip
    return {name: fact for name, fact in facts.items() if _is_known(fact)}


def _process_facts(ended: Terminated) -> Mapping[str, Fact]:
    return {
        "pod": ended.pod, "pod_uid": ended.pod_uid, "container": ended.container, "cause": ended.cause,
        "exit_code": ended.exit_code, "signal": ended.signal, "process_ended_at": ended.finished_at,
    }  # fmt: skip


def _is_known(fact: Fact) -> bool:
    return fact is not None and not (isinstance(fact, float) and not math.isfinite(fact))


def write(tx: Transaction, entries: Sequence[AuditEntry]) -> None:
    """Write the rows that are new: a claim is rescued once, and requested to stop once. Raises DatabaseError."""
    tx.query("rescue/audit/write_audit", {"rows": to_json([entry.values for entry in entries])})


def find_recorded(tx: Transaction, items: Sequence[RescueItem]) -> Collection[int]:
    """The places in `items` whose dry run, with this reason, is in the audit already. Raises DatabaseError."""
    claims = [
        {"number": number, "reason": item.stuck.verdict.reason.value} | asdict(item.stuck.job.claim)
        for number, item in enumerate(items)
    ]
    return {row.number for row in tx.query("rescue/audit/find_recorded", {"claims": to_json(claims)})}


def read_committed_acts(database: Database, schemas: Mapping[str, str], claim: JobClaim) -> list[Row] | None:
    """What was committed for this claim, the newest first (find_rescue.sql); None while that cannot be known.

    The server may still run an old transaction, and commit it. That transaction holds the rescue lock until it ends,
    so this transaction gets the lock only after it has ended. Raises DatabaseError.
    """
    with database.writing(FIND_SECONDS, schemas) as tx:
        if not tx.query("rescue/try_rescue_lock")[0].acquired:
            return None
        return tx.query("rescue/audit/find_rescue", asdict(claim))


def find_own_rescue(acts: Sequence[Row], keeper: UUID, job: RunningJob) -> Rescued | None:
    """Of `read_committed_acts`: what this replica did with the job as it had found the job; None: nothing. Pure."""
    act = next((act for act in acts if act.keeper == keeper), None)
    if act is None or (act.action == Act.STOP and job.beat is not None and job.beat.stop_requested_at is not None):
        return None  # the job was found with this stop request
    return Rescued(
        job.claim, Act(act.action), Reason(act.reason), act.state, act.scheduled_at, False, act.at, act.late_seconds
    )


def to_json(value: object) -> str:
    """JSON text for a jsonb parameter."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False)
