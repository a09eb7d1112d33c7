"""docs/runbooks/README.md: every alert in the order of triage."""

from __future__ import annotations

import re
from typing import Any

import yaml

from riverkeeper.assets.alerting import RULES, alerting_files
from riverkeeper.config.assets import AssetSettings

Rule = dict[str, Any]
_HEAD = """# Runbooks

<!-- Written by `make generate` from exporter/riverkeeper/assets/alerts. Do not edit. -->

One page for each alert: what it means, what to look at, what to do, when to silence, how it could be wrong. In the
order of triage: while an alert of the first group fires, those below it cannot be believed. Only critical ones page.
"""
_TITLES = {
    "watcher": "Is anybody watching?",
    "river": "Does River itself move?",
    "jobs": "What happens to jobs?",
    "rescuer": "Does the rescuer do what it should, and only that?",
}


def runbooks_markdown() -> str:
    """The whole document."""
    files = alerting_files(AssetSettings())
    parts = [_HEAD]
    for name in RULES:
        rows = [_row(rule) for group in _groups(files[f"alerts/{name}.yml"]) for rule in group if "alert" in rule]
        if rows:
            parts += [f"\n## {_TITLES[name]}\n\n| alert | severity | after | |\n|---|---|---|---|\n", *rows]
    return "".join(parts)


def _groups(text: str) -> list[list[Rule]]:
    return [group["rules"] for group in yaml.safe_load(text)["groups"]]


def _row(rule: Rule) -> str:
    labels, annotations = rule["labels"], rule["annotations"]
    wakes = " Wakes the rescuer." if labels.get("rescue") == "allow" else ""
    levels = re.findall(r"\b(critical|warning|info|none)\b", labels["severity"])
    by_tier = " by tier" if len(levels) > 1 else ""
    level = " or ".join([", ".join(levels[:-1]), levels[-1]] if levels[:-1] else levels)
    name = rule["alert"]
    after = rule.get("for", "at once")
    return f"| [{name}]({name}.md) | {level}{by_tier} | {after} | {annotations['summary']}{wakes} |\n"
