"""What a panel is: one value that says all of it, and its JSON as Grafana reads it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from string import ascii_uppercase

from riverkeeper.dashboards.field import CORNER, Json

DATA_SOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
OPTIONS_AS_OF = "11.0.0"  # the Grafana whose panel options these are; newer ones migrate them on load


class Form(StrEnum):
    """How a query is asked, and how its answer is laid out."""

    RANGE = "time_series"
    NOW = "instant"
    TABLE = "table"  # as of now: one row a series, one column a label
    HEATMAP = "heatmap"


@dataclass(frozen=True, slots=True)
class Query:
    """An expression with the name of its lines."""

    expr: str
    legend: str = ""
    form: Form = Form.RANGE

    def json(self, letter: str) -> Json:
        instant = self.form in {Form.NOW, Form.TABLE}
        return {
            "refId": letter,
            "datasource": DATA_SOURCE,
            "editorMode": "code",
            "expr": self.expr,
            "legendFormat": self.legend or "__auto",
            "format": Form.RANGE.value if self.form is Form.NOW else self.form.value,
            "instant": instant,
            "range": not instant,
        }


@dataclass(frozen=True, slots=True)
class Text:
    """What a tired person reads: what this is, what is normal, what to do next, and why there may be nothing."""

    shows: str
    normal: str
    next: str
    empty: str

    @property
    def description(self) -> str:
        return f"{self.shows}\n\n**Normal:** {self.normal}\n\n**Next:** {self.next}"


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel without its place; to add one, put one of these on a board."""

    title: str
    type: str
    text: Text
    queries: tuple[Query, ...]
    unit: str
    width: int  # of 24
    height: int  # 38 pixels each
    defaults: Json = field(default_factory=dict)
    overrides: Sequence[Json] = ()
    options: Json = field(default_factory=dict)
    links: Sequence[Json] = ()
    transformations: Sequence[Json] = ()

    def json(self, number: int, x: int, y: int) -> Json:
        unit = {} if self.unit == "none" and "mappings" in self.defaults else {"unit": self.unit}
        return {
            "id": number,
            "type": self.type,
            "title": self.title,
            "description": self.text.description,
            "datasource": DATA_SOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "fieldConfig": {
                "defaults": {**unit, "noValue": self.text.empty, **self.defaults},
                "overrides": list(self.overrides),
            },
            "options": self.options,
            "links": [CORNER | one for one in self.links],
            "targets": [one.json(letter) for letter, one in zip(ascii_uppercase, self.queries, strict=False)],
            "transformations": list(self.transformations),
            "pluginVersion": OPTIONS_AS_OF,
        }
