"""The audit: what was done to which claim and on what evidence, once a claim; and whether it was committed."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

from riverkeeper.postgres.connection import Database
from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.rescue.audit.evidence import evidence
from riverkeeper.rescue.decision import Act, LockedJob, RescuePlan
from riverkeeper.rescue.request import Rescued, RescueItem, RescueRequest
from riverkeeper.verdict.job import Claim, RunningJob
from riverkeeper.verdict.verdict import Reason, Verdict

LOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the audit before it is written, and what it is about."""

    job: RunningJob
    plan: RescuePlan
    done: Rescued
    values: Mapping[str, object]


def entry(held: LockedJob, verdict: Verdict, what: RescuePlan, order: RescueRequest) -> Entry:
    """What will stand in the audit for this act."""
    job, late = held.job, verdict.passed_for
    done = Rescued(
        job.claim, what.act, verdict.reason, what.state, what.scheduled_at, order.dry_run, held.now, late_seconds=late
    )
    values = {
        **asdict(job.claim), "at": held.now, "dry_run": order.dry_run, "queue": job.queue, "kind": job.kind,
        "priority": job.priority,
        "tier": order.tier.name, "reason": verdict.reason.value, "action": what.act.value,
        "state_after": None if order.dry_run else what.state,
        "scheduled_at": None if order.dry_run else what.scheduled_at,
        "evidence": evidence(held, verdict, what, order.path_ok_since),
        "woken_by": order.woken_by, "keeper": str(order.keeper), "late_seconds": late,
    }  # fmt: skip
    return Entry(job, what, done, values)


def write(tx: Transaction, entries: Sequence[Entry]) -> None:
    """Those that are new: a claim is rescued once, and asked to stop once. Raises DatabaseError."""
    tx.query("rescue/audit/write_audit", {"rows": to_json([one.values for one in entries])})


def recorded(tx: Transaction, asked: Sequence[RescueItem]) -> Collection[int]:
    """The places of those of which a dry run with this reason stands there already. Raises DatabaseError."""
    claims = [
        {"number": number, "reason": one.stuck.verdict.reason.value} | asdict(one.stuck.job.claim)
        for number, one in enumerate(asked)
    ]
    return {row.number for row in tx.query("rescue/audit/find_recorded", {"claims": to_json(claims)})}


def acts_on(database: Database, schemas: Mapping[str, str], claim: Claim) -> list[Row] | None:
    """What was committed of this claim, the newest first (find_rescue.sql); None while nobody can know.

    The server may still be at an old transaction, and commit it. It has the actor's lock until it ends: who gets the
    lock knows that it has ended. Raises DatabaseError.
    """
    with database.writing(LOOK_SECONDS, schemas) as tx:
        if not tx.query("rescue/try_actor_lock")[0].acquired:
            return None
        return tx.query("rescue/audit/find_rescue", asdict(claim))


def ours(acts: Sequence[Row], keeper: UUID, job: RunningJob) -> Rescued | None:
    """Of `acts_on`: what this replica did with the job as it had found it; None: nothing of ours was committed."""
    act = next((act for act in acts if act.keeper == keeper), None)
    if act is None or (act.action == Act.STOP and job.beat is not None and job.beat.stop_requested_at is not None):
        return None  # that stop is the one it was found with
    return Rescued(
        job.claim, Act(act.action), Reason(act.reason), act.state, act.scheduled_at, False, act.at, act.late_seconds
    )


def to_json(value: object) -> str:
    """JSON text for a jsonb parameter."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False)
