"""Heartbeats for workers in Python: the contract of clients/CONTRACT.md, for threads and for asyncio."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from riverkeeper.heartbeat.beat import Beat
from riverkeeper.heartbeat.claim import (
    Claim,
    ClaimLost,
    LeaseExpired,
    Outcome,
    Standing,
    StopRequested,
    Tier,
    WorkMustStop,
)
from riverkeeper.heartbeat.client import Beater
from riverkeeper.heartbeat.fence import TOKEN_KEY
from riverkeeper.heartbeat.verify_claim import Hold

__all__ = [
    "TOKEN_KEY",
    "Beat",
    "Beater",
    "Claim",
    "ClaimLost",
    "Hold",
    "LeaseExpired",
    "Outcome",
    "Standing",
    "StopRequested",
    "Tier",
    "WorkMustStop",
    "beating",
]


@contextmanager
def beating(
    url: str, client_id: str, job_id: int, attempt: int, attempted_at: str | datetime | None = None, **options: object
) -> Iterator[Beat]:
    """Beat for a program that works on one job and ends; `options` as of Beater."""
    with Beater(url, client_id, **options) as beater, beater.beating(job_id, attempt, attempted_at) as beat:  # type: ignore[arg-type]
        yield beat
