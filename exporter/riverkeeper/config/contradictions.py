"""What cannot be meant together, in sections that are each right by themselves: tiers, rules, limits, assets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError

from riverkeeper.config.assets import AssetSettings
from riverkeeper.config.option import Section
from riverkeeper.config.problem import KeyPath, quoted
from riverkeeper.config.quantity import DURATION
from riverkeeper.config.tiers import BY_PRIORITY, STANDARD, Assignment, LearnedLimits, Tier, complete, own_keys

AnySection = TypeVar("AnySection", bound=Section)


class Contradiction(NamedTuple):
    """Which key is to blame, what is wrong and what to write instead."""

    path: KeyPath
    what: str
    cure: str


def contradictions(tree: Mapping[str, object]) -> list[Contradiction]:
    """All of them in an unchecked tree. A section with a mistake of its own, told elsewhere, is passed over."""
    written = tree.get("tiers") or {}
    if not isinstance(written, dict) or len(_sections(written, Tier)) < len(written):
        return _of_learning(tree)  # what the others take from it, or mean by its name, is not known
    tiers: dict[str, Any] = {name: keys or {} for name, keys in written.items()}
    of_assets = _of_assets(tree.get("assets"), tiers)
    return [*_of_tiers(tiers), *_of_rules(tree.get("assign"), tiers), *_of_learning(tree), *of_assets]


def _of_tiers(given: Mapping[str, Any]) -> Iterator[Contradiction]:
    own = own_keys(given)
    for name, tier in complete(given).items():
        for keys, what, cure in _in_tier(tier):
            if name == STANDARD or set(keys) & own[name].keys():  # else it is standard's mistake, told there
                blamed = next((key for key in keys if key in own[name]), keys[0])
                yield Contradiction(("tiers", name, blamed), f"tier {name}: {what}", cure)


def _in_tier(tier: Tier) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """The keys involved, the first to blame; what is wrong; what to write."""
    timeout, progress = tier.heartbeat_timeout, tier.progress_timeout
    if progress is not None and progress < timeout:
        what = f"a progress_timeout of {_t(progress)} is under the heartbeat_timeout of {_t(timeout)}"
        cure = f"write {_t(timeout)} or more, else a job whose worker died is called hung first"
        yield ("progress_timeout", "heartbeat_timeout"), what, cure
    if tier.plain_fence < tier.fence:
        what = f"a plain_fence of {_t(tier.plain_fence)} is under the fence of {_t(tier.fence)}"
        yield ("plain_fence", "fence"), what, f"write plain_fence: {_t(tier.fence)} or more"


def _of_rules(written: object, given: Mapping[str, Any]) -> Iterator[Contradiction]:
    names = complete(given).keys()
    rules = _sections(written, Assignment)
    for_all: object = None
    for index, rule in rules.items():
        if rule.tier not in names:
            cure = f"write one of {', '.join(names)}, or add it to tiers"
            yield Contradiction(("assign", index, "tier"), f"{quoted(rule.tier)} is no tier", cure)
        if for_all is not None:
            what = f"never reached: rule {for_all} matches every job"
            yield Contradiction(("assign", index), what, "move the rule for everything to the end")
        elif (rule.kind, rule.queue, rule.priority) == (None, None, None):
            for_all = int(index) + 1
    yield from _unheard_waits(rules, given)


def _unheard_waits(rules: dict[str | int, Assignment], given: Mapping[str, Any]) -> Iterator[Contradiction]:
    """A `max_wait` that was written for a tier which only rules with a kind give: no queue would ever have it."""
    heard = {rule.tier for rule in rules.values() if rule.kind is None} | set(BY_PRIORITY.values())
    for name, index in {rule.tier: index for index, rule in reversed(rules.items())}.items():
        said = "max_wait" in given.get(name, {})
        if said and name not in heard and complete(given)[name].max_wait != _unsaid(given, name).max_wait:
            what = f"tier {name} is given by kind only (assign[{index}]), and waits are not known by kind"
            cure = f"remove it, or assign {name} to a queue or a priority as well"
            yield Contradiction(("tiers", name, "max_wait"), what, cure)


def _unsaid(given: Mapping[str, Any], name: str) -> Tier:
    """A tier without what the file says of it."""
    tiers = complete({other: tier for other, tier in given.items() if other != name})
    return tiers.get(name, tiers[STANDARD])


def _of_learning(tree: Mapping[str, object]) -> list[Contradiction]:
    learning = _sections({"learned_limits": tree.get("learned_limits")}, LearnedLimits).get("learned_limits")
    if learning is None or learning.floor <= learning.ceiling:
        return []
    blamed = "floor" if "floor" in _dict(tree.get("learned_limits")) else "ceiling"
    what = f"the floor of {_t(learning.floor)} is above the ceiling of {_t(learning.ceiling)}"
    return [Contradiction(("learned_limits", blamed), what, "lower the floor, or raise the ceiling")]


def _of_assets(written: object, given: Mapping[str, Any]) -> Iterator[Contradiction]:
    assets = _sections({"assets": written}, AssetSettings).get("assets", AssetSettings())
    names = complete(given).keys()
    for key, tiers in (("page_tiers", assets.page_tiers), ("quiet_tiers", assets.quiet_tiers)):
        for index, name in enumerate(tiers):
            if name not in names:
                cure = f"write one of {', '.join(names)}, or add it to tiers"
                yield Contradiction(("assets", key, index), f"{quoted(name)} is no tier", cure)
            elif key == "quiet_tiers" and name in assets.page_tiers:
                yield Contradiction(
                    ("assets", key, index), f"tier {name} is in page_tiers as well", "remove one of the two"
                )


def _sections(written: object, kind: type[AnySection]) -> dict[str | int, AnySection]:
    """The entries of a mapping or list that are right by themselves."""
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
