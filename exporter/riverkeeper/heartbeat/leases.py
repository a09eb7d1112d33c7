"""The thread that ends leases. Apart from the ticks: one of them may hang for as long as a lease takes to end."""

from __future__ import annotations

import threading

from riverkeeper.heartbeat.active_claims import Roster
from riverkeeper.heartbeat.beat import Beat
from riverkeeper.heartbeat.claim import LeaseExpired
from riverkeeper.heartbeat.clock import lease_clock

GLANCE_SECONDS = 1.0  # at most between two looks: a wait stands still while the machine sleeps


class Leases:
    """Goes on after `closing` is set until the last claim's work has returned."""

    def __init__(self, roster: Roster, closing: threading.Event) -> None:
        self._roster = roster
        self._closing = closing
        self._wake = threading.Event()

    def wake(self) -> None:
        """A lease has begun, or it is time to close."""
        self._wake.set()

    def run(self) -> None:
        while not (self._closing.is_set() and self._roster.is_finished()):
            self._wake.clear()  # before the look: what begins during it wakes the wait
            self._wake.wait(self._expire(lease_clock()))

    def _expire(self, now: float) -> float:
        """Stop what was not heard for its lease; seconds until the next lease can end."""
        next_end = GLANCE_SECONDS
        for beat in self._roster.at_work():
            if beat.tier.lease is not None and beat.reason is None:
                next_end = min(next_end, _left(beat, beat.tier.lease, now))
        return max(0.0, next_end)


def _left(beat: Beat, lease: float, now: float) -> float:
    left = beat.heard_at + lease - now
    if left > 0:
        return left
    beat.stop(LeaseExpired(f"no beat of job {beat.claim.job_id} was heard for {lease:g} s"))
    return GLANCE_SECONDS
