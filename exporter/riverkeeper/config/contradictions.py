"""Finds values that contradict each other in sections that are valid by themselves: tiers, rules, limits, assets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError

from riverkeeper.config.assets import AssetSettings
from riverkeeper.config.option import Section
from riverkeeper.config.problem import KeyPath, quote
from riverkeeper.config.quantity import DURATION
from riverkeeper.config.tiers import (
    BY_PRIORITY,
    STANDARD,
    Assignment,
    LearnedLimits,
    Tier,
    complete_tiers,
    keys_by_tier,
)

AnySection = TypeVar("AnySection", bound=Section)


class Contradiction(NamedTuple):
    """The key to blame, what is wrong, and what to write instead."""

    path: KeyPath
    message: str
    fix: str


def find_contradictions(tree: Mapping[str, object]) -> list[Contradiction]:
    """All contradictions of an unchecked tree. A section with a mistake of its own is skipped: `load` reports that."""
    written = tree.get("tiers") or {}
    if not isinstance(written, dict) or len(_sections(written, Tier)) < len(written):
        return _of_learning(tree)  # the other sections refer to its values and names
    tiers: dict[str, Any] = {name: keys or {} for name, keys in written.items()}
    of_assets = _of_assets(tree.get("assets"), tiers)
    return [*_of_tiers(tiers), *_of_rules(tree.get("assign"), tiers), *_of_learning(tree), *of_assets]


def _of_tiers(given: Mapping[str, Any]) -> Iterator[Contradiction]:
    own = keys_by_tier(given)
    for name, tier in complete_tiers(given).items():
        for keys, message, fix in _in_tier(tier):
            if name == STANDARD or set(keys) & own[name].keys():  # else `standard` is to blame, and reported
                blamed = next((key for key in keys if key in own[name]), keys[0])
                yield Contradiction(("tiers", name, blamed), f"tier {name}: {message}", fix)


def _in_tier(tier: Tier) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """The keys involved, the first to blame; what is wrong; what to write."""
    timeout, progress = tier.heartbeat_timeout, tier.progress_timeout
    if progress is not None and progress < timeout:
        message = f"a progress_timeout of {_t(progress)} is under the heartbeat_timeout of {_t(timeout)}"
        fix = f"write {_t(timeout)} or more, else a job whose worker died counts as hung first"
        yield ("progress_timeout", "heartbeat_timeout"), message, fix
    if tier.plain_fence < tier.fence:
        message = f"a plain_fence of {_t(tier.plain_fence)} is under the fence of {_t(tier.fence)}"
        yield ("plain_fence", "fence"), message, f"write plain_fence: {_t(tier.fence)} or more"


def _of_rules(written: object, given: Mapping[str, Any]) -> Iterator[Contradiction]:
    names = complete_tiers(given).keys()
    rules = _sections(written, Assignment)
    for_all: object = None
    for index, rule in rules.items():
        if rule.tier not in names:
            fix = f"write one of {', '.join(names)}, or add it to tiers"
            yield Contradiction(("assign", index, "tier"), f"{quote(rule.tier)} is not a tier", fix)
        if for_all is not None:
            message = f"never used: assign[{for_all}] matches every job"
            yield Contradiction(("assign", index), message, "move that rule to the end")
        elif (rule.kind, rule.queue, rule.priority) == (None, None, None):
            for_all = index
    yield from _unused_waits(rules, given)


def _unused_waits(rules: dict[str | int, Assignment], given: Mapping[str, Any]) -> Iterator[Contradiction]:
    """Each `max_wait` of the file for a tier that only rules with a kind give: it would apply to no queue."""
    by_queue = {rule.tier for rule in rules.values() if rule.kind is None} | set(BY_PRIORITY.values())
    for name, index in {rule.tier: index for index, rule in reversed(rules.items())}.items():
        is_written = "max_wait" in given.get(name, {})
        if (
            is_written
            and name not in by_queue
            and complete_tiers(given)[name].max_wait != _tier_without_file(given, name).max_wait
        ):
            message = f"tier {name} is assigned by kind only (assign[{index}]), and waits are not known by kind"
            fix = f"remove it, or add a rule that gives {name} to a queue or a priority"
            yield Contradiction(("tiers", name, "max_wait"), message, fix)


def _tier_without_file(given: Mapping[str, Any], name: str) -> Tier:
    """The tier as it would be if the file did not name it."""
    tiers = complete_tiers({other: tier for other, tier in given.items() if other != name})
    return tiers.get(name, tiers[STANDARD])


def _of_learning(tree: Mapping[str, object]) -> list[Contradiction]:
    learning = _sections({"learned_limits": tree.get("learned_limits")}, LearnedLimits).get("learned_limits")
    if learning is None or learning.floor <= learning.ceiling:
        return []
    blamed = "floor" if "floor" in _dict(tree.get("learned_limits")) else "ceiling"
    message = f"the floor of {_t(learning.floor)} is above the ceiling of {_t(learning.ceiling)}"
    return [Contradiction(("learned_limits", blamed), message, "lower the floor, or raise the ceiling")]


def _of_assets(written: object, given: Mapping[str, Any]) -> Iterator[Contradiction]:
    assets = _sections({"assets": written}, AssetSettings).get("assets", AssetSettings())
    names = complete_tiers(given).keys()
    lists = {"page_tiers": assets.page_tiers, "quiet_tiers": assets.quiet_tiers}
    maps = {"wait_objectives": assets.wait_objectives or {}, "loss_objectives": assets.loss_objectives or {}}
    places: list[tuple[str, str | int, str]] = [
        (key, index, name) for key, tiers in lists.items() for index, name in enumerate(tiers)
    ]
    places += [(key, name, name) for key, shares in maps.items() for name in shares]
    for key, place, name in places:
        if name not in names:
            fix = f"write one of {', '.join(names)}, or add it to tiers"
            yield Contradiction(("assets", key, place), f"{quote(name)} is not a tier", fix)
        elif key == "quiet_tiers" and name in assets.page_tiers:
            yield Contradiction(
                ("assets", key, place), f"tier {name} is in page_tiers as well", "remove one of the two"
            )


def _sections(written: object, kind: type[AnySection]) -> dict[str | int, AnySection]:
    """The valid entries of a mapping or list."""
    entries = written.items() if isinstance(written, dict) else enumerate(written if isinstance(written, list) else ())
    found = {}
    for key, entry in entries:
        try:
            found[key] = kind.from_tree(entry)
        except ValidationError:
            continue
    return found


def _dict(tree: object) -> dict[str, object]:
    return tree if isinstance(tree, dict) else {}


def _t(seconds: float) -> str:
    return DURATION.format(seconds)
