"""All scenarios, from every file that has some."""

from __future__ import annotations

from conformance import checkpoints, claims, leases, outages, pods, progress, refusals, stacks, tokens
from conformance.scenarios import SCENARIOS, Level, Scenario, play

__all__ = [
    "SCENARIOS", "Level", "Scenario", "checkpoints", "claims", "leases", "outages", "play", "pods", "progress",
    "refusals", "stacks", "tokens",
]  # fmt: skip
