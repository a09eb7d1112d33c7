"""Which act a stuck job needs, and the values that the rescue writes: decided from the locked row. Pure.

All moments are Unix seconds of the database's clock, durations seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import Action, Mode, Tier
from riverkeeper.rescue.refusal import Refusal, Skipped
from riverkeeper.river.failures import parse_count, rfc3339
from riverkeeper.verdict.job import RunningJob
from riverkeeper.verdict.tiers import action_for
from riverkeeper.verdict.verdict import STUCK, WORKERS_FAULT, Reason, Verdict

SHORT_WAIT = 10.0  # up to here a job waits as `available`: River's scheduler runs only every five seconds
BACKOFF_POWER, MOST_ERRORS = 4, 310  # River's: errors to the fourth, in seconds, up to 292 years
JITTER = 0.1  # River's: up to 10 % more or less
# For bytes that a process sent before it ended: TCP has repeated them four times by then (0.2, 0.6, 1.4 and 3 s).
DEAD_FENCE = 5.0
# Their worker is alive, so the first act is a stop request. The other reasons have no worker that could stop.
STOPPED_FIRST = {Reason.HUNG, Reason.OVER_BUDGET}


class Act(StrEnum):
    """What a rescue does; the values of rescue.action."""

    RETRY = "retry"
    DISCARD = "discard"
    CANCEL = "cancel"
    STOP = "stop"  # requests the worker to stop, and leaves the job running


@dataclass(frozen=True, slots=True)
class LockedJob:
    """The job's row under the lock of the rescue, and what its values depend on (read_jobs.sql)."""

    job: RunningJob
    now: float
    scheduled_at: float
    errors: int  # how many the job has
    has_metadata: bool  # its metadata is an object
    rescue_count: str | None  # JSON of metadata's river:rescue_count, which may be anything
    retryable_keeps_key: bool  # `retryable` is in its unique mask, or it is not unique
    led: bool  # a River client is the leader, which makes `retryable` jobs available
    fences: bool  # its client's late results are dropped: by the fence and their token, or by River itself
    last_rescue_at: float | None
    chance: float  # of [0, 1)
    fence_in_force: bool = True
    river_guards: bool = False  # River itself drops them


@dataclass(frozen=True, slots=True)
class RescuePlan:
    """The values that the rescue writes. None keeps the column's value, except finalized_at, which becomes NULL."""

    act: Act
    state: str | None = None  # None: the job is not written
    scheduled_at: float | None = None
    finalized_at: float | None = None
    error: Mapping[str, object] | None = None
    metadata: Mapping[str, object] | None = None  # merged into that of the job


def decide(job: RunningJob, verdict: Verdict, tier: Tier, now: float, requested: Action | None = None) -> Act | Skipped:
    """The act by policy, the job's attempts and its cancel request. `requested`, by an operator, overrides the tier."""
    if not (verdict.reason.is_stuck or requested is not None):
        return Skipped(Refusal.UNKNOWN)
    action = requested or action_for(tier, verdict.reason, beats=job.has_beaten)
    if action is Action.HOLD:
        return Skipped(Refusal.MAX_RESCUES if verdict.reason is Reason.RESCUE_LOOP else Refusal.HOLD_BY_POLICY)
    act = _end_claim(job, verdict, tier, action, requested)
    if isinstance(act, Skipped) or (verdict.underlying or verdict.reason) not in STOPPED_FIRST:
        return act
    return _request_stop(job, tier, now) or act


def _end_claim(
    job: RunningJob, verdict: Verdict, tier: Tier, action: Action, requested: Action | None
) -> Act | Skipped:
    """The act that takes the claim away."""
    if job.cancel_requested:
        return Act.CANCEL
    if job.cancel_requested is None and requested is None:
        return Skipped(Refusal.CANCEL_UNKNOWN)
    if action is not Action.RETRY:
        return Act(action.value)
    if job.claim.attempt < job.max_attempts:
        return Act.RETRY
    held = verdict.reason in WORKERS_FAULT and tier.on_exhausted is Action.HOLD
    if requested is Action.RETRY or (requested is None and held):  # a requested retry never discards the job
        return Skipped(Refusal.EXHAUSTED)
    return Act.DISCARD


def _request_stop(job: RunningJob, tier: Tier, now: float) -> Act | Skipped | None:
    """STOP, or the wait for a worker that was requested to stop; None: take the claim away."""
    beat = job.beat
    if beat is None or beat.by_metadata:
        return None  # the worker cannot read a stop request
    if beat.stop_requested_at is None:
        return Act.STOP
    left = beat.stop_requested_at + tier.stop_grace - now
    return Skipped(Refusal.STOPPING, f"{left:.0f} s left") if left > 0 else None


def plan_rescue(locked: LockedJob, verdict: Verdict, tier: Tier, act: Act) -> RescuePlan:
    """The values that this act writes."""
    if act is Act.STOP:
        return RescuePlan(act)
    error = _error(locked, verdict)
    metadata = {"river:rescue_count": parse_count(locked.rescue_count) + 1} if locked.has_metadata else None
    if act is not Act.RETRY:
        state = {Act.DISCARD: "discarded", Act.CANCEL: "cancelled"}[act]
        return RescuePlan(act, state, None, locked.now, error, metadata)
    wait = next_attempt_wait(locked, verdict, tier)
    return RescuePlan(
        act,
        "available" if wait <= SHORT_WAIT or not locked.retryable_keeps_key or not locked.led else "retryable",
        scheduled_at=locked.now + wait,
        error=error,
        metadata=metadata,
    )


def next_attempt_wait(locked: LockedJob, verdict: Verdict, tier: Tier) -> float:
    """Seconds until the next attempt may begin: never before the previous worker must have stopped by itself."""
    wait = fence_wait(verdict, tier, fences=locked.fences)
    if _reason(verdict) is Reason.WORKER_DEAD:  # nobody is left who would have to stop
        return wait
    beat = locked.job.beat
    if (gave_up_at := locked.job.gave_up_at) is not None:  # a shutdown reports this while the work still stops
        wait = max(wait, gave_up_at + tier.drain - locked.now)
    if beat is not None and beat.lease is not None:
        wait = max(wait, beat.beat_at + beat.lease + tier.drain - locked.now)
    if is_blameless(locked.job, verdict):
        return wait
    return max(wait, backoff(locked.errors, locked.chance))


def fence_wait(verdict: Verdict, tier: Tier, *, fences: bool) -> float:
    """Seconds to wait for the previous worker's late result: none where its work ended, and is fenced."""
    if not fences:
        return _wait_unfenced(verdict, tier)
    return 0.0 if _reason(verdict).is_reported else tier.fence


def _wait_unfenced(verdict: Verdict, tier: Tier) -> float:
    """A process that has ended sends nothing more: only what it sent before may still be on its way."""
    if _reason(verdict) is not Reason.WORKER_DEAD:
        return tier.plain_fence
    return DEAD_FENCE if verdict.value is None else max(0.0, min(DEAD_FENCE, DEAD_FENCE - verdict.value))


def _reason(verdict: Verdict) -> Reason:
    return verdict.underlying or verdict.reason


def is_blameless(job: RunningJob, verdict: Verdict) -> bool:
    """Whether the worker failed and not the job, so that no back-off is needed."""
    if (verdict.underlying or verdict.reason) not in WORKERS_FAULT:
        return False
    return not (job.gave_up_at is not None and job.beat is not None and job.beat.outcome == "failed")


def backoff(errors: int, chance: float) -> float:
    """Seconds that River's default policy waits after one more error."""
    return float(min(errors + 1, MOST_ERRORS) ** BACKOFF_POWER) * (1 + JITTER * (2 * chance - 1))


def _error(locked: LockedJob, verdict: Verdict) -> Mapping[str, object]:
    """River reads `at` as a time with zone, `attempt` as a number; another shape strands a whole batch before 0.48."""
    text = f"Stuck job rescued by Riverkeeper: {verdict.reason}"
    if verdict.reason is Reason.WORKER_DEAD and verdict.limit is not None:
        text += f", {verdict.limit.origin}"
    elif verdict.limit is not None and verdict.value is not None:
        text += f", {verdict.value:.1f} s against a limit of {verdict.limit.seconds:g} s ({verdict.limit.origin})"
    return {"at": rfc3339(locked.now), "attempt": locked.job.claim.attempt, "error": text, "trace": ""}


def list_expected_acts(policy: Policy) -> Iterator[tuple[str, str, str]]:
    """The (tier, reason, action) that the policy can lead to, so that their counters exist before the first act."""
    for tier in policy.tiers.values():
        for reason in STUCK:
            action = action_for(tier, reason)
            if action is Action.HOLD or policy.modes[tier.name] is Mode.DISABLED:
                continue
            acts = (Act.STOP, Act(action.value)) if reason in STOPPED_FIRST else (Act(action.value),)
            yield from ((tier.name, reason.value, act.value) for act in acts)
