"""The rules: every metric and label exists, no River is lost in an aggregation, and only what must wakes people."""

from __future__ import annotations

import json
import re

import promql_parser as promql

from alerts.promql import aggregations, exported, labels, nodes, recorded, selectors
from alerts.rulebook import ROOT, Rule, alerts, alerts_with_links, asked_by, records
from fixtures.offenders import for_each

PAGES = {  # the only alerts that may page; with them a person must act at once
    "RiverExporterDown", "RiverDatabaseUnreadable", "RiverLeaderMissing", "RiverWaitOverLimit", "RiverQueueFrozen",
    "RiverStuckNotRescued", "RiverBrakeHeld", "RiverLateFinishers",
}  # fmt: skip
WAKE = {"RiverWorkerLost", "RiverJobHung"}  # those whose reasons policy acts on by default
BOARDS = ROOT / "dashboards" / "json"
IDENTITY = {"job", "namespace", "cluster"}
ANNOTATIONS = {"summary", "description", "runbook_url"}

for_each_alert = for_each("alert", alerts(), lambda rule: rule.name)
for_each_rule = for_each("rule", [*records(), *alerts()], lambda rule: rule.name)


@for_each_rule
def test_every_metric_and_label_exists(rule: Rule) -> None:
    """Read from the catalogue or recorded here; vectors that are matched have the same labels, so they can match."""
    assert "job" in labels(rule.expr)


@for_each_rule
def test_no_river_is_lost_in_an_aggregation(rule: Rule) -> None:
    """`without`, never `by`: job, namespace and whatever else a scrape configuration adds stays on the result."""
    for node in aggregations(rule.expr):
        assert node.modifier is not None, str(node)
        assert node.modifier.type == promql.AggModifierType.Without, str(node)
        assert not IDENTITY & set(node.modifier.labels)


@for_each_rule
def test_no_replica_is_left(rule: Rule) -> None:
    """What two replicas say alike is said once."""
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
    """One prefix, CamelCase; critical only where the design says that people are woken."""
    assert re.fullmatch(r"River([A-Z][a-z]+)+", alert.name)
    pages = "critical" in alert.labels["severity"]
    assert pages is (alert.name in PAGES)


@for_each_alert
def test_what_may_act(alert: Rule) -> None:
    """`rescue: allow` on exactly those whose reasons policy acts on; at once, for the rescuer judges anew."""
    assert (alert.labels.get("rescue") == "allow") is (alert.name in WAKE)
    assert alert.name not in WAKE or alert.minutes == 0


@for_each_alert
def test_no_alert_names_a_job(alert: Rule) -> None:
    """Labels are scope, never a job: the table decides which jobs."""
    assert set(alert.labels) <= {"severity", "rescue"}
    assert not {"id", "job_id", "client_id", "error"} & labels(alert.expr)


@for_each_alert
def test_annotations(alert: Rule) -> None:
    """Summary, description and runbook; templates use labels that the alert has."""
    assert set(alert.annotations) == ANNOTATIONS
    assert alert.annotations["summary"].endswith(".")
    assert "{{" not in alert.annotations["summary"], "a summary is the same for a whole group"
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


@for_each_alert
def test_annotations_ask_for_what_exists(alert: Rule) -> None:
    """A value that an annotation asks Prometheus for is one of this River, and exists."""
    for expression in asked_by(alert.annotations["description"]):
        assert labels(expression) is not None
        for selector in selectors(expression):
            assert selector.name in {**exported(), **recorded()}
            assert {matcher.name for matcher in selector.matchers.matchers} >= IDENTITY


@for_each_rule
def test_a_scrape_that_fails_changes_nothing(rule: Rule) -> None:
    """Every exported metric is read over a range, which missing samples do not empty; or the alert is kept firing."""
    read = [selector.name for selector in selectors(rule.expr) if selector.name in exported()]
    over_a_range = [
        node.vector_selector.name or "" for node in nodes(rule.expr) if isinstance(node, promql.MatrixSelector)
    ]

    assert sorted(read) == sorted(over_a_range) or rule.name == "RiverStuckNotRescued"  # keep_firing_for
