"""What the supervisor derives from the policy: the acts to expect, and a fingerprint for other replicas."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from riverkeeper.config.load import Config
from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import Action, Mode
from riverkeeper.rescue.decision import STOPPED_FIRST, Act
from riverkeeper.verdict.tiers import action_for
from riverkeeper.verdict.verdict import STUCK


@dataclass(frozen=True, slots=True)
class Rules:
    """The policy, and how old an alert may be that wakes the rescuer."""

    policy: Policy
    max_age: float  # seconds (webhook.max_age)

    @property
    def expected(self) -> Iterator[tuple[str, str, str]]:
        """The (tier, reason, action) that the policy can lead to, so that their counters exist before the first act."""
        for tier in self.policy.tiers.values():
            for reason in STUCK:
                action = action_for(tier, reason)
                if action is Action.HOLD or self.policy.modes[tier.name] is Mode.DISABLED:
                    continue
                acts = (Act.STOP, Act(action.value)) if reason in STOPPED_FIRST else (Act(action.value),)
                yield from ((tier.name, reason.value, act.value) for act in acts)

    @property
    def fingerprint(self) -> str:
        """Equal for replicas that judge and act alike."""
        policy = self.policy
        sections = (policy.tiers, policy.assign, policy.learned_limits, policy.heartbeat, policy.rescue)
        return hashlib.sha256(repr((sections, self.max_age)).encode()).hexdigest()[:12]


def rules_of(config: Config) -> Rules:
    """The rules of a configuration."""
    return Rules(config, config.webhook.max_age)
