"""A person's rescue of jobs named by id, through the same guards as every other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from riverkeeper.config.policy import Policy
from riverkeeper.postgres.connection import Database
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.decision import LockedJob
from riverkeeper.rescue.locks import LockRequest, acquire_locks
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.rescue.request import Rescued, RescueRequest
from riverkeeper.rescue.transaction import rescue_job
from riverkeeper.verdict.job import Claim, RunningJob
from riverkeeper.verdict.judge import judge
from riverkeeper.verdict.verdict import StuckJob, Verdict

SECONDS = 10.0  # for one job
RequestFor = Callable[[RunningJob], RescueRequest]


@dataclass(frozen=True, slots=True)
class ManualRescue:
    """What became of one of the jobs that a person named."""

    job_id: int
    verdict: Verdict | None  # None: it could not be judged
    outcome: Rescued | Skipped


class _Seen(Exception):
    """Ends a look, so that nothing of it stands."""

    def __init__(self, held: LockedJob | Skipped) -> None:
        self.held = held


def rescue_manually(
    database: Database,
    schemas: Mapping[str, str],
    job_ids: Iterable[int],
    policy: Policy,
    keeper: UUID,
    order_of: RequestFor,
) -> Iterator[ManualRescue]:
    """Rescue each of these jobs in a transaction of its own, in order of id.

    `order_of` says by which tier, limits and brakes; its `dry_run` says whether anything is written, its `action`
    what is done with a job that policy would hold, or of whose worker nothing is known. A job whose worker was heard
    within its limits is refused whatever is asked. Raises DatabaseError; what was said before it stands.
    """
    wanted = sorted(set(job_ids))
    with database.writing(SECONDS, schemas) as tx:
        claims = {row.job_id: Claim(*row) for row in tx.query("rescue/read_claims", {"job_ids": wanted})}
    for job_id in wanted:
        if job_id not in claims:
            yield ManualRescue(job_id, None, Skipped(Refusal.GONE, "it is not running"))
            continue
        with database.writing(SECONDS, schemas) as tx:
            handled = _handle(tx, claims[job_id], policy, keeper, order_of)
        yield handled


def _handle(tx: Transaction, claim: Claim, policy: Policy, keeper: UUID, order_of: RequestFor) -> ManualRescue:
    held = read_locked_job(tx, claim, keeper, policy.heartbeat.metadata_interval)
    if isinstance(held, Skipped):
        return ManualRescue(claim.job_id, None, held)
    order = order_of(held.job)
    verdict = judge(held.job, policy, order.limits, held.now, order.path_ok_since)
    return ManualRescue(claim.job_id, verdict, rescue_job(tx, StuckJob(held.job, verdict), order))


def read_locked_job(
    tx: Transaction, claim: Claim, keeper: UUID, metadata_interval: float, *, jobs_too: bool = True
) -> LockedJob | Skipped:
    """What the two locks of a rescue would show (see `lock`); nothing stays locked or written. Raises DatabaseError."""
    try:
        with tx.savepoint():
            raise _Seen(acquire_locks(tx, [LockRequest(claim)], keeper, metadata_interval, jobs_too=jobs_too)[0])
    except _Seen as seen:
        return seen.held
    except DatabaseError as error:
        if error.kind is not ErrorKind.LOCKED:
            raise
        return Skipped(Refusal.LOCKED)
