"""Which metrics an expression reads, and which labels its result has; vectors that can never match are found."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import promql_parser as promql

from alerts.rulebook import alerts, records
from riverkeeper.metrics.catalogue import ACTS, OF_SNAPSHOT, PROCESS
from riverkeeper.metrics.family import Family, MetricType

TARGET = frozenset({"job", "instance", "pod"})  # what a scrape adds
ELSEWHERE = frozenset({"namespace", "cluster"})  # what some scrapes add: empty where they do not
FAMILIES: tuple[Family[Any], ...] = (*OF_SNAPSHOT, *ACTS, *PROCESS)


class Unknown(AssertionError):
    """A metric or a label that nobody exports, or vectors that can never match."""


@cache
def exported() -> dict[str, frozenset[str]]:
    """Every sample name of the catalogue, and its labels without those of the target."""
    samples: dict[str, frozenset[str]] = {}
    for family in FAMILIES:
        labels = frozenset(family.labels)
        if family.kind in {MetricType.HISTOGRAM, MetricType.AGES}:
            total = ("sum", "count") if family.kind is MetricType.HISTOGRAM else ("gsum", "gcount")
            samples[f"{family.name}_bucket"] = labels | {"le"}
            samples |= {f"{family.name}_{part}": labels for part in total}
        else:
            samples[family.name] = labels
    return samples | {"process_start_time_seconds": frozenset()}  # of the client library


@cache
def recorded() -> dict[str, frozenset[str]]:
    """Every recorded metric and its labels. Raises Unknown for one that reads what nobody exports or records."""
    found: dict[str, frozenset[str]] = {}
    for rule in records():
        own = {rule.name: _labels_of_level(rule.name)}  # a rule may carry on its own last value
        found[rule.name] = labels_of(promql.parse(rule.expr), own | found)
    return found


def _labels_of_level(name: str) -> frozenset[str]:
    """Which labels the name of a recorded metric promises, beside job."""
    return frozenset(name.partition(":")[0].split("_")) - {"river"} | {"job"}


def labels(expression: str) -> frozenset[str]:
    """Labels of the result, `job` among them where it is kept. Raises Unknown."""
    return labels_of(promql.parse(expression), recorded())


def labels_of(node: Any, known: dict[str, frozenset[str]]) -> frozenset[str]:
    match node:
        case promql.VectorSelector():
            return _selected(node, known)
        case promql.MatrixSelector():
            return labels_of(node.vector_selector, known)
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            return labels_of(node.expr, known)
        case promql.AggregateExpr():
            return _aggregated(node, known)
        case promql.BinaryExpr():
            return _combined(node, known)
        case promql.Call():
            return _called(node, known)
        case _:
            return frozenset()


def _labels_of_alerts(node: Any) -> frozenset[str]:
    """Of ALERTS, which Prometheus writes: the labels of the alerts that the selector names."""
    (name,) = (matcher for matcher in node.matchers.matchers if matcher.name == "alertname")
    named = [rule for rule in alerts() if re.fullmatch(name.value, rule.name)]
    if {rule.name for rule in named} != set(name.value.split("|")):
        raise Unknown(f"no alert has a name of {name.value}")
    labels = (labels_of(promql.parse(rule.expr), recorded()) | rule.labels.keys() for rule in named)
    return frozenset({"alertname", "alertstate"}).union(*labels)


def _selected(node: Any, known: dict[str, frozenset[str]]) -> frozenset[str]:
    if node.name == "ALERTS":
        found = _labels_of_alerts(node)
    elif node.name in known:
        found = known[node.name]
    elif node.name in exported():
        found = exported()[node.name] | TARGET
    else:
        raise Unknown(f"nobody exports or records {node.name}")
    for matcher in node.matchers.matchers:
        if matcher.name not in found | TARGET | ELSEWHERE:
            raise Unknown(f"{node.name} has no label {matcher.name}")
    return found


def _aggregated(node: Any, known: dict[str, frozenset[str]]) -> frozenset[str]:
    inner = labels_of(node.expr, known)
    if str(node.op) == "topk":  # picks series and leaves them as they are
        return inner
    named = frozenset(node.modifier.labels) if node.modifier else frozenset()
    if named - inner - ELSEWHERE:
        raise Unknown(f"{node} names labels that are not there: {sorted(named - inner)}")
    without = node.modifier and node.modifier.type == promql.AggModifierType.Without
    return inner - named if without else named & inner


def _combined(node: Any, known: dict[str, frozenset[str]]) -> frozenset[str]:
    left, right = labels_of(node.lhs, known), labels_of(node.rhs, known)
    if not left or not right:  # a number, or absent()
        return left or right
    matching = node.modifier.matching if node.modifier else None
    taken = _taken_over(node)
    named = frozenset(matching.labels) if matching else frozenset()
    if matching and matching.type == promql.LabelModifierType.Include:
        compared = left & named, right & named
    else:
        compared = left - named, right - named
    if str(node.op) != "or" and compared[0] != compared[1]:
        raise Unknown(f"{node} can never match: {sorted(compared[0] ^ compared[1])} is on one side only")
    if node.modifier and node.modifier.card == promql.VectorMatchCardinality.OneToMany:
        return right
    return left | taken


def _taken_over(node: Any) -> frozenset[str]:
    """The labels in the brackets of group_left."""
    found = re.search(r"group_left \(([^)]*)\)", str(node).partition(str(node.rhs))[0].rpartition(str(node.op))[2])
    return frozenset(found[1].split(", ")) - {""} if found else frozenset()


def _called(node: Any, known: dict[str, frozenset[str]]) -> frozenset[str]:
    inner: frozenset[str] = frozenset().union(*(labels_of(argument, known) for argument in node.args))
    if node.func.name in {"absent", "absent_over_time"}:
        return frozenset()
    if node.func.name == "label_replace":
        return inner | {node.args[1].val}
    return inner - {"le"} if node.func.name == "histogram_quantile" else inner


def nodes(expression: str) -> list[Any]:
    """Every part of an expression."""
    found: list[Any] = []

    def visit(node: Any) -> bool:
        found.append(node)
        return True

    promql.walk(promql.parse(expression), visit)
    return found


def selectors(expression: str) -> list[Any]:
    """Every vector selector of an expression."""
    return [node for node in nodes(expression) if isinstance(node, promql.VectorSelector)]


def aggregations(expression: str) -> list[Any]:
    return [node for node in nodes(expression) if isinstance(node, promql.AggregateExpr)]


def metric(series: str) -> str:
    """The name in a series as promtool's input writes it."""
    (selector,) = selectors(series)
    return str(selector.name)


def sources(expression: str) -> set[str]:
    """Exported metrics that an expression reads, through recorded ones too."""
    by_name = {rule.name: rule.expr for rule in records()}
    found: set[str] = set()
    for node in selectors(expression):
        inner = by_name.get(node.name)
        if inner is None:
            found |= {node.name} - {"ALERTS"}
        elif inner != expression:  # a rule may carry on its own last value
            found |= sources(inner)
    return found
