"""The committed dashboards, as their tests look at them: files, panels, expressions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser

Json = dict[str, Any]

FOLDER = Path(__file__).resolve().parents[2] / "dashboards" / "json"
FILES = sorted(path.name for path in FOLDER.glob("*.json"))

# What Grafana puts in the place of its own variables, for a parser and for a server that was started a moment ago.
BUILT_IN = {"__rate_interval": "20s", "__interval": "5s", "__range": "1m"}


@cache
def board(file: str) -> Json:
    loaded: Json = json.loads((FOLDER / file).read_text(encoding="utf-8"))
    return loaded


def rows(file: str) -> list[Json]:
    """Panels at the top level, headings among them."""
    listed: list[Json] = board(file)["panels"]
    return listed


def panels(file: str) -> list[Json]:
    """Every panel that shows something, those of collapsed rows included."""
    return [
        panel
        for row in rows(file)
        for panel in (row["panels"] if row["type"] == "row" else [row])
    ]  # fmt: skip


def variables(file: str) -> dict[str, Json]:
    return {variable["name"]: variable for variable in board(file)["templating"]["list"]}


def label_queries(file: str) -> list[tuple[Json, str, str]]:
    """Variables whose values are of a label, each with its selector and label: label_values(selector, label)."""
    found = []
    for variable in variables(file).values():
        if variable["type"] == "query":
            inside = variable["query"]["query"].removeprefix("label_values(").removesuffix(")")
            selector, _, label = inside.rpartition(", ")
            found.append((variable, selector, label))
    return found


@dataclass(frozen=True, slots=True)
class BoardQuery:
    """One expression, where it stands, and the names that its legend takes from the labels."""

    place: str
    expr: str
    instant: bool = True
    legend: str = ""

    def filled(self, **values: str) -> str:
        """Without Grafana's variables: each that is not given matches everything."""
        return filled(self.expr, **values)


def queries_of(file: str) -> list[BoardQuery]:
    """Expressions of all panels and annotations of a board."""
    of_panels = [
        BoardQuery(
            f"{file}: {panel['title']}: {target['refId']}", target["expr"], target["instant"], target["legendFormat"]
        )
        for panel in panels(file)
        for target in panel["targets"]
    ]
    marks = [BoardQuery(f"{file}: annotation {annotation['name']}", annotation["expr"], instant=False)
             for annotation in board(file)["annotations"]["list"] if "expr" in annotation]  # fmt: skip
    return of_panels + marks


def filled(text: str, **values: str) -> str:
    known = BUILT_IN | values
    text = re.sub(r'="\$(\w+)"', lambda match: match[0] if match[1] in values else f'=~"${match[1]}"', text)
    return re.sub(r"\$\{?(\w+)(?::\w+)?\}?", lambda match: known.get(match[1], ".*"), text)


def children(expression: Any) -> list[Any]:
    """The parts of a node of a parsed expression."""
    parts = [getattr(expression, name, None) for name in ("lhs", "rhs", "expr", "param", "vector_selector")]
    return [part for part in (*parts, *(getattr(expression, "args", None) or ())) if part is not None]


def nodes(expression: Any) -> Iterator[Any]:
    """Every node of a parsed expression, from the outside in."""
    yield expression
    for child in children(expression):
        yield from nodes(child)


def parsed(expression: str) -> Any:
    return promql_parser.parse(filled(expression))


def selectors(expression: str) -> list[Any]:
    return [node for node in nodes(parsed(expression)) if isinstance(node, promql_parser.VectorSelector)]
