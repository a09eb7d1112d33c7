"""The alert rules in promtool, of the oldest and of the newest Prometheus we promise; and what pint reports of them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.rulebook import ALERTS, ROOT, scenario_files
from e2e.programs import tool
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
def test_two_rivers_stay_two(file: str, tmp_path: Path) -> None:
    """With the series of a second River beside them every alert fires once for each, by job or by namespace."""
    for name, change in (("job", _of_another_job), ("namespace", _of_another_namespace)):
        passes(promtool(NEWEST, "test", "rules", written(file, change, tmp_path / f"{name}.yml")))


@each_file
def test_two_replicas_say_it_once(file: str, tmp_path: Path) -> None:
    """With every fact exported by a second replica as well, nothing fires that did not, and nothing twice."""
    passes(promtool(NEWEST, "test", "rules", written(file, _reported_twice, tmp_path / "test.yml")))


def test_pint_has_nothing_to_say() -> None:
    """Neither a warning nor a hint; what is switched off has its reason in .pint.hcl."""
    done = subprocess.run(
        [tool("pint"), "--no-color", "--offline", "lint", *RULE_FILES],
        cwd=ROOT, check=False, capture_output=True, text=True,
    )  # fmt: skip
    findings = [line for line in (done.stdout + done.stderr).splitlines() if line and not line.startswith("level=INFO")]

    assert (done.returncode, findings) == (0, [])


def promtool(release: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """With fewer collections of garbage: at Go's default of 100 they take a fifth of its processor time."""
    return subprocess.run(
        [tool(f"{release}/promtool"), *map(str, arguments)],
        check=False, capture_output=True, text=True, env={**os.environ, "GOGC": "400"},
    )  # fmt: skip


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


def _of_another_job(scenario: Document) -> None:
    _doubled(scenario, ('job="orders"', 'job="parcels"'), {"job": "parcels"}, ("orders", "parcels"))


def _of_another_namespace(scenario: Document) -> None:
    _doubled(scenario, ('job="orders"', 'job="orders", namespace="north"'), {"namespace": "north"}, ("", ""))


def _doubled(scenario: Document, series: tuple[str, str], labels: dict[str, str], words: tuple[str, str]) -> None:
    """Every series of the River `orders` again as another's, and every alert of it."""
    given = scenario["input_series"]
    again = [
        {**sample, "series": sample["series"].replace(*series)} for sample in given if series[0] in sample["series"]
    ]
    scenario["input_series"] = [
        *given,
        *(sample for sample in again if sample["series"] not in {x["series"] for x in given}),
    ]
    for case in scenario.get("alert_rule_test", ()):
        for alert in deepcopy(case["exp_alerts"]):
            if "job" in alert["exp_labels"]:
                said = {name: text.replace(*words) for name, text in alert["exp_annotations"].items()}
                case["exp_alerts"].append({"exp_labels": alert["exp_labels"] | labels, "exp_annotations": said})
    for case in scenario.get("promql_expr_test", ()):
        case["exp_samples"] += [
            {**sample, "labels": sample["labels"].replace(*series)}
            for sample in case["exp_samples"]
            if sample["labels"].replace(*series) not in {other["labels"] for other in case["exp_samples"]}
        ]


def _reported_twice(scenario: Document) -> None:
    """Every series of replica a again by b, unless b has its own; what one process did, another does not tell."""
    given = {sample["series"] for sample in scenario["input_series"]}
    for sample in list(scenario["input_series"]):
        name = sample["series"].partition("{")[0]
        of_replica = sample["series"].replace('instance="a:9816"', 'instance="b:9816"')
        is_act = name.startswith("riverkeeper_") and name.endswith("_total")
        if of_replica not in given and not is_act:
            scenario["input_series"].append({**sample, "series": of_replica})
