"""The audit: what was done to which claim and on what evidence, once a claim; and whether it was committed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from riverkeeper.database import Database, Transaction
from riverkeeper.rescue.evidence import evidence
from riverkeeper.rescue.order import Done, Order
from riverkeeper.rescue.plan import Locked, Plan
from riverkeeper.verdict.job import Claim
from riverkeeper.verdict.verdict import StuckJob, Verdict

LOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the audit, before it is written."""

    done: Done
    values: Mapping[str, object]


def entry(held: Locked, verdict: Verdict, what: Plan, order: Order) -> Entry:
    """What will stand in the audit for this act."""
    job, late = held.job, verdict.passed_for
    done = Done(
        job.claim, what.act, verdict.reason, what.state, what.scheduled_at, order.dry_run, held.now, late_seconds=late
    )
    values = {
        "at": held.now, "dry_run": order.dry_run, "job_id": job.claim.job_id, "attempt": job.claim.attempt,
        "attempted_at": job.claim.attempted_at, "queue": job.queue, "kind": job.kind, "priority": job.priority,
        "tier": order.tier.name, "reason": verdict.reason.value, "action": what.act.value,
        "state_after": None if order.dry_run else what.state,
        "scheduled_at": None if order.dry_run else what.scheduled_at,
        "evidence": to_json(evidence(held, verdict, what, order.path_ok_since)),
        "woken_by": order.woken_by, "keeper": order.keeper, "late_seconds": late,
    }  # fmt: skip
    return Entry(done, values)


def write(tx: Transaction, one: Entry) -> bool:
    """Whether it is new: a claim is rescued once, and asked to stop once. Raises DatabaseError."""
    return bool(tx.query("rescue/write_audit", one.values))


def was_recorded(tx: Transaction, stuck: StuckJob) -> bool:
    """Whether a dry run of this claim and reason stands there already. Raises DatabaseError."""
    claim = stuck.job.claim
    values = {"job_id": claim.job_id, "attempted_at": claim.attempted_at, "reason": stuck.verdict.reason.value}
    return bool(tx.query("rescue/was_recorded", values))


def did_it_commit(database: Database, schemas: Mapping[str, str], claim: Claim) -> bool | None:
    """Whether a rescue of this claim was committed whose answer never came; None while nobody can know.

    The server may still be at the old transaction, and commit it. It has the actor's lock until it ends: who gets the
    lock knows that it has ended. Raises DatabaseError.
    """
    with database.writing(LOOK_SECONDS, schemas) as tx:
        if not tx.query("rescue/try_actor_lock")[0].acquired:
            return None
        values = {"job_id": claim.job_id, "attempted_at": claim.attempted_at}
        return bool(tx.query("rescue/find_rescue", values))


def to_json(value: object) -> str | None:
    """JSON text for a jsonb parameter; None for NULL."""
    return None if value is None else json.dumps(value, allow_nan=False)
