"""Which tier is a job in? The first rule that matches says it; without one, River's priority. Pure."""

from __future__ import annotations

import fnmatch
import re
from functools import lru_cache

from riverkeeper.verdict.tiers import Assignment, Policy, Tier

STANDARD = "standard"
# River's own default is priority 1, its highest: who said nothing has 1, so 1 must not mean urgent.
# docs/decisions/0010-tiers-by-priority.md
BY_PRIORITY = {1: STANDARD, 2: STANDARD, 3: "patient", 4: "bulk"}


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


def matches(rule: Assignment, queue: str, kind: str, priority: int) -> bool:
    """Whether a rule holds for these jobs; what it does not name holds for all."""
    return (
        (rule.priority is None or rule.priority == priority)
        and (rule.queue is None or _glob(rule.queue).fullmatch(queue) is not None)
        and (rule.kind is None or _glob(rule.kind).fullmatch(kind) is not None)
    )


@lru_cache(maxsize=4096)  # a policy has far fewer globs
def _glob(text: str) -> re.Pattern[str]:
    """`*` is any text, `?` any one character, everything else itself, brackets too. Never backtracks across a `*`."""
    return re.compile(fnmatch.translate(text.replace("[", "[[]")))


def _tier(policy: Policy, name: str) -> Tier:
    return policy.tiers.get(name) or policy.tiers.get(STANDARD) or Tier(STANDARD)
