"""What a person's rescue of these jobs would do. Nothing of it stands: no lock, no row, and no dry run in the audit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from riverkeeper.config.policy import Policy
from riverkeeper.postgres.connection import Database
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.decision import RescuePlan, decide, plan_rescue
from riverkeeper.rescue.manual import SECONDS, RequestFor, read_locked_job
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.verdict.job import Claim
from riverkeeper.verdict.judge import judge
from riverkeeper.verdict.verdict import Reason, Verdict


@dataclass(frozen=True, slots=True)
class RescuePreview:
    """What would become of one job."""

    job_id: int
    verdict: Verdict | None  # None: it could not be judged
    outcome: RescuePlan | Skipped
    now: float | None = None  # the database's clock, to which the plan's moments belong


def preview_rescues(
    database: Database,
    schemas: Mapping[str, str],
    job_ids: Iterable[int],
    policy: Policy,
    keeper: UUID,
    order_of: RequestFor,
) -> Iterator[RescuePreview]:
    """In order of id. Raises DatabaseError; what was said before it stands."""
    for job_id in sorted(set(job_ids)):
        with database.writing(SECONDS, schemas) as tx:
            rows = tx.query("rescue/read_claims", {"job_ids": [job_id]})
            if rows:
                yield _seen(tx, Claim(*rows[0]), policy, keeper, order_of)
            else:
                yield RescuePreview(job_id, None, Skipped(Refusal.GONE, "it is not running"))


def _seen(tx: Transaction, claim: Claim, policy: Policy, keeper: UUID, order_of: RequestFor) -> RescuePreview:
    may_rescue = tx.query("rescue/read_rights")[0].may_rescue
    held = read_locked_job(tx, claim, keeper, policy.heartbeat.metadata_interval, jobs_too=may_rescue)
    if isinstance(held, Skipped):
        return RescuePreview(claim.job_id, None, held)
    order = order_of(held.job)
    verdict = judge(held.job, policy, order.limits, held.now, order.path_ok_since)
    if brake := order.brakes(tx)(0):
        return RescuePreview(claim.job_id, verdict, Skipped(Refusal.of_brake(brake[0]), brake[1]), held.now)
    if verdict.reason is Reason.OK:
        return RescuePreview(claim.job_id, verdict, Skipped(Refusal.BEAT), held.now)
    act = decide(held.job, verdict, order.tier, held.now, order.action)
    outcome = act if isinstance(act, Skipped) else plan_rescue(held, verdict, order.tier, act)
    return RescuePreview(claim.job_id, verdict, outcome, held.now)
