"""A block of work in a thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from riverkeeper.heartbeat.beat import Beat
from riverkeeper.heartbeat.claim import ClaimLost, Outcome, Tier

if TYPE_CHECKING:
    from riverkeeper.heartbeat.client import Beater


@contextmanager
def beating_in_thread(
    beater: Beater, job_id: int, attempt: int, attempted_at: str | datetime | None, tier: Tier | None
) -> Iterator[Beat]:
    beat = beater.begin(beater.claim(job_id, attempt, attempted_at), tier)
    try:
        yield beat
    except Exception as error:
        if not beater.finish(beat, Outcome.FAILED):
            raise lost(beat) from error
        raise
    except BaseException:  # the process is told to end: no result
        beater.abandon(beat)
        raise
    if not beater.finish(beat, Outcome.COMPLETED):
        raise lost(beat)


def lost(beat: Beat) -> ClaimLost:
    return ClaimLost(f"job {beat.claim.job_id} is no longer ours: its result must not be written")
