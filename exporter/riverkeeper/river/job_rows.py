"""The one place where rows of statements become running jobs and beats. Pure."""

from __future__ import annotations

from typing import Any

from riverkeeper.verdict.job import Beat, Claim, Instance, RunningJob

Row = Any  # of the statements that a function names


def running_job_of(
    row: Row,
    claim: Claim,
    beat: Beat | None,
    *,
    cancel_requested: bool,
    instances: tuple[Instance, ...] = (),
    suspect_since: float | None = None,
    seen_at: float | None = None,
) -> RunningJob:
    """Of river/read_suspects, or rescue/read_jobs and rescue/lock_jobs; the beat is of the same claim."""
    return RunningJob(
        claim=claim,
        queue=row.queue,
        kind=row.kind,
        priority=row.priority,
        max_attempts=row.max_attempts,
        claimed_at=row.claimed_at,
        client_id=row.client_id,
        beat=beat,
        instances=instances,
        cancel_requested=cancel_requested,
        rescues=row.rescues,
        suspect_since=suspect_since,
        seen_at=seen_at,
    )


def beat_of(row: Row, *, fences: bool, note: str | None = None, lost_at: float | None = None) -> Beat:
    """Of river/read_suspects or rescue/lock_beats; the first reads no notes, and no claims that were taken away."""
    return Beat(
        beat_at=row.beat_at,
        interval=row.interval,
        lease=row.lease,
        progress_at=row.progress_at,
        progress=row.progress,
        note=note,
        lost_at=lost_at,
        stop_requested_at=row.stop_requested_at,
        ended_at=row.ended_at,
        outcome=row.outcome,
        fences=fences,
    )
