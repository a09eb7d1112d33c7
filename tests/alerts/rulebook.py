"""The committed rules, their tests and their runbooks, as the guards look at them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from riverkeeper.assets.alerting import RULES, alerting_files
from riverkeeper.config.assets import AssetSettings

ROOT = Path(__file__).resolve().parents[2]
ALERTS = ROOT / "alerts"
RUNBOOKS = ROOT / "docs" / "runbooks"


@dataclass(frozen=True)
class Rule:
    """One rule of a file; `name` is the alert's or the recorded metric's."""

    file: str
    name: str
    expr: str
    minutes: float  # `for`
    labels: dict[str, str]
    annotations: dict[str, str]

    @property
    def key(self) -> str:
        """The name, and what distinguishes rules of one alert."""
        return _key(self.name, self.labels)


@dataclass(frozen=True)
class Case:
    """What one test expects of one alert at one moment."""

    alert: str
    minute: float
    fires: bool
    keys: frozenset[str]  # of the rules that fire, as in Rule


@dataclass(frozen=True)
class Scenario:
    """One group of a promtool test file: its input, and what it expects of alerts."""

    file: str
    name: str
    series: tuple[str, ...]
    cases: tuple[Case, ...]


def read_yaml(text: str) -> Any:
    """What is in it, by libyaml: every test process reads all scenarios, which takes ten times as long in Python."""
    return yaml.load(text, yaml.CSafeLoader)


def _key(alert: str, labels: dict[str, str]) -> str:
    return " ".join([alert, *(labels[name] for name in ("cause", "burn") if name in labels)])


def _keys(case: dict[str, Any]) -> frozenset[str]:
    return frozenset(_key(case["alertname"], expected["exp_labels"]) for expected in case["exp_alerts"])


def _minutes(duration: str) -> float:
    parts = re.findall(r"(\d+)([dhms])", duration)
    return sum(int(count) * {"d": 1440, "h": 60, "m": 1, "s": 1 / 60}[unit] for count, unit in parts)


def _committed(name: str) -> str:
    return (ALERTS / f"{name}.yml").read_text(encoding="utf-8")


def _rules(kind: str, text_of: Callable[[str], str] = _committed) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            name,
            rule[kind],
            rule["expr"],
            _minutes(rule.get("for", "0s")),
            rule.get("labels", {}),
            rule.get("annotations", {}),
        )
        for name in RULES
        for group in read_yaml(text_of(name))["groups"]
        for rule in group["rules"]
        if kind in rule
    )


@cache
def alerts() -> tuple[Rule, ...]:
    return _rules("alert")


@cache
def alerts_with_links() -> tuple[Rule, ...]:
    """As `riverkeeper assets` writes them where the addresses are set; the committed ones link to runbooks alone."""
    files = alerting_files(AssetSettings(keeper_url="https://keeper.example", grafana_url="https://grafana.example"))
    return _rules("alert", lambda name: files[f"alerts/{name}.yml"])


@cache
def records() -> tuple[Rule, ...]:
    return _rules("record")


def scenario_files() -> list[Path]:
    return sorted((ALERTS / "tests").glob("*.yml"))


@cache
def document(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = read_yaml(path.read_text())
    return loaded


@cache
def scenarios() -> tuple[Scenario, ...]:
    return tuple(
        Scenario(
            path.name,
            test["name"],
            tuple(series["series"] for series in test["input_series"]),
            tuple(
                Case(case["alertname"], _minutes(case["eval_time"]), bool(case["exp_alerts"]), _keys(case))
                for case in test.get("alert_rule_test", ())
            ),
        )
        for path in scenario_files()
        for test in document(path)["tests"]
    )


def queries_of(markdown: str) -> list[str]:
    """The PromQL of a document: its fenced `promql` blocks, one expression each."""
    return [block.strip() for block in re.findall(r"```promql\n(.*?)```", markdown, re.DOTALL)]
