"""The outcome of a rescue: what the previous worker did afterwards, and whether the rescue was false. Pure.

"False rescue" is defined here and nowhere else. The follow-up writes the answer to `rescue.was_false`; the report, the
page and the mass silence brake read that column. All moments are Unix seconds of the database's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from riverkeeper.rescue.decision import Act
from riverkeeper.verdict.verdict import WORKERS_FAULT, Reason

WATCH_SECONDS = 570.0  # heartbeat rows are swept after ten minutes; a later beat finds no row to be written in
DRY_WATCH_SECONDS = 86_400.0  # the job still runs, and no next attempt ends the follow-up


class PreviousWorker(StrEnum):
    """What the previous worker did; the values of rescue.old_worker."""

    FINISHED = "finished"  # it reported how its work ended, or the job's row shows that the work ended
    BEAT = "beat"  # its process beat after it had been called lost
    SILENT = "silent"  # no sign of life for as long as the follow-up lasts; of a worker not called lost: no end
    UNKNOWN = "unknown"  # a client that does not beat by the contract leaves no trace


@dataclass(frozen=True, slots=True)
class FollowUpFacts:
    """What the tables hold about one rescue that is not closed (read_open.sql)."""

    dry_run: bool
    reason: Reason
    act: Act
    at: float
    now: float
    beats: str | None  # none | table | metadata, when it was rescued
    ended_at: float | None
    outcome: str | None
    worker_beat_at: float | None  # the last beat of the worker's process
    state: str | None  # of the job; None: the job is deleted
    is_claim: bool  # the job's row still shows the claim
    is_rescued: bool  # an error of this attempt records a rescue, by any rescuer
    leased: bool = False  # its client ends its own work when it cannot beat
    late_at: float | None = None  # when the fence dropped a result of this claim
    late_outcome: str | None = None
    written_outcome: str | None = None  # of a result that was written into the rescued job: how the work ended


@dataclass(frozen=True, slots=True)
class RescueOutcome:
    """The outcome as far as it is known. Closed: only a result that the fence drops later can change it."""

    previous_worker: PreviousWorker | None  # None: no sign of life yet
    at: float | None = None  # of its sign of life; column rescue.old_worker_at
    work: str | None = None  # how its work ended; column rescue.old_outcome
    closed: bool = False
    was_false: bool | None = None  # None: not known, or not yet


def judge_outcome(facts: FollowUpFacts) -> RescueOutcome:
    """What is known by now, and whether the rescue was false."""
    found = _find_previous_worker(facts)
    return replace(found, was_false=_is_false(facts, found))


def _find_previous_worker(facts: FollowUpFacts) -> RescueOutcome:
    if facts.ended_at is not None and facts.ended_at >= facts.at:
        return RescueOutcome(PreviousWorker.FINISHED, facts.ended_at, facts.outcome, closed=True)
    if facts.late_at is not None:
        return RescueOutcome(PreviousWorker.FINISHED, facts.late_at, facts.late_outcome, closed=True)
    if facts.written_outcome is not None:
        return RescueOutcome(PreviousWorker.FINISHED, None, facts.written_outcome, closed=True)
    if facts.dry_run or facts.act is Act.STOP:
        return _find_in_job(facts)
    return _find_beat(facts, WATCH_SECONDS)


def _is_false(facts: FollowUpFacts, found: RescueOutcome) -> bool | None:
    """Whether the rescue was false, or in a dry run would have been; None: not known, or not yet.

    A rescue is false where it took work from a worker that still did this work. Completed work proves that, whatever
    the reason of the rescue was. For a worker that was called lost any sign of life proves it, unless the worker had
    given up the work itself: it reported so, or it has a lease and its work failed when the lease ended. The
    verdict on a hung job already knows that its worker is alive.
    """
    if found.previous_worker is None or found.previous_worker is PreviousWorker.UNKNOWN:
        return None
    if found.previous_worker is PreviousWorker.SILENT or facts.reason is Reason.ABANDONED:
        return False
    if facts.act is Act.STOP and not facts.dry_run:
        return False  # a stop request takes nothing away
    return _took_work(facts, found)


def _took_work(facts: FollowUpFacts, found: RescueOutcome) -> bool | None:
    """Whether the rescue took work from a worker that showed a sign of life afterwards and still did the work."""
    if found.work == "completed":
        return True
    if facts.reason not in WORKERS_FAULT or found.work == "abandoned":
        return False
    if facts.leased and found.previous_worker is PreviousWorker.BEAT:  # the end of its work is still to come
        return False if found.closed else None
    return not (facts.leased and found.work == "failed")


def _find_in_job(facts: FollowUpFacts) -> RescueOutcome:
    """The rescue left the job running, so that the job's own row shows how the attempt ended.

    Where the job is rescued after a stop request, only the heartbeat row shows how the work ended.
    """
    if facts.state == "running" and facts.is_claim:
        return _find_beat(facts, DRY_WATCH_SECONDS)
    if facts.state is None:
        return RescueOutcome(PreviousWorker.UNKNOWN, closed=True)
    if facts.is_rescued and not facts.dry_run:
        return _find_beat(facts, WATCH_SECONDS)
    if facts.is_rescued:
        return RescueOutcome(PreviousWorker.SILENT, closed=True)
    work = _WORK.get(facts.state, "failed") if facts.is_claim else None
    return RescueOutcome(PreviousWorker.FINISHED, None, work, closed=True)


_WORK = {"completed": "completed", "cancelled": "cancelled", "scheduled": "snoozed"}


_CALLED_GONE = {Reason.WORKER_LOST, Reason.WORKER_DEAD}


def _find_beat(facts: FollowUpFacts, seconds: float) -> RescueOutcome:
    is_over = facts.now - facts.at > seconds
    # The process of an orphaned or hung job is alive, so its beats prove nothing.
    if facts.reason in _CALLED_GONE and facts.worker_beat_at is not None and facts.worker_beat_at > facts.at:
        return RescueOutcome(PreviousWorker.BEAT, facts.worker_beat_at, closed=is_over)
    if not is_over:
        return RescueOutcome(None)
    would_show = facts.beats == "table" or (facts.beats == "none" and facts.reason in WORKERS_FAULT)
    return RescueOutcome(PreviousWorker.SILENT if would_show else PreviousWorker.UNKNOWN, closed=True)
