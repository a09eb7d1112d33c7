"""What the supervisor goes by: the configuration, put together once for each reload."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from riverkeeper.config.load import Config
from riverkeeper.config.policy import policy_of
from riverkeeper.verdict.brakes import Restraints
from riverkeeper.verdict.tiers import Policy
from riverkeeper.verdict.words import Mode, stricter


@dataclass(frozen=True, slots=True)
class Rules:
    """Durations in seconds."""

    policy: Policy
    restraints: Restraints
    mode: Mode  # the global one
    supervisor: bool
    interval: float
    batch: int
    audit_retention: float
    max_age: float  # of a wake

    @property
    def modes(self) -> dict[str, Mode]:
        """The mode in force, by tier."""
        return {name: stricter(self.mode, tier.mode) for name, tier in self.policy.tiers.items()}

    @property
    def fingerprint(self) -> str:
        """Equal for replicas that would judge and act alike."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:12]

    @property
    def is_live(self) -> bool:
        """Whether any tier is: budgets then count rescues, else dry runs."""
        return Mode.LIVE in self.modes.values()


def rules_of(config: Config) -> Rules:
    """The rules of a checked configuration."""
    policy, rescue = policy_of(config), config.rescue
    return Rules(
        policy,
        rescue.restraints(policy.tiers.values()),
        rescue.mode,
        rescue.supervisor,
        rescue.interval,
        rescue.batch,
        rescue.audit_retention,
        config.webhook.max_age,
    )
