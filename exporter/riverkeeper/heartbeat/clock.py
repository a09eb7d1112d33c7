"""The clock of leases. In a module of its own, because the rescuer measures its leases with the same clock."""

from __future__ import annotations

import time

_RUNS_THROUGH_SUSPEND = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # Linux; elsewhere the next best


def lease_clock() -> float:
    """Seconds on a clock that runs through suspend, where the system has one; nobody can set this clock."""
    return time.clock_gettime(_RUNS_THROUGH_SUSPEND)
