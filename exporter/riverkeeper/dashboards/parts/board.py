"""A dashboard: panels in reading order become a file that Grafana loads. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from riverkeeper.dashboards.parts.field import CORNER, FAILING_PAGE, RESCUES_PAGE, STUCK_PAGE, Json
from riverkeeper.dashboards.parts.palette import ACTED, ACTIVE, QUIET, WARN
from riverkeeper.dashboards.parts.panel import DATA_SOURCE, Panel
from riverkeeper.dashboards.parts.query import Queries, by, total
from riverkeeper.dashboards.parts.scope import DashboardScope
from riverkeeper.dashboards.parts.variables import fleet_variables, variables

WIDTH = 24
SCHEMA_VERSION = 39  # Grafana 10 shows it as it is, newer ones migrate it on load
TAG = "riverkeeper"


@dataclass(frozen=True, slots=True)
class BoardSection:
    """A heading with its panels; a collapsed one sends no query until it is opened."""

    title: str
    panels: Sequence[Panel]
    collapsed: bool = False


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard, before its panels have places and numbers."""

    uid: str  # stays for ever: alerts and bookmarks lead to it
    title: str
    description: str
    filters: tuple[str, ...]  # variables that choose by label: queue, kind
    first: Sequence[Panel]  # the first screen, without a heading
    sections: Sequence[BoardSection] = field(default_factory=tuple)
    one_kind: bool = False  # the kind variable takes one value, not several
    all_rivers: bool = False  # one row a River, instead of one River

    def json(self, scope: DashboardScope) -> Json:
        """The file, in Grafana's classic model."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": [TAG],
            "editable": False,
            "graphTooltip": 1,
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "timezone": "browser",
            "refresh": "30s",
            "time": {"from": "now-6h", "to": "now"},
            "timepicker": {},
            "links": _links([] if self.all_rivers else PAGES),
            "annotations": {"list": [BUILT_IN] if self.all_rivers else _marks(Queries(scope.replica_labels))},
            "templating": {"list": self._variables(scope)},
            "panels": self._panels(),
        }

    def _variables(self, scope: DashboardScope) -> list[Json]:
        if self.all_rivers:
            return fleet_variables(scope)
        return variables(scope, self.filters, one_kind=self.one_kind)

    def _panels(self) -> list[Json]:
        placed = Placing()
        panels = placed.all(self.first)
        for section in self.sections:
            row = placed.heading(section)
            inside = placed.all(section.panels)
            panels += [row | {"panels": inside}] if section.collapsed else [row, *inside]
        return panels


@dataclass(slots=True)
class Placing:
    """Puts panels side by side while there is room, then below; numbers them as it goes."""

    number: int = 0
    y: int = 0

    def all(self, panels: Sequence[Panel]) -> list[Json]:
        x = tallest = 0
        placed = []
        for panel in panels:
            if x + panel.width > WIDTH:
                x, self.y, tallest = 0, self.y + tallest, 0
            placed.append(panel.json(self._next(), x, self.y))
            x, tallest = x + panel.width, max(tallest, panel.height)
        self.y += tallest
        return placed

    def heading(self, section: BoardSection) -> Json:
        row: Json = {
            "id": self._next(),
            "type": "row",
            "title": section.title,
            "collapsed": section.collapsed,
            "gridPos": {"x": 0, "y": self.y, "w": WIDTH, "h": 1},
            "panels": [],
        }
        self.y += 1
        return row

    def _next(self) -> int:
        self.number += 1
        return self.number


PAGES = (STUCK_PAGE, FAILING_PAGE, RESCUES_PAGE)


def _links(pages: Sequence[Json]) -> list[Json]:
    """To the other boards, with the values of the variables, and to Riverkeeper's pages."""
    boards: Json = {"title": "Riverkeeper", "type": "dashboards", "tags": [TAG], "url": "", "targetBlank": False,
                    "includeVars": True, "keepTime": True}  # fmt: skip
    return [CORNER | target for target in (boards, *pages)]


BUILT_IN: Json = {
    "builtIn": 1,
    "name": "Annotations & Alerts",
    "type": "dashboard",
    "datasource": {"type": "grafana", "uid": "-- Grafana --"},
    "enable": True,
    "hide": True,
    "iconColor": "rgba(0, 211, 255, 1)",
}
# Fixed: Grafana computes $__rate_interval of an annotation by another step than the one that it queries with (10, 11).
LOOKBACK = "[2m]"
BEFORE = "offset 1m"  # most scrapers come at least once a minute; a change is seen within the next


def _marks(q: Queries) -> list[Json]:
    """What happens to a River that runs: rescues, jobs that were lost, and deploys of workers and of Riverkeeper."""
    rescued = f"{q.fact('riverkeeper_last_rescue_timestamp_seconds')} * 1000"
    workers = q.select("river_beating_clients")
    now, before = (total(q.once(series), "max") for series in (workers, f"{workers} {BEFORE}"))
    build = q.select("riverkeeper_build_info")
    known = f"last_over_time({build}[1h] {BEFORE})"
    lost = by("queue, reason", f"increase({q.select('riverkeeper_jobs_lost_total')}{LOOKBACK})")
    return [
        BUILT_IN,
        _mark("Rescues", rescued, ACTED, "A stuck job was rescued: see /rescues")
        | {"useValueForTime": True, "step": "10s"},
        _mark("Worker processes", f"{now} != {before}", ACTIVE,
              "The number of worker processes changed: a deploy, a crash, or scaling. See the section Workers."),
        _mark("Jobs lost", f"{lost} > 0", WARN,
              "{{reason}}: a worker of queue {{queue}} ended while it held jobs. Completed: a deploy. Evicted, "
              "Preempted, NodeShutdown: its node."),
        _mark("Riverkeeper", f"count by (version) ({build}) unless count by (version) ({known})", QUIET,
              "Another version of Riverkeeper started"),
    ]  # fmt: skip


def _mark(name: str, expr: str, color: str, text: str) -> Json:
    """A mark wherever the expression has a value; `useValueForTime`: the value is the mark's time, in milliseconds."""
    return {
        "name": name,
        "datasource": DATA_SOURCE,
        "enable": True,
        "hide": False,
        "iconColor": color,
        "expr": expr,
        "useValueForTime": False,
        "titleFormat": name,
        "textFormat": text,
        "tagKeys": "",
        "step": "60s",
    }
