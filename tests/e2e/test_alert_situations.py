"""Every alert in every situation of alerts/situations.py, in promtool."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.rulebook import ALERTS, alerts, document
from alerts.situations import CASES, ELSEWHERE, SITUATIONS, Situation, job, series
from e2e.programs import tool
from riverkeeper.assets.alerting import RULES

LABEL = {"Burning": "burn"}  # the label that distinguishes rules, by the end of the alert's name; else cause
RELEASES = [pytest.param("prometheus-old/usr/bin", id="oldest"), pytest.param(".", id="newest")]
ORDER = [group["name"] for name in RULES for group in document(ALERTS / f"{name}.yml")["groups"]]


def test_every_rule_has_a_case() -> None:
    """Or a reason why its trouble is shown elsewhere."""
    keys = {alert.key for alert in alerts()}

    assert keys == {case.rule for case in CASES} | ELSEWHERE.keys()
    assert not {case.rule for case in CASES} & ELSEWHERE.keys()


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_every_alert_does_what_it_must(release: str, situation: Situation, tmp_path: Path) -> None:
    """Fires, keeps firing, ends or stays quiet; the failure lists each rule that does not, and when."""
    checks = {
        (count_firing(case.rule, job(case)), minute): (case.rule, fires)
        for case in CASES
        for minute, fires in situation.checks(case)
    }
    failed = run(release, situation, checks, tmp_path / "situation.yml")

    offenders = [
        f"{rule} at {minute}m: {'does not fire' if fires else 'fires'}"
        for (expression, minute), (rule, fires) in checks.items()
        if (expression, minute) in failed
    ]
    assert not offenders, "\n".join(offenders)


def count_firing(rule: str, river: str) -> str:
    """How often the rule fires for this River."""
    alert, _, apart = rule.partition(" ")
    label = f', {LABEL.get(alert[-7:], "cause")}="{apart}"' if apart else ""
    return f'count(ALERTS{{alertname="{alert}"{label}, alertstate="firing", job="{river}"}})'


def run(release: str, situation: Situation, checks: dict[tuple[str, int], Any], path: Path) -> set[tuple[str, int]]:
    """The checks that failed."""
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series(situation)],
        "promql_expr_test": [
            {
                "expr": expression,
                "eval_time": f"{minute}m",
                "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
            }
            for (expression, minute), (_, fires) in checks.items()
        ],
    }
    rules = {"rule_files": [str(ALERTS / f"{name}.yml") for name in RULES], "group_eval_order": ORDER}
    path.write_text(yaml.safe_dump({**rules, "evaluation_interval": "1m", "tests": [test]}))
    done = subprocess.run(
        [tool(f"{release}/promtool"), "test", "rules", path], check=False, capture_output=True, text=True
    )
    output = done.stdout + done.stderr
    found = re.findall(r'expr: "(.*)", time: ([\dhms]+),', output)
    assert (done.returncode == 0) is (not found), output[-3000:]
    return {(expression.replace('\\"', '"'), minutes(time)) for expression, time in found}


def minutes(time: str) -> int:
    return sum(int(count) * {"h": 60, "m": 1, "s": 0}[unit] for count, unit in re.findall(r"(\d+)([hms])", time))
