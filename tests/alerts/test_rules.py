"""The rules: every metric and label exists, no River is lost in an aggregation, and only what must wakes people."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import promql_parser as promql

from alerts.promql import aggregations, exported, labels, nodes, recorded, selectors
from alerts.rulebook import ROOT, Rule, alerts, alerts_with_links, records
from fixtures.offenders import for_each

PAGES = {  # the only alerts that may page: users feel what they report, or will feel it if nobody acts
    "RiverNotWatched", "RiverNoWorkers", "RiverQueueNotMoving", "RiverSchedulingStopped", "RiverJobsStuck",
    "RiverWaitBudgetBurning", "RiverLossBudgetBurning",
}  # fmt: skip
FOR_NOBODY = {"RiverWatchdog", "RiverRescueWake"}
WAKE = {"RiverRescueWake"}
TELLS_APART = {"cause", "burn"}  # constant labels of rules that share the name of an alert
CONSTANT = {("RiverNotWatched", "never_scraped")}  # without data there is neither a label nor a number
# Memories, which carry their own last value on; and what says that nothing is scraped.
CARRIED_ON = {
    "river:river_last_scraped_timestamp_seconds:max", "river:river_last_beating_timestamp_seconds:max",
    "river:riverkeeper_last_webhook_timestamp_seconds:max", "river:river_scraped:max",
}  # fmt: skip
LEAST_BRIDGE = timedelta(minutes=10)
BOARDS = ROOT / "dashboards" / "json"
IDENTITY = {"job", "namespace", "cluster"}
ANNOTATIONS = {"summary", "description", "runbook_url"}

for_each_alert = for_each("alert", alerts(), lambda rule: rule.key)
for_each_rule = for_each("rule", [*records(), *alerts()], lambda rule: rule.key)


@for_each_rule
def test_every_metric_and_label_exists(rule: Rule) -> None:
    """Read from the catalogue or recorded here; vectors that are matched have the same labels, so they can match."""
    assert "job" in labels(rule.expr) or (rule.name, rule.labels["cause"]) in CONSTANT


@for_each_rule
def test_no_river_is_lost_in_an_aggregation(rule: Rule) -> None:
    """`without`, never `by`: job, namespace and whatever else a scrape configuration adds stays on the result."""
    if rule.labels.get("cause") == "replica_labels":  # it looks for labels that nobody has named
        return
    for node in aggregations(rule.expr):
        assert node.modifier is not None, str(node)
        assert node.modifier.type == promql.AggModifierType.Without, str(node)
        assert not IDENTITY & set(node.modifier.labels)


@for_each_rule
def test_no_replica_is_left(rule: Rule) -> None:
    """Two replicas with the same fact give one alert."""
    assert not {"instance", "pod"} & labels(rule.expr)


@for_each("rule", records(), lambda rule: rule.name)
def test_recorded_names(rule: Rule) -> None:
    """level:metric:operations, and the level is the labels that are left (`river`: none but the River's own)."""
    level, metric, operations = rule.name.split(":")
    left = recorded()[rule.name] - {"job"}

    assert level == ("river" if not left else "_".join(label for label in level.split("_") if label in left))
    assert set(level.split("_")) - {"river"} == left
    assert re.fullmatch(r"river(keeper)?_[a-z_]+", metric)
    assert re.fullmatch(r"(sum|max|min|ratio|rate\d+[mhd]|increase\d+[mhd]|p\d\d_\d+[mhd]|_)+", operations)


def test_recorded_names_are_unique() -> None:
    """One name, one meaning."""
    names = [rule.name for rule in records()]

    assert len(names) == len(set(names))


def test_what_is_an_act_of_one_process_is_summed() -> None:
    """Counters of riverkeeper_ are never taken as max: each replica counts its own acts."""
    for rule in (*records(), *alerts()):
        for node in aggregations(rule.expr):
            reads = {selector.name for selector in selectors(str(node.expr))}
            acts = {name for name in reads if name.startswith("riverkeeper_") and name.endswith("_total")}
            facts = {name for name in reads if name.startswith("river_") and name.endswith(("_total", "_bucket"))}
            assert not acts or str(node).startswith("sum "), rule.name
            assert not facts or str(node).startswith("max ") or "max without" in str(node.expr), rule.name


@for_each_alert
def test_names_and_severities(alert: Rule) -> None:
    """One prefix, CamelCase; critical only in the seven that page, none only where nobody is meant."""
    assert re.fullmatch(r"River(keeper)?([A-Z][a-z]+)+", alert.name)
    assert ("critical" in alert.labels["severity"]) is (alert.name in PAGES and alert.labels.get("burn") != "slow")
    assert (alert.labels["severity"] == "none") is (alert.name in FOR_NOBODY)


def test_seven_page() -> None:
    """No more: an operator must know each of them."""
    assert {alert.name for alert in alerts() if "critical" in alert.labels["severity"]} == PAGES
    assert len(PAGES) == 7


def test_rules_of_one_alert_differ_in_a_constant_label() -> None:
    """Else one of them would end the other."""
    keys = [alert.key for alert in alerts()]

    assert len(keys) == len(set(keys))


@for_each_alert
def test_what_may_act(alert: Rule) -> None:
    """`rescue: allow` on exactly those whose reasons policy acts on; at once, for the rescuer judges anew."""
    assert (alert.labels.get("rescue") == "allow") is (alert.name in WAKE)
    assert alert.name not in WAKE or alert.minutes == 0


@for_each_alert
def test_no_alert_names_a_job(alert: Rule) -> None:
    """Labels are scope, never a job: the table decides which jobs."""
    assert set(alert.labels) <= {"severity", "rescue"} | TELLS_APART
    assert not {"id", "job_id", "client_id", "error"} & labels(alert.expr)


@for_each_alert
def test_annotations(alert: Rule) -> None:
    """Summary, description and runbook; templates use labels that the alert has."""
    assert set(alert.annotations) == ANNOTATIONS
    assert alert.annotations["summary"].endswith(".")
    assert "{{ $labels.job }}" in alert.annotations["summary"] or (alert.name, alert.labels.get("cause")) in CONSTANT
    assert "query" not in re.findall(r"\|\s*(\w+)", " ".join(alert.annotations.values())), "slow, and refused by Thanos"
    assert alert.annotations["runbook_url"].endswith(f"/{alert.name}.md")
    used = set(re.findall(r"\$labels\.(\w+)", " ".join([*alert.annotations.values(), *alert.labels.values()])))
    assert used <= labels(alert.expr) | IDENTITY


@for_each("alert", alerts_with_links(), lambda rule: rule.name)
def test_the_dashboard_exists(alert: Rule) -> None:
    """The link names the id of a board, and variables that the board has; all links use labels that the alert has."""
    used = set(re.findall(r"\$labels\.(\w+)", " ".join(alert.annotations.values())))
    assert used <= labels(alert.expr) | IDENTITY
    boards = {board["uid"]: board for board in map(json.loads, (path.read_text() for path in BOARDS.glob("*.json")))}
    uid, _, query = alert.annotations["dashboard_url"].partition("/d/")[2].partition("?")
    variables = {f"var-{variable['name']}" for variable in boards[uid]["templating"]["list"]}

    assert {part.partition("=")[0] for part in query.split("&")} <= variables


@for_each_rule
def test_a_scrape_that_fails_changes_nothing(rule: Rule) -> None:
    """Every exported metric is read over a range too, which a gap of four minutes does not empty."""
    read = {selector.name for selector in selectors(rule.expr) if selector.name in exported()}
    ranges = [node for node in nodes(rule.expr) if isinstance(node, promql.MatrixSelector)]
    bridged = {node.vector_selector.name for node in ranges if node.range >= LEAST_BRIDGE or "rate(" in rule.expr}

    assert read <= bridged or rule.name in CARRIED_ON
