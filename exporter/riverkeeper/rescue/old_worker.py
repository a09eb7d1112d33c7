"""After a rescue: was the old worker alive after all? The false-rescue rate, in live and in dry run, begins here. Pure.

All moments are Unix seconds of the database's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from riverkeeper.rescue.plan import Act
from riverkeeper.verdict.words import WORKERS_FAULT, Reason

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


@dataclass(frozen=True, slots=True)
class Became:
    """News of an old worker; closed: there will be no more."""

    old_worker: OldWorker | None
    at: float | None = None
    outcome: str | None = None
    closed: bool = False


def became(seen: Seen) -> Became:
    """What can be said by now."""
    if seen.ended_at is not None and seen.ended_at >= seen.at:
        return Became(OldWorker.FINISHED, seen.ended_at, seen.outcome, closed=True)
    if seen.dry_run or seen.act is Act.STOP:
        return _of_the_job(seen)
    return _in_time(seen, WATCH_SECONDS)


def is_false(seen: Seen, news: Became) -> bool:
    """Whether the rescue was a mistake, or in a dry run would have been.

    A worker that was called lost was none if it says anything. One that hung was alive, and ends when it is told that
    its claim is lost: only work that completed shows that it was not stuck.
    """
    if seen.act is Act.STOP and not seen.dry_run:
        return False  # nothing was taken away from it
    if news.old_worker not in {OldWorker.FINISHED, OldWorker.BEAT}:
        return False
    return seen.reason in WORKERS_FAULT or news.outcome == "completed"


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
