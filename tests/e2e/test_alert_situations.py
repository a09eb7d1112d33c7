"""Every alert in every situation of alerts/situations.py, in promtool."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from alerts.rulebook import ALERTS, alerts, document
from alerts.situations import River, rivers_by_length
from alerts.troubles import CASES, ELSEWHERE
from e2e.programs import promtool
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
def test_every_alert_does_what_it_must(release: str, tmp_path: Path) -> None:
    """Fires, keeps firing, ends or stays quiet, in every situation; the failure lists each that does not, and when."""
    rivers = list(rivers_by_length())
    checks = {
        (count_firing(rule, river.job), minute): (f"{river.job}: {rule}", fires)
        for together in rivers
        for river in together
        for rule, minute, fires in river.checks
    }
    failed = run(release, rivers, tmp_path / "situations.yml")

    offenders = [
        f"{what} at {minute}m: {'does not fire' if fires else 'fires'}"
        for (expression, minute), (what, fires) in checks.items()
        if (expression, minute) in failed
    ]
    assert not offenders, "\n".join(offenders)


def count_firing(rule: str, river: str) -> str:
    """How often the rule fires for this River."""
    alert, _, apart = rule.partition(" ")
    label = f', {LABEL.get(alert[-7:], "cause")}="{apart}"' if apart else ""
    return f'count(ALERTS{{alertname="{alert}"{label}, alertstate="firing", job="{river}"}})'


def run(release: str, rivers: list[list[River]], path: Path) -> set[tuple[str, int]]:
    """The checks that failed."""
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for river in together for name, values in river.series],
            "promql_expr_test": [
                {
                    "expr": count_firing(rule, river.job),
                    "eval_time": f"{minute}m",
                    "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
                }
                for river in together
                for rule, minute, fires in river.checks
            ],
        }
        for together in rivers
    ]
    rules = {"rule_files": [str(ALERTS / f"{name}.yml") for name in RULES], "group_eval_order": ORDER}
    path.write_text(yaml.safe_dump({**rules, "evaluation_interval": "1m", "tests": tests}))
    done = promtool(release, "test", "rules", path)
    output = done.stdout + done.stderr
    found = re.findall(r'expr: "(.*)", time: ([\dhms]+),', output)
    assert (done.returncode == 0) is (not found), output[-3000:]
    return {(expression.replace('\\"', '"'), minutes(time)) for expression, time in found}


def minutes(time: str) -> int:
    return sum(int(count) * {"h": 60, "m": 1, "s": 0}[unit] for count, unit in re.findall(r"(\d+)([hms])", time))
