"""An operator's rescue of jobs named by id, and its preview: by the same transaction as every other rescue."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from uuid import UUID, uuid4

from riverkeeper.brakes.control import Status, read_status
from riverkeeper.brakes.heartbeat_path import HeartbeatPath, find_verified_since, patience
from riverkeeper.brakes.rules import DOUBTS, Brake
from riverkeeper.config.load import Config
from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import Action
from riverkeeper.evidence.proof import Terminated
from riverkeeper.postgres.connection import Database
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.decision import LockedJob, RescuePlan, decide, plan_rescue
from riverkeeper.rescue.locks import acquire_locks
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.rescue.request import BrakeCheck, LockRequest, Rescued, RescueRequest
from riverkeeper.rescue.transaction import rescue_job
from riverkeeper.verdict.job import JobClaim, RunningJob
from riverkeeper.verdict.judge import judge
from riverkeeper.verdict.limits import Learned, limits_of
from riverkeeper.verdict.tiers import tier_of
from riverkeeper.verdict.verdict import Reason, StuckJob, Verdict

SECONDS = 10.0  # for one job
NOT_RUNNING = Skipped(Refusal.GONE, "it is not running")
RequestFor = Callable[[RunningJob], RescueRequest]
Proofs = Mapping[JobClaim, Terminated]
NO_PROOFS: Proofs = {}


@dataclass(frozen=True, slots=True)
class ManualRescue:
    """The result for one of the jobs that an operator named."""

    job_id: int
    verdict: Verdict | None  # None: the job could not be judged
    outcome: Rescued | Skipped


@dataclass(frozen=True, slots=True)
class RescuePreview:
    """What an operator's rescue would do with one job."""

    job_id: int
    verdict: Verdict | None  # None: the job could not be judged
    outcome: RescuePlan | Skipped
    now: float | None = None  # the database's clock; the plan's moments are by it


class _PreviewEnd(Exception):
    """Ends a preview, so that no lock of it stays and nothing of it is written."""

    def __init__(self, locked: LockedJob | Skipped) -> None:
        self.locked = locked


def rescue_manually(
    database: Database,
    schemas: Mapping[str, str],
    job_ids: Iterable[int],
    policy: Policy,
    keeper: UUID,
    request_for: RequestFor,
    proofs: Proofs = NO_PROOFS,
) -> Iterator[ManualRescue]:
    """Rescue each of these jobs in a transaction of its own, in order of id. `proofs`: of ended processes, by claim.

    The request of a job has its tier, limits and brakes. Its `dry_run` decides whether anything is written. Its
    `action` applies to a job that the policy would hold, or whose worker is not known. A job whose worker was seen
    within its limits is always skipped. Raises DatabaseError; what was yielded before is committed.
    """
    wanted = sorted(set(job_ids))
    with database.writing(SECONDS, schemas) as tx:
        claims = {row.job_id: JobClaim(*row) for row in tx.query("rescue/read_claims", {"job_ids": wanted})}
    for job_id in wanted:
        if job_id not in claims:
            yield ManualRescue(job_id, None, NOT_RUNNING)
            continue
        with database.writing(SECONDS, schemas) as tx:
            result = _rescue_claim(tx, claims[job_id], policy, keeper, request_for, proofs)
        yield result


def _rescue_claim(
    tx: Transaction, claim: JobClaim, policy: Policy, keeper: UUID, request_for: RequestFor, proofs: Proofs
) -> ManualRescue:
    locked = read_locked_job(tx, claim, keeper, policy.heartbeat.metadata_interval, proofs)
    if isinstance(locked, Skipped):
        return ManualRescue(claim.job_id, None, locked)
    request = request_for(locked.job)
    verdict = judge(locked.job, policy, request.limits, locked.now, request.path_ok_since)
    return ManualRescue(claim.job_id, verdict, rescue_job(tx, StuckJob(locked.job, verdict), request))


def preview_rescues(
    database: Database,
    schemas: Mapping[str, str],
    job_ids: Iterable[int],
    policy: Policy,
    keeper: UUID,
    request_for: RequestFor,
    proofs: Proofs = NO_PROOFS,
) -> Iterator[RescuePreview]:
    """What `rescue_manually` would do, in order of id; no lock stays and no row, not even in the audit.

    Raises DatabaseError.
    """
    for job_id in sorted(set(job_ids)):
        with database.writing(SECONDS, schemas) as tx:
            rows = tx.query("rescue/read_claims", {"job_ids": [job_id]})
            if rows:
                yield _preview_claim(tx, JobClaim(*rows[0]), policy, keeper, request_for, proofs)
            else:
                yield RescuePreview(job_id, None, NOT_RUNNING)


def _preview_claim(
    tx: Transaction, claim: JobClaim, policy: Policy, keeper: UUID, request_for: RequestFor, proofs: Proofs
) -> RescuePreview:
    may_rescue = tx.query("rescue/read_rights")[0].may_rescue
    locked = read_locked_job(tx, claim, keeper, policy.heartbeat.metadata_interval, proofs, jobs_too=may_rescue)
    if isinstance(locked, Skipped):
        return RescuePreview(claim.job_id, None, locked)
    request = request_for(locked.job)
    verdict = judge(locked.job, policy, request.limits, locked.now, request.path_ok_since)
    if engaged := request.read_brakes(tx)(0):
        return RescuePreview(claim.job_id, verdict, Skipped(Refusal.of_brake(engaged[0]), engaged[1]), locked.now)
    if verdict.reason is Reason.OK:
        return RescuePreview(claim.job_id, verdict, Skipped(Refusal.BEAT), locked.now)
    act = decide(locked.job, verdict, request.tier, locked.now, request.action)
    outcome = act if isinstance(act, Skipped) else plan_rescue(locked, verdict, request.tier, act)
    return RescuePreview(claim.job_id, verdict, outcome, locked.now)


def read_locked_job(
    tx: Transaction,
    claim: JobClaim,
    keeper: UUID,
    metadata_interval: float,
    proofs: Proofs = NO_PROOFS,
    *,
    jobs_too: bool = True,
) -> LockedJob | Skipped:
    """What the two locks of a rescue show (see `acquire_locks`); they are released at once. Raises DatabaseError."""
    request = LockRequest(claim, terminated=proofs.get(claim))
    try:
        with tx.savepoint():
            raise _PreviewEnd(acquire_locks(tx, [request], keeper, metadata_interval, jobs_too=jobs_too)[0])
    except _PreviewEnd as ended:
        return ended.locked
    except DatabaseError as error:
        if error.kind is not ErrorKind.LOCKED:
            raise
        return Skipped(Refusal.LOCKED)


def request_factory(
    config: Config, status: Status, learned: Mapping[str, Learned], *, apply: bool, action: Action | None
) -> RequestFor:
    """The requests of this operator. The mode does not matter: the operator names the jobs."""
    keeper, path = uuid4(), path_verified_since(patience(config), status)

    def request_for(job: RunningJob) -> RescueRequest:
        tier = tier_of(config, job.queue, job.kind, job.priority)
        return RescueRequest(
            tier=tier,
            limits=limits_of(config, tier, job.kind, learned.get(job.kind)),
            policy=config,
            keeper=keeper,
            woken_by=f"person {operator()}",
            path_ok_since=path,
            read_brakes=partial(read_brakes, reported=job.gave_up_at is not None),
            dry_run=not apply,
            cooldown=config.rescue.cooldown,
            action=action,
        )

    return request_for


def operator() -> str:
    """The operator at this terminal, as the audit and the kill switch name them: user@host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = "somebody"
    return f"{user}@{socket.gethostname()}"


def read_brakes(tx: Transaction, *, reported: bool = False) -> BrakeCheck:
    """The brakes that stop an operator too: the kill switch, and mass silence. Raises DatabaseError.

    `reported`: the client gave up the claim, so that mass silence does not apply.
    """
    engaged = find_brakes_in_tables(read_status(tx)).items()
    first = next(((brake, why) for brake, why in engaged if not (reported and brake in DOUBTS)), None)
    return lambda _: first


def find_brakes_in_tables(status: Status) -> Mapping[Brake, str]:
    """The brakes that the tables hold, with their sentences; those of a single process are not among them. Pure."""
    brakes = {}
    if status.pause is not None:
        why = f": {status.pause.why}" if status.pause.why else ""
        brakes[Brake.KILL_SWITCH] = f"paused by {status.pause.by}{why} (riverkeeper rescue resume)"
    for brake in status.engaged:
        if not brake.released and brake.name in set(Brake):
            brakes[Brake(brake.name)] = brake.sentence
    return brakes


def path_verified_since(longest: float, status: Status) -> float | None:
    """Since when a supervisor has verified the heartbeat path; None where no supervisor verifies it now. Pure.

    `longest`: the most seconds between two of its probes (`patience`).
    """
    path = HeartbeatPath(status.path_ok_since, status.path_probe_at)
    return find_verified_since(path, status.now, longest) if status.proven_here else None
