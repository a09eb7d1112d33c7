"""The rules of grafana/dashboard-linter 0.2.0 for Prometheus; the tool itself cannot be installed as a Go module.

Four have exceptions, whose reasons stand in dashboards/.lint.
"""

from __future__ import annotations

import re
from typing import Any

import promql_parser

from dashboards.boards import (
    FILES,
    FOLDER,
    BoardQuery,
    board,
    label_queries,
    nodes,
    panels,
    parsed,
    queries_of,
    selectors,
    variables,
)
from fixtures.offenders import for_each
from riverkeeper.dashboards.parts.panel import DATA_SOURCE
from riverkeeper.dashboards.parts.scope import RIVER_LABELS

FLEET = "fleet.json"  # of all Rivers; each other board is of one
for_each_board = for_each("file", FILES)
for_each_river_board = for_each("file", [file for file in FILES if file != FLEET])
OF_PROMETHEUS = ("ALERTS", "ALERTS_FOR_STATE")  # its own series, without an instance, often without a job
RATES = ("rate", "irate", "increase")


@for_each_board
def test_template_datasource(file: str) -> None:
    """The first variable is the data source."""
    first = board(file)["templating"]["list"][0]

    assert (first["name"], first["label"], first["type"], first["query"]) == (
        "datasource", "Data source", "datasource", "prometheus",
    )  # fmt: skip


@for_each_river_board
def test_template_job(file: str) -> None:
    """One River at a time: the labels that name it take one value each, and none of them has an "All"."""
    for name in (*RIVER_LABELS, "job", "database", "river"):
        variable = variables(file)[name]

        assert (variable["type"], variable["multi"], variable["includeAll"]) == ("query", False, False), name
        assert "allValue" not in variable, name


@for_each_river_board
def test_template_instance(file: str) -> None:
    """Several instances, chosen by the River they read; all is the list itself, for `.+` would be every River."""
    instance = variables(file)["instance"]

    assert (instance["label"], instance["type"], instance["multi"]) == ("Instance", "query", True)
    assert "allValue" not in instance
    assert "river_schema=" in instance["query"]["query"]


@for_each_board
def test_template_label_promql_and_datasource(file: str) -> None:
    """Queries of variables are label_values() of a selector that parses, from the chosen data source."""
    for variable, selector, label in label_queries(file):
        assert label.isidentifier()
        assert selectors(selector)
        assert variable["datasource"] == DATA_SOURCE


@for_each_board
def test_template_on_time_change_reload(file: str) -> None:
    """Variables are queried again when the time range changes."""
    assert {variable["refresh"] for variable, _, _ in label_queries(file)} == {2}


@for_each_board
def test_panel_datasource(file: str) -> None:
    """Panels, targets and annotations ask the chosen data source."""
    sources = [panel["datasource"] for panel in panels(file)]
    sources += [target["datasource"] for panel in panels(file) for target in panel["targets"]]
    sources += [
        annotation["datasource"] for annotation in board(file)["annotations"]["list"] if not annotation.get("builtIn")
    ]

    assert all(source == DATA_SOURCE for source in sources)


@for_each_board
def test_panel_title_description(file: str) -> None:
    """Every panel has a title and describes what is normal, what to do next, and why it may be empty."""
    for panel in panels(file):
        assert panel["title"]
        assert "**Normal:** " in panel["description"], panel["title"]
        assert "**Next:** " in panel["description"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["noValue"], panel["title"]


@for_each_board
def test_panel_units(file: str) -> None:
    """Every panel has a unit, or words for its values."""
    for panel in panels(file):
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults.get("unit") or defaults.get("mappings"), panel["title"]


@for_each_board
def test_panel_no_targets(file: str) -> None:
    """Every panel asks something."""
    assert [panel["title"] for panel in panels(file) if not panel["targets"]] == []


def every() -> list[BoardQuery]:
    return [query for file in FILES for query in queries_of(file)]


def test_target_promql() -> None:
    """Every expression parses."""
    assert all(parsed(query.expr) for query in every())


def test_target_rate_interval() -> None:
    """A rate is over $__rate_interval, so that it has samples at any zoom; counts of a table over the time shown."""
    for query in every():
        for function in (*RATES, "deriv"):
            for part in query.expr.split(f"{function}(")[1:]:
                window = part.partition("[")[2].partition("]")[0]
                if ": annotation " in query.place:  # there Grafana computes the variable by another step
                    assert window == "2m", query.place
                    continue
                assert window in {"$__rate_interval", "$__range"}, query.place
                assert window == "$__rate_interval" or function == "increase", query.place


def matchers(selector: Any) -> dict[str, str]:
    return {matcher.name: str(matcher.op) + matcher.value for matcher in selector.matchers.matchers}


def test_target_job_and_instance() -> None:
    """Every selector of a family is of the chosen River, by equality; the fleet board has filters."""
    for file in FILES:
        for query in queries_of(file):
            marked = query.expr.replace('="$', '="CHOSEN-').replace('=~"$', '=~"AMONG-')
            for selector in selectors(marked):
                if selector.name not in OF_PROMETHEUS:
                    assert expected(file, selector.name).items() <= matchers(selector).items(), query.place


def expected(file: str, name: str) -> dict[str, str]:
    """Recorded series, with a colon in their name, are of all replicas together."""
    if file == FLEET:
        return {name: f"MatchOp.ReAMONG-{name}" for name in RIVER_LABELS}
    chosen = {name: f"MatchOp.EqualCHOSEN-{name}" for name in (*RIVER_LABELS, "job")}
    return chosen if ":" in name else chosen | {"instance": "MatchOp.ReAMONG-instance"}


def test_target_counter_agg() -> None:
    """Every counter stands directly inside a rate, and only counters do: a rate of a gauge means nothing.

    New series of a counter stand beside the increase of the others, only in exactly this form.
    """
    for query in every():
        expression = re.sub(
            r"(\w+_total\{[^}]*\}) unless \1 offset (\$__\w+) or (?=increase\(\1\[\2\]\))", "", query.expr
        )
        rated = [node.args[0].vector_selector.name for node in nodes(parsed(expression)) if is_rate(node)]
        counters = [selector.name for selector in selectors(expression) if is_counter(selector.name)]
        assert sorted(rated) == sorted(counters), query.place


def is_rate(node: Any) -> bool:
    return isinstance(node, promql_parser.Call) and node.func.name in RATES


def is_counter(name: str) -> bool:
    """Buckets too, but not those of ages, which fall."""
    return name.endswith("_total") or (name.endswith("_bucket") and "_age_" not in name)


@for_each_board
def test_uneditable_dashboard(file: str) -> None:
    """What is provisioned is changed in the code."""
    assert board(file)["editable"] is False


def test_exceptions_are_written_down() -> None:
    """Who runs the real linter finds our exceptions, with reasons."""
    written = (FOLDER.parent / ".lint").read_text(encoding="utf-8")

    for rule in (
        "template-job-rule",
        "template-instance-rule",
        "target-job-rule",
        "target-instance-rule",
        "target-counter-agg-rule",
    ):
        assert f"\n  {rule}:\n    reason: " in written
