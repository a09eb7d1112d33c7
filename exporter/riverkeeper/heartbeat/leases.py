"""Leases: their clock, and the thread that ends them. Not part of the ticker, whose statement may outlast a lease.

The rescuer measures its own leases with the same clock.
"""

from __future__ import annotations

import threading
import time

from riverkeeper.heartbeat.active_claims import ActiveClaim, ActiveClaims
from riverkeeper.heartbeat.claim import LeaseExpired

_RUNS_THROUGH_SUSPEND = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # Linux; elsewhere the next best


def lease_clock() -> float:
    """Seconds on a clock that runs through suspend, where the system has one; nobody can set this clock."""
    return time.clock_gettime(_RUNS_THROUGH_SUSPEND)


MAX_WAIT_SECONDS = 1.0  # between two checks: a wait does not advance while the machine sleeps


class LeaseWatcher:
    """Runs after `closing` is set until the last claim's work has returned."""

    def __init__(self, claims: ActiveClaims, closing: threading.Event) -> None:
        self._claims = claims
        self._closing = closing
        self._wake = threading.Event()

    def wake(self) -> None:
        """A lease has begun, or the process closes."""
        self._wake.set()

    def run(self) -> None:
        while not (self._closing.is_set() and self._claims.is_finished()):
            self._wake.clear()  # before the check: a lease that begins during the check wakes the wait
            self._wake.wait(self._expire(lease_clock()))

    def _expire(self, now: float) -> float:
        """Stop work whose lease is over; seconds until the next lease can end."""
        next_end = MAX_WAIT_SECONDS
        for active in self._claims.list_active():
            if active.tier.lease is not None and active.reason is None:
                next_end = min(next_end, _seconds_left(active, active.tier.lease, now))
        return max(0.0, next_end)


def _seconds_left(active: ActiveClaim, lease: float, now: float) -> float:
    left = active.last_beat_at + lease - now
    if left > 0:
        return left
    active.stop(LeaseExpired(f"no beat of job {active.claim.job_id} succeeded for {lease:g} s"))
    return MAX_WAIT_SECONDS
