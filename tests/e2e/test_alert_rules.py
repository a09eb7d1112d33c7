"""The alert rules in promtool, of the oldest and of the newest Prometheus we promise; and what pint reports of them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.rulebook import ALERTS, ROOT, scenario_files
from e2e.programs import promtool, run_gently, tool
from riverkeeper.assets.alerting import RULES
from riverkeeper.assets.render import render
from riverkeeper.config.assets import AssetSettings

Document = dict[str, Any]
NEWEST = "."
RELEASES = [pytest.param("prometheus-old/usr/bin", id="oldest"), pytest.param(NEWEST, id="newest")]
FILES = [path.name for path in scenario_files()]
RULE_FILES = [ALERTS / f"{name}.yml" for name in RULES]

each_release = pytest.mark.parametrize("release", RELEASES)
each_file = pytest.mark.parametrize("file", FILES)


@each_release
def test_rules_load(release: str) -> None:
    """Every file, with the strictest of promtool's own lints."""
    passes(promtool(release, "check", "rules", "--lint=all", "--lint-fatal", *RULE_FILES))


@each_release
def test_rendered_rules_load(release: str, tmp_path: Path) -> None:
    """Also with every setting changed."""
    settings = AssetSettings.from_tree(
        {
            "selector": 'job="orders", namespace=~"a|b"',
            "replica_labels": ["instance"],
            "page_tiers": [],
            "quiet_tiers": [],
            "keeper_url": "https://keeper.example/x",
        }
    )
    paths = [tmp_path / f"{name}.yml" for name in RULES]
    for path in paths:
        path.write_text(render(settings)[f"alerts/{path.name}"])

    passes(promtool(release, "check", "rules", "--lint=all", "--lint-fatal", *paths))


@each_release
@each_file
def test_scenarios(release: str, file: str) -> None:
    """Each alert fires when it should, and only then."""
    passes(promtool(release, "test", "rules", ALERTS / "tests" / file))


@each_file
def test_rivers_stay_apart_and_replicas_together(file: str, tmp_path: Path) -> None:
    """With two more Rivers each alert fires once for each: one of another namespace, one of another job.

    The one of another job has two replicas that export every fact: nothing fires that did not, and nothing twice. All
    in one run, because promtool takes its time for each rule, however many series there are.
    """
    passes(promtool(NEWEST, "test", "rules", written(file, _with_other_rivers, tmp_path / "test.yml")))


def test_pint_has_nothing_to_say() -> None:
    """Neither a warning nor a hint; what is switched off has its reason in .pint.hcl."""
    done = run_gently(tool("pint"), "--no-color", "--offline", "lint", *RULE_FILES, folder=ROOT)
    findings = [line for line in (done.stdout + done.stderr).splitlines() if line and not line.startswith("level=INFO")]

    assert (done.returncode, findings) == (0, [])


def passes(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]


def written(file: str, change: Callable[[Document], None], path: Path) -> Path:
    """A test file with each of its scenarios changed."""
    document: Document = yaml.safe_load((ALERTS / "tests" / file).read_text())
    document["rule_files"] = [str(rules) for rules in RULE_FILES]
    for scenario in document["tests"]:
        change(scenario)
    path.write_text(yaml.safe_dump(document, allow_unicode=True))
    return path


def _with_other_rivers(scenario: Document) -> None:
    _double(scenario, ('job="orders"', 'job="orders", namespace="north"'), {"namespace": "north"}, ("", ""))
    _double(scenario, ('job="orders"', 'job="parcels"'), {"job": "parcels"}, ("orders", "parcels"))
    _export_twice(scenario, 'job="parcels"')


def _double(scenario: Document, series: tuple[str, str], labels: dict[str, str], words: tuple[str, str]) -> None:
    """Every series of the River `orders` again as another's, and every alert of it."""
    given = scenario["input_series"]
    names = {sample["series"] for sample in given}
    again = [{**sample, "series": sample["series"].replace(*series)} for sample in given if _is_first(sample["series"])]
    scenario["input_series"] = [*given, *(sample for sample in again if sample["series"] not in names)]
    for case in scenario.get("alert_rule_test", ()):
        for alert in deepcopy(case["exp_alerts"]):
            if "job" in alert["exp_labels"] and "namespace" not in alert["exp_labels"]:
                said = {name: text.replace(*words) for name, text in alert["exp_annotations"].items()}
                case["exp_alerts"].append({"exp_labels": alert["exp_labels"] | labels, "exp_annotations": said})
    for case in scenario.get("promql_expr_test", ()):
        case["exp_samples"] += [
            {**sample, "labels": sample["labels"].replace(*series)}
            for sample in case["exp_samples"]
            if _is_first(sample["labels"])
            and sample["labels"].replace(*series) not in {other["labels"] for other in case["exp_samples"]}
        ]


def _is_first(labels: str) -> bool:
    """Whether they are of the River that the scenario is about."""
    return 'job="orders"' in labels and 'namespace="north"' not in labels


def _export_twice(scenario: Document, river: str) -> None:
    """Every series of its replica a again by b, unless b has its own; what one process did, another did not."""
    given = {sample["series"] for sample in scenario["input_series"]}
    for sample in list(scenario["input_series"]):
        name = sample["series"].partition("{")[0]
        of_replica = sample["series"].replace('instance="a:9816"', 'instance="b:9816"')
        is_act = name.startswith("riverkeeper_") and name.endswith("_total")
        if river in sample["series"] and of_replica not in given and not is_act:
            scenario["input_series"].append({**sample, "series": of_replica})
