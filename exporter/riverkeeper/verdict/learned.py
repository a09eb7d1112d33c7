"""What the completed runs of a kind teach about its limit; the ledger learns it (ledger/learned_limits.py). Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Learned:
    """What history knows of a kind."""

    samples: int  # of the whole window, censored runs among them
    quantile: float  # which one: 0.99
    seconds: float  # its value, inf where it lies among the runs that are censored
    window: float  # the span whose quantile is the larger, seconds
    censored: int = 0
