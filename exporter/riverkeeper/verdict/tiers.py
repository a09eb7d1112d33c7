"""The tier of a job, and what the policy does with its verdict. Pure.

The first rule of `assign` that matches a job names its tier; without one, River's priority does.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Collection
from functools import lru_cache

from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import BY_PRIORITY, STANDARD, Action, Assignment, Tier
from riverkeeper.verdict.verdict import Reason


def tier_of(policy: Policy, queue: str, kind: str, priority: int) -> Tier:
    """The tier of the jobs of a queue, kind and priority."""
    named = (rule.tier for rule in policy.assign if matches(rule, queue, kind, priority))
    return _tier(policy, next(named, None) or BY_PRIORITY.get(priority, STANDARD))


def wait_tier(policy: Policy, queue: str, priority: int) -> Tier:
    """The tier whose `max_wait` holds for a queue and priority: by the rules that name no kind.

    How long a kind has waited cannot be known without reading the whole queue; no index of River's has the kind.
    """
    named = (rule.tier for rule in policy.assign if rule.kind is None and matches(rule, queue, "", priority))
    return _tier(policy, next(named, None) or BY_PRIORITY.get(priority, STANDARD))


def action_for(tier: Tier, reason: Reason, *, beats: bool = True) -> Action:
    """What policy says about a reason; a suspicion is never acted on. `beats`: the worker has ever beaten."""
    return {
        Reason.WORKER_DEAD: tier.on_worker_dead or (Action.RETRY if beats else Action.HOLD),
        Reason.WORKER_LOST: tier.on_worker_lost,
        Reason.ABANDONED: tier.on_worker_lost,
        Reason.ORPHANED: tier.on_worker_lost,
        Reason.HUNG: tier.on_hung,
        Reason.OVER_BUDGET: tier.on_over_budget,
        Reason.RESCUE_LOOP: tier.on_rescue_loop,
    }.get(reason, Action.HOLD)


def matches(rule: Assignment, queue: str, kind: str, priority: int) -> bool:
    """Whether a rule holds for these jobs; what it does not name holds for all."""
    return (
        (rule.priority is None or rule.priority == priority)
        and (rule.queue is None or _glob(rule.queue).fullmatch(queue) is not None)
        and (rule.kind is None or _glob(rule.kind).fullmatch(kind) is not None)
    )


def find_unmatched_rules(policy: Policy, kinds: Collection[str]) -> list[str]:
    """A sentence for each rule that names a kind and matches none of these, which are all that are known."""
    return [
        f'No job of kind "{rule.kind}" is known, and assign[{index}] puts that kind into tier {rule.tier}. If it ran '
        "within the last hour, the name in the rule is wrong."
        for index, rule in enumerate(policy.assign)
        if rule.kind is not None and not any(_is_of(rule, kind) for kind in kinds)
    ]


def names_kind(policy: Policy, kind: str) -> bool:
    """Whether a rule of `assign` is about this kind, which may have no job yet."""
    return any(rule.kind is not None and _is_of(rule, kind) for rule in policy.assign)


def _is_of(rule: Assignment, kind: str) -> bool:
    return matches(Assignment(rule.tier, kind=rule.kind), "", kind, 0)


@lru_cache(maxsize=4096)  # a policy has far fewer globs
def _glob(text: str) -> re.Pattern[str]:
    """`*` is any text, `?` any one character, everything else itself, brackets too. Never backtracks across a `*`."""
    return re.compile(fnmatch.translate(text.replace("[", "[[]")))


def _tier(policy: Policy, name: str) -> Tier:
    return policy.tiers.get(name) or policy.tiers.get(STANDARD) or Tier(STANDARD)
