"""What a policy says of kinds that nobody has seen: a name misspelt there protects nothing. Pure."""

from __future__ import annotations

from collections.abc import Collection

from riverkeeper.verdict.assign import matches
from riverkeeper.verdict.tiers import Assignment, Policy


def unmatched(policy: Policy, kinds: Collection[str]) -> list[str]:
    """A sentence for each rule that names a kind and matches none of these, which are all that are known."""
    return [
        f'No job is known of kind "{rule.kind}", which rule {number} of assign gives tier {rule.tier}: if it has run '
        "within the hour, its name is another."
        for number, rule in enumerate(policy.assign, start=1)
        if rule.kind is not None and not any(_is_of(rule, kind) for kind in kinds)
    ]


def _is_of(rule: Assignment, kind: str) -> bool:
    return matches(Assignment(rule.tier, kind=rule.kind), "", kind, 0)
