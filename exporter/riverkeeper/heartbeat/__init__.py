"""Heartbeats for workers in Python: the contract of clients/CONTRACT.md, for threads and for asyncio."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from riverkeeper.heartbeat.active_claims import ActiveClaim
from riverkeeper.heartbeat.checkpoints import NoCheckpoints, TransactionCheckpoint
from riverkeeper.heartbeat.claim import (
    TOKEN_KEY,
    Claim,
    ClaimLost,
    ClaimStatus,
    HeartbeatTier,
    LeaseExpired,
    Outcome,
    StopRequested,
    WorkMustStop,
)
from riverkeeper.heartbeat.client import Beater
from riverkeeper.heartbeat.fence import ClaimVerification

__all__ = [
    "TOKEN_KEY",
    "ActiveClaim",
    "Beater",
    "Claim",
    "ClaimLost",
    "ClaimStatus",
    "ClaimVerification",
    "HeartbeatTier",
    "LeaseExpired",
    "NoCheckpoints",
    "Outcome",
    "StopRequested",
    "TransactionCheckpoint",
    "WorkMustStop",
    "beating",
]


@contextmanager
def beating(
    url: str, client_id: str, job_id: int, attempt: int, attempted_at: str | datetime | None = None, **options: object
) -> Iterator[ActiveClaim]:
    """Beat for a program that works on one job and ends; `options` are those of Beater."""
    with (
        Beater(url, client_id, **options) as beater,  # type: ignore[arg-type]
        beater.beating(job_id, attempt, attempted_at) as active,
    ):
        yield active
