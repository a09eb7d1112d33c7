"""The configuration as verdicts need it."""

from __future__ import annotations

from riverkeeper.config.model import Settings
from riverkeeper.config.tiers import TierOptions
from riverkeeper.verdict.tiers import Assignment, Learning, Policy, Tier
from riverkeeper.verdict.words import Action, Mode


def policy_of(config: Settings) -> Policy:
    """Tiers, rules and limits of a checked configuration."""
    learned = config.learned_limits
    return Policy(
        tiers={name: tier(name, options) for name, options in config.tiers.items()},
        assign=tuple(Assignment(rule.tier, rule.kind, rule.queue, rule.priority) for rule in config.assign),
        learning=Learning(
            enabled=learned.enabled,
            quantile=learned.quantile,
            factor=learned.factor,
            floor=learned.floor,
            ceiling=learned.ceiling,
            min_samples=learned.min_samples,
            window=learned.window,
        ),
        metadata_interval=config.heartbeat.metadata_interval,
        max_rescues=config.rescue.max_rescues,
    )


def tier(name: str, options: TierOptions) -> Tier:
    """One tier; the sections' keys and the fields of Tier have the same names."""
    values = dict(options)
    actions = {key: Action(value) for key, value in values.items() if key.startswith("on_")}
    mode = None if options.mode is None else Mode(options.mode)
    return Tier(name, **{**values, **actions, "mode": mode})
