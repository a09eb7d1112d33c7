"""Tables of present values: columns are labels and values, joined by the labels that they share. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase

from riverkeeper.dashboards.parts.field import NEUTRAL, Json, named
from riverkeeper.dashboards.parts.panel import BY_THRESHOLD, Form, Panel, Query, Text

# Cells of a table: GAUGE is a bar from min to max, COLORED is text in the colour of its threshold or word.
GAUGE: Json = {"custom__cellOptions": {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}}
# Ten columns fit a screen of 1400 pixels; 150, the default, would hide the last.
PLAIN_CELLS: Json = {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False, "minWidth": 90}
COLORED: Json = {"custom__cellOptions": {"type": "color-text"}}


@dataclass(frozen=True, slots=True)
class Column:
    """A label's values where `label` is given, else an expression's."""

    name: str
    label: str = ""
    expr: str = ""
    unit: str = "short"
    width: int = 0  # pixels; 0 shares what is left
    links: Sequence[Json] = ()
    look: Json = field(default_factory=dict)  # further properties of the field, as `named` takes them

    def json(self) -> Json:
        # The panel's own text for "nothing" would stand in each empty cell.
        properties: Json = {"noValue": "–"} | ({} if self.label else {"unit": self.unit}) | self.look
        properties |= {"custom__width": self.width} if self.width else {}
        return named(self.name, **properties, **({"links": list(self.links)} if self.links else {}))


def table(
    title: str,
    text: Text,
    *columns: Column,
    width: int,
    height: int,
    sort: Mapping[str, bool],
    links: Sequence[Json] = (),
    without: Sequence[str] = (),
) -> Panel:
    """A table of present values, joined by their labels. `sort`: the columns to sort by, and whether descending.

    `without`: labels that keep rows apart and are not shown.
    """
    valued = [column for column in columns if column.expr]
    defaults: Json = {"color": BY_THRESHOLD, "thresholds": NEUTRAL, "custom": PLAIN_CELLS}
    options: Json = {
        "cellHeight": "sm",
        "frameIndex": 0,
        "showHeader": True,
        "sortBy": [{"displayName": name, "desc": greatest} for name, greatest in sort.items()],
    }
    joined = ({"id": "merge", "options": {}}, {"id": "organize", "options": _named(columns, valued, without)})
    queries = tuple(Query(column.expr) for column in valued)
    looks = [column.json() for column in columns]
    return Panel(
        title, "table", text, queries, "short", width, height, defaults, looks, options, links, joined, Form.TABLE
    )


def _named(columns: Sequence[Column], valued: Sequence[Column], without: Sequence[str]) -> Json:
    """Names and order for what the queries return: a column for each label, and one for each query's value."""
    letters = dict(zip((column.expr for column in valued), ascii_uppercase, strict=False))
    values = {expr: f"Value #{letter}" if len(valued) > 1 else "Value" for expr, letter in letters.items()}
    sources = [column.label or values[column.expr] for column in columns]
    return {
        "excludeByName": {"Time": True} | dict.fromkeys(without, True),
        "indexByName": {source: index for index, source in enumerate(sources)},
        "renameByName": {source: column.name for source, column in zip(sources, columns, strict=True)},
    }
