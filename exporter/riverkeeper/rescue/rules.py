"""What the supervisor goes by: the configuration, put together once for each reload."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from riverkeeper.brakes.heartbeat_path import patience
from riverkeeper.brakes.rules import Restraints
from riverkeeper.config.load import Config
from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import Action, Mode
from riverkeeper.rescue.decision import STOPPED_FIRST, Act
from riverkeeper.verdict.tiers import action_for
from riverkeeper.verdict.verdict import STUCK


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
        return self.policy.modes

    @property
    def expected(self) -> Iterator[tuple[str, str, str]]:
        """The (tier, reason, action) that policy can come to, so that their counters are there before the first act."""
        for tier in self.policy.tiers.values():
            for reason in STUCK:
                action = action_for(tier, reason)
                if action is Action.HOLD or self.modes[tier.name] is Mode.DISABLED:
                    continue
                acts = (Act.STOP, Act(action.value)) if reason in STOPPED_FIRST else (Act(action.value),)
                yield from ((tier.name, reason.value, act.value) for act in acts)

    @property
    def fingerprint(self) -> str:
        """Equal for replicas that would judge and act alike."""
        policy = self.policy
        sections = (policy.tiers, policy.assign, policy.learned_limits, policy.heartbeat, policy.rescue)
        return hashlib.sha256(repr((sections, self.max_age)).encode()).hexdigest()[:12]

    @property
    def is_live(self) -> bool:
        """Whether any tier is: budgets then count rescues, else dry runs."""
        return Mode.LIVE in self.modes.values()


def restraints_of(policy: Policy) -> Restraints:
    """The settings of the brakes."""
    rescue = policy.rescue
    return Restraints(
        rescue.cooldown,
        rescue.max_rescues,
        rescue.max_per_minute,
        rescue.max_share,
        rescue.mass_hold,
        rescue.grace,
        patience(rescue.interval, policy.tiers.values()),
    )


def rules_of(config: Config) -> Rules:
    """The rules of a checked configuration."""
    policy, rescue = config, config.rescue
    return Rules(
        policy,
        restraints_of(config),
        rescue.mode,
        rescue.supervisor,
        rescue.interval,
        rescue.batch,
        rescue.audit_retention,
        config.webhook.max_age,
    )
