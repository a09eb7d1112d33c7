"""A panel: one value with all of its parts, the forms that the boards use, and its JSON as Grafana reads it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from string import ascii_uppercase

from riverkeeper.dashboards.parts.field import CORNER, NEUTRAL, Json

DATA_SOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
OPTIONS_AS_OF = "11.0.0"  # the Grafana whose panel options these are; newer ones migrate them on load


class Form(StrEnum):
    """How the queries of a panel run, and the layout of their answers."""

    RANGE = "time_series"
    NOW = "instant"  # a number of now is never the last one of a range, which may be hours old
    TABLE = "table"  # as of now: one row a series, one column a label
    HEATMAP = "heatmap"


@dataclass(frozen=True, slots=True)
class Query:
    """An expression with the name of its lines."""

    expr: str
    legend: str = ""

    def json(self, letter: str, form: Form) -> Json:
        instant = form in {Form.NOW, Form.TABLE}
        return {
            "refId": letter,
            "datasource": DATA_SOURCE,
            "editorMode": "code",
            "expr": self.expr,
            "legendFormat": self.legend or "__auto",
            "format": Form.RANGE.value if form is Form.NOW else form.value,
            "instant": instant,
            "range": not instant,
        }


@dataclass(frozen=True, slots=True)
class Text:
    """The text of a panel: what it shows, what is normal, what to do next, and why it may be empty."""

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
    form: Form = Form.RANGE

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
            "links": [CORNER | each for each in self.links],
            "targets": [
                query.json(letter, self.form) for letter, query in zip(ascii_uppercase, self.queries, strict=False)
            ],
            "transformations": list(self.transformations),
            "pluginVersion": OPTIONS_AS_OF,
        }


LAST = {"calcs": ["lastNotNull"], "fields": "", "values": False}
HIDE_NOTHING = {"legend": False, "tooltip": False, "viz": False}
BY_THRESHOLD = {"mode": "thresholds"}
# Of lines by queue, kind or River: the order in which Grafana takes its own colours; they mean nothing. By name it
# takes colours that are too near to each other.
IN_ORDER = {"mode": "palette-classic"}


def stat(
    title: str,
    text: Text,
    *queries: Query,
    unit: str,
    width: int,
    height: int = 4,
    thresholds: Json = NEUTRAL,
    mappings: Sequence[Json] = (),
    overrides: Sequence[Json] = (),
    links: Sequence[Json] = (),
    named_values: bool = False,
    decimals: int | None = None,
    size: int = 0,
) -> Panel:
    """Numbers to be read across a room. `size`: of all values, in pixels, where a long word would shrink the others."""
    defaults: Json = {"color": BY_THRESHOLD, "thresholds": thresholds, "links": list(links)}
    defaults |= {"mappings": list(mappings)} if mappings else {}
    defaults |= {} if decimals is None else {"decimals": decimals}
    options: Json = {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "percentChangeColorMode": "standard",
        "reduceOptions": LAST,
        "showPercentChange": False,
        "textMode": "value_and_name" if named_values else "value",
        "wideLayout": not named_values,
    }
    options |= {"text": {"titleSize": 13, "valueSize": size}} if size else {}
    return Panel(title, "stat", text, queries, unit, width, height, defaults, overrides, options, form=Form.NOW)


LEGEND: Json = {
    "displayMode": "table",
    "placement": "bottom",
    "showLegend": True,
    "calcs": ["lastNotNull", "max"],
    "sortBy": "Last *",
    "sortDesc": True,
}
# Ticks of a logarithmic axis of seconds, which Grafana would write as 1.67 mins, 16.7 mins, 2.78 hours, 1.16 days.
TICKS: list[Json] = [
    {"type": "value", "options": {str(seconds): {"text": text, "index": index}}}
    for index, (seconds, text) in enumerate({100: "100 s", 1000: "17 min", 10_000: "2.8 h", 100_000: "28 h"}.items())
]


def timeseries(
    title: str,
    text: Text,
    *queries: Query,
    unit: str,
    width: int = 12,
    height: int = 9,
    stacked: bool = False,
    bars: bool = False,
    fill: int = 10,
    overrides: Sequence[Json] = (),
    links: Sequence[Json] = (),
    at_least: float | None = 0,
    at_most: float | None = None,
    shown_to: float | None = None,
    in_order: bool = False,
    logarithmic: bool = False,
    thresholds: Json = NEUTRAL,
    threshold_lines: bool = False,
    decimals: int | None = None,
) -> Panel:
    """Lines, areas or bars over time; zero is on the axis unless `at_least` changes that.

    A logarithmic axis shows a limit of minutes beside values of milliseconds. `shown_to`: the axis reaches so far at
    least, so that a limit is in sight and small values look small. The legend lists what is highest first,
    with its last and its highest value: colours alone do not tell ten queues apart. `in_order`: as the queries stand,
    where limits would come before what they limit.
    """
    custom = _drawn(bars=bars, stacked=stacked, fill=fill, logarithmic=logarithmic)
    custom |= {"thresholdsStyle": {"mode": "dashed" if threshold_lines else "off"}}
    custom |= {} if shown_to is None else {"axisSoftMax": shown_to}
    defaults: Json = {"color": IN_ORDER, "thresholds": thresholds, "custom": custom}
    bounds = {"min": None if logarithmic else at_least, "max": at_most, "decimals": decimals}
    defaults |= {"links": list(links)} | {name: value for name, value in bounds.items() if value is not None}
    defaults |= {"mappings": TICKS} if logarithmic else {}
    legend = {**LEGEND, "sortBy": "", "sortDesc": False} if in_order else LEGEND
    options: Json = {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
    return Panel(title, "timeseries", text, queries, unit, width, height, defaults, overrides, options)


def _drawn(*, bars: bool, stacked: bool, fill: int, logarithmic: bool) -> Json:
    return {
        "drawStyle": "bars" if bars else "line",
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "fillOpacity": 70 if bars else 30 if stacked else fill,
        "gradientMode": "none",
        "showPoints": "auto",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "axisPlacement": "auto",
        "scaleDistribution": {"type": "log", "log": 10} if logarithmic else {"type": "linear"},
        "hideFrom": HIDE_NOTHING,
    }


def timeline(title: str, text: Text, *queries: Query, mappings: Sequence[Json], width: int, height: int) -> Panel:
    """States over time, one line for each series."""
    custom: Json = {"fillOpacity": 80, "lineWidth": 0, "hideFrom": HIDE_NOTHING}
    defaults: Json = {"color": BY_THRESHOLD, "thresholds": NEUTRAL, "mappings": list(mappings), "custom": custom}
    options: Json = {
        "alignValue": "left",
        "mergeValues": True,
        "rowHeight": 0.85,
        "showValue": "auto",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return Panel(title, "state-timeline", text, queries, "none", width, height, defaults, (), options)


def heatmap(title: str, text: Text, query: str, *, width: int = 12, height: int = 9, unit: str = "s") -> Panel:
    """Buckets of a histogram over time; `query` keeps le, and is of a rate only where the buckets never fall."""
    defaults: Json = {"custom": {"hideFrom": HIDE_NOTHING, "scaleDistribution": {"type": "linear"}}}
    options: Json = {
        "calculate": False,
        "cellGap": 1,
        "cellValues": {"unit": "short", "decimals": 0},
        "color": {"mode": "scheme", "scheme": "Oranges", "fill": "dark-orange", "exponent": 0.5, "steps": 64,
                  "reverse": False},
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "yHistogram": False, "showColorScale": False},
        "yAxis": {"axisPlacement": "left", "unit": unit, "reverse": False},
    }  # fmt: skip
    queries = (Query(query, "{{le}}"),)
    return Panel(title, "heatmap", text, queries, unit, width, height, defaults, (), options, form=Form.HEATMAP)


def bars(
    title: str,
    text: Text,
    *queries: Query,
    unit: str,
    width: int,
    height: int,
    thresholds: Json,
    most: float | None = None,
    links: Sequence[Json] = (),
) -> Panel:
    """Values of now beside each other; `most` is where a bar is full."""
    defaults: Json = {"color": BY_THRESHOLD, "thresholds": thresholds, "min": 0, "decimals": 0, "links": list(links)}
    defaults |= {} if most is None else {"max": most}
    options: Json = {
        "displayMode": "basic",
        "orientation": "horizontal",
        "reduceOptions": LAST,
        "showUnfilled": True,
        "valueMode": "color",
        "namePlacement": "auto",
        "sizing": "auto",
        "minVizHeight": 16,
        "minVizWidth": 8,
        "maxVizHeight": 40,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
    }
    return Panel(title, "bargauge", text, queries, unit, width, height, defaults, (), options, form=Form.NOW)
