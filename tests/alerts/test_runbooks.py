"""Each alert has a page for the person it wakes."""

from __future__ import annotations

import re
import shlex

import click

from alerts.promql import aggregations, exported, recorded, selectors
from alerts.rulebook import RUNBOOKS, Rule, alerts, queries_of
from fixtures.offenders import for_each
from riverkeeper.cli import main

SECTIONS = ["What it means", "What to look at", "What to do", "When to silence", "How it could be wrong"]
for_each_alert = for_each("alert", alerts(), lambda rule: rule.name)


def page(alert: Rule) -> str:
    return (RUNBOOKS / f"{alert.name}.md").read_text()


def section(text: str, title: str) -> str:
    return text.partition(f"## {title}\n")[2].partition("\n## ")[0].strip()


@for_each_alert
def test_every_alert_has_its_page(alert: Rule) -> None:
    """Five sections, in this order, none empty."""
    text = page(alert)

    assert text.startswith(f"# {alert.name}\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
    assert all(len(section(text, title)) > 25 for title in SECTIONS)


@for_each_alert
def test_what_to_look_at_are_queries_that_work(alert: Rule) -> None:
    """Every metric is exported or recorded, every label in a matcher exists."""
    known = exported() | recorded()
    queries = queries_of(section(page(alert), "What to look at"))

    assert queries
    for query in queries:
        for selector in selectors(query):
            assert selector.name in {*known, "up", "ALERTS"}, query
            names = {matcher.name for matcher in selector.matchers.matchers}
            assert names <= known.get(selector.name, frozenset()) | {"job", "instance", "pod", "alertname"}, query


@for_each_alert
def test_queries_mix_no_rivers(alert: Rule) -> None:
    """Also in a hurry two Rivers stay two: an aggregation says `without`, or keeps `job`."""
    for query in queries_of(page(alert)):
        for node in aggregations(query):
            assert "without" in str(node.modifier) or "job" in node.modifier.labels, query


@for_each_alert
def test_metrics_in_the_text_exist(alert: Rule) -> None:
    """Also those that are named outside a query."""
    named = re.findall(r"`((?:[a-z_]+:)?river(?:keeper)?_[a-z0-9_:]+)", page(alert))
    tables = {"river_job", "river_queue", "river_leader", "river_migration"}

    assert set(named) <= exported().keys() | recorded().keys() | tables


@for_each_alert
def test_commands_exist(alert: Rule) -> None:
    """Every line that begins with `riverkeeper` is a command of this version, with options it has."""
    for line in re.findall(r"^riverkeeper (.*)$", page(alert), re.MULTILINE):
        words = [word.replace("JOB_ID", "1") for word in shlex.split(line)]
        command: click.Command = main
        while isinstance(command, click.Group):
            command = command.commands[words.pop(0)]
        command.make_context("riverkeeper", words)  # raises for an option or an argument it does not take


def test_no_page_without_an_alert() -> None:
    """An alert that was removed takes its page with it."""
    assert {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"} == {rule.name for rule in alerts()}
