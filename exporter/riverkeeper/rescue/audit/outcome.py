"""After a rescue: was the old worker alive after all? The false-rescue rate, in live and in dry run, begins here. Pure.

All moments are Unix seconds of the database's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from riverkeeper.rescue.decision import Act
from riverkeeper.verdict.verdict import WORKERS_FAULT, Reason

WATCH_SECONDS = 570.0  # heartbeat rows are swept after ten minutes; what comes later finds no row to be written in
DRY_WATCH_SECONDS = 86_400.0  # the job still runs, and has no next attempt to end it for us


class OldWorker(StrEnum):
    """What became of it; the values of rescue.old_worker."""

    FINISHED = "finished"  # it told how its work ended, or the job's row shows that it did
    BEAT = "beat"  # its process was heard after it had been called lost
    SILENT = "silent"
    UNKNOWN = "unknown"  # a client that does not beat by the contract would have left no trace


@dataclass(frozen=True, slots=True)
class Seen:
    """What the tables say of one rescue that is still watched."""

    dry_run: bool
    reason: Reason
    act: Act
    at: float
    now: float
    beats: str | None  # none | table | metadata, when it was rescued
    ended_at: float | None
    outcome: str | None
    heard_at: float | None  # of its process
    state: str | None  # of the job; None: deleted
    is_claim: bool  # the job's row still shows the claim
    is_rescued: bool  # an error of this attempt says that it was rescued, by whomever
    leased: bool = False  # its client ends its own work when it cannot beat
    late_at: float | None = None  # the fence dropped a result of this claim
    late_outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Became:
    """News of a previous worker; closed: there will be no more, but for a result that the fence drops later."""

    old_worker: OldWorker | None
    at: float | None = None
    outcome: str | None = None
    closed: bool = False
    was_false: bool | None = None  # None: not known, or not yet


def became(seen: Seen) -> Became:
    """What can be said by now, and whether the rescue was false."""
    found = _found(seen)
    return replace(found, was_false=_was_false(seen, found))


def _found(seen: Seen) -> Became:
    if seen.ended_at is not None and seen.ended_at >= seen.at:
        return Became(OldWorker.FINISHED, seen.ended_at, seen.outcome, closed=True)
    if seen.late_at is not None:
        return Became(OldWorker.FINISHED, seen.late_at, seen.late_outcome, closed=True)
    if seen.dry_run or seen.act is Act.STOP:
        return _of_the_job(seen)
    return _in_time(seen, WATCH_SECONDS)


def _was_false(seen: Seen, news: Became) -> bool | None:
    """Whether the rescue was a mistake, or in a dry run would have been; None: not known, or not yet.

    It was where work was taken from a worker that did it. Work that was completed shows it whatever the reason was. A
    worker that was called lost shows it by any sign of life, unless it had given the work up itself: it reported so, or
    it has a lease, and its work failed when the lease was over. One that hung was alive, as everybody knew.
    """
    if news.old_worker is None or news.old_worker is OldWorker.UNKNOWN:
        return None
    if news.old_worker is OldWorker.SILENT or seen.reason is Reason.ABANDONED:
        return False
    if seen.act is Act.STOP and not seen.dry_run:
        return False  # nothing was taken away from it
    return _was_taken(seen, news)


def _was_taken(seen: Seen, news: Became) -> bool | None:
    """Whether the work was taken from a worker that showed a sign of life afterwards and still did it."""
    if news.outcome == "completed":
        return True
    if seen.reason not in WORKERS_FAULT or news.outcome == "abandoned":
        return False
    if seen.leased and news.old_worker is OldWorker.BEAT:  # its lease was over: how the work ended is still to come
        return False if news.closed else None
    return not (seen.leased and news.outcome == "failed")


def _of_the_job(seen: Seen) -> Became:
    """The job was left running: its own row shows how the attempt ended."""
    if seen.state == "running" and seen.is_claim:
        return _in_time(seen, DRY_WATCH_SECONDS)
    if seen.state is None:
        return Became(OldWorker.UNKNOWN, closed=True)
    if seen.is_rescued:
        return Became(OldWorker.SILENT, closed=True)
    return Became(OldWorker.FINISHED, None, _OUTCOMES.get(seen.state, "failed") if seen.is_claim else None, closed=True)


_OUTCOMES = {"completed": "completed", "cancelled": "cancelled", "scheduled": "snoozed"}


def _in_time(seen: Seen, seconds: float) -> Became:
    over = seen.now - seen.at > seconds
    # Who was called orphaned or hung has a process that lives: its beats say nothing new.
    if seen.reason is Reason.WORKER_LOST and seen.heard_at is not None and seen.heard_at > seen.at:
        return Became(OldWorker.BEAT, seen.heard_at, closed=over)
    if not over:
        return Became(None)
    would_tell = seen.beats == "table" or (seen.beats == "none" and seen.reason in WORKERS_FAULT)
    return Became(OldWorker.SILENT if would_tell else OldWorker.UNKNOWN, closed=True)
