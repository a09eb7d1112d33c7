"""promtool passes tests that test nothing: these guards see that each alert is tested, and with series that exist."""

from __future__ import annotations

import re
from pathlib import Path

from alerts.promql import exported, metric, selectors, sources
from alerts.rulebook import ALERTS, ROOT, Rule, Scenario, alerts, document, records, scenario_files, scenarios
from fixtures.offenders import for_each
from riverkeeper.assets.alerting import RULES

for_each_alert = for_each("alert", alerts(), lambda rule: rule.key)
for_each_scenario = for_each("scenario", scenarios(), lambda scenario: scenario.name)
for_each_file = for_each("path", scenario_files(), lambda path: path.name)
RECORDED = re.compile(r"\b[a-z_]+:[a-z_]+:[a-z0-9_]+")
OPTIONAL = {"kind"}  # empty for `wait`, and an empty label is no label


@for_each_alert
def test_fires_and_not_a_minute_before(alert: Rule) -> None:
    """In one and the same scenario, which bears the alert's name."""
    minutes = [
        (scenario.name, case.minute, alert.key in case.keys)
        for scenario in scenarios()
        if scenario.name.startswith(f"{alert.name} fires ")
        for case in scenario.cases
        if case.alert == alert.name
    ]

    assert any(fires and (name, minute - 1, False) in minutes for name, minute, fires in minutes)


@for_each_alert
def test_near_miss(alert: Rule) -> None:
    """Something that looks like it, made of the metrics that the alert reads: it does not fire."""
    near = [scenario for scenario in scenarios() if scenario.name.startswith(f"{alert.name} near miss: ")]

    assert near
    for scenario in near:
        assert scenario.cases
        assert not any(case.fires for case in scenario.cases)
        assert {case.alert for case in scenario.cases} == {alert.name}
    read = {metric(series) for scenario in near for series in scenario.series}
    assert read & sources(alert.expr) or "absent" in alert.expr


@for_each_scenario
def test_series_are_those_that_riverkeeper_exports(scenario: Scenario) -> None:
    """With exactly the labels of the catalogue: an alert that fires here can fire."""
    for series in scenario.series:
        (selector,) = selectors(series)
        given = {matcher.name for matcher in selector.matchers.matchers} - {"job", "instance", "pod", "node"}
        assert selector.name in exported(), series
        assert given | OPTIONAL == exported()[selector.name] | OPTIONAL, series


@for_each_file
def test_expected_links_are_the_alerts_own(path: Path) -> None:
    """An address that was changed, or a dashboard's id, is seen without promtool."""
    own = {alert.name: alert.annotations for alert in alerts()}
    for test in document(path)["tests"]:
        for case in test.get("alert_rule_test", ()):
            for expected in case["exp_alerts"]:
                said, meant = expected["exp_annotations"], own[case["alertname"]]
                assert said.keys() == meant.keys(), test["name"]
                for name in ("runbook_url", "dashboard_url", "jobs_url"):
                    assert said.get(name, "").partition("?")[0] == meant.get(name, "").partition("?")[0], test["name"]


@for_each_scenario
def test_names_are_of_alerts_that_exist(scenario: Scenario) -> None:
    """An unknown alert never fires, and promtool is content with that."""
    known = {rule.name for rule in alerts()}

    assert {case.alert for case in scenario.cases} <= known
    assert scenario.file == "recording.yml" or scenario.name.split()[0] in known


@for_each_file
def test_rule_files_are_all_loaded(path: Path) -> None:
    """A pattern that matches nothing is only a warning of promtool."""
    loaded = {(path.parent / name).resolve() for name in document(path)["rule_files"]}

    assert loaded == {ALERTS / f"{name}.yml" for name in RULES}
    assert document(path)["tests"]


@for_each_file
def test_groups_are_evaluated_in_order(path: Path) -> None:
    """What is recorded comes first; promtool's own order is by chance."""
    order = document(path)["group_eval_order"]
    groups = [group["name"] for name in RULES for group in document(ALERTS / f"{name}.yml")["groups"]]

    assert order == groups


def test_every_recorded_metric_is_used() -> None:
    """By an alert, a board, or a query that a document gives to users; or by a recorded metric that is."""
    by_name = {rule.name: rule.expr for rule in records()}
    documents = [path for folder in ("docs", "alerts", "dashboards") for path in (ROOT / folder).rglob("*.md")]
    boards = (ROOT / "dashboards" / "json").glob("*.json")
    readers = [rule.expr for rule in alerts()] + [path.read_text(encoding="utf-8") for path in (*documents, *boards)]
    used: set[str] = set()
    while readers:
        found = set(RECORDED.findall(readers.pop())) & by_name.keys() - used
        used |= found
        readers += [by_name[name] for name in found]

    assert by_name.keys() - used == set()


def test_what_no_alert_reads_is_tested() -> None:
    """Nothing else would notice that it is wrong."""
    read = {node.name for rule in (*alerts(), *records()) for node in selectors(rule.expr)}
    tested = {
        name
        for path in scenario_files()
        for test in document(path)["tests"]
        for case in test.get("promql_expr_test", ())
        for name in RECORDED.findall(case["expr"])
    }

    assert {rule.name for rule in records()} - read - tested == set()
