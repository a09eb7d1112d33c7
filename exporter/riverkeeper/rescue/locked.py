"""From locked rows to what a verdict and a plan are made of. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from riverkeeper.rescue.decision import LockedJob
from riverkeeper.river.job_rows import beat_of, running_job_of
from riverkeeper.verdict.job import Beat, Claim, Instance

CANCEL_SLACK = 5.0  # cancel_attempted_at is by the canceller's clock; one of an earlier attempt is older than that
AHEAD = 300.0  # a beat by metadata is by the worker's clock; further ahead it is no moment of this claim
# RFC 3339, as Go's time.Time reads it; offsets under 16 hours, as Postgres does.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-](0\d|1[0-5]):[0-5]\d)", re.ASCII)
Row = Any  # of the statement that the function names


def moment(text: str | None) -> float | None:
    """Unix seconds of an RFC 3339 time; None where it is none."""
    if text is None or not _MOMENT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):  # a day that does not exist
        return None


def table_beat(row: Row) -> Beat:
    """Of lock_beats.sql."""
    return beat_of(row, fences=bool(row.fences), note=row.note, lost_at=row.lost_at)


def metadata_beat(row: Row, interval: float) -> Beat | None:
    """The beat in a job's metadata (read_jobs.sql), if it is of this claim."""
    said = moment(row.health_at)
    if said is None or not row.claimed_at <= said <= row.now + AHEAD:
        return None
    return Beat(min(said, row.now), interval, by_metadata=True)


def later(row: Beat | None, said: Beat | None) -> Beat | None:
    """What a claim that beats both ways is judged by: its row, heard when it was last heard in either."""
    if row is None or said is None:
        return row or said
    return replace(row, beat_at=max(row.beat_at, said.beat_at))


def locked(
    claim: Claim,
    row: Row,
    beat: Beat | None,
    instances: Sequence[Row],
    suspect_since: float | None = None,
    seen_at: float | None = None,
) -> LockedJob:
    """Of read_jobs.sql, the beat, and read_instances.sql where there is none; the last two as a reading found them."""
    asked = moment(row.cancel_at)
    job = running_job_of(
        row,
        claim,
        beat,
        cancel_requested=asked is not None and asked >= row.claimed_at - CANCEL_SLACK,
        instances=tuple(Instance(one.beat_at, one.interval, one.started_at, one.beats_for_kind) for one in instances),
        suspect_since=suspect_since,
        seen_at=seen_at,
    )
    return LockedJob(
        job=job,
        now=row.now,
        scheduled_at=row.scheduled_at,
        errors=row.errors,
        has_metadata=row.has_metadata,
        rescue_count=row.rescue_count,
        retryable_keeps_key=row.retryable_keeps_key,
        led=row.led,
        fences=bool(row.fenced)
        and (beat.fences if beat is not None else bool(instances) and all(one.fences for one in instances)),
        fence_in_force=bool(row.fenced),
        last_rescue_at=row.last_rescue_at,
        chance=row.chance,
    )
