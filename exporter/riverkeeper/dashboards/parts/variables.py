"""The variables of a board: data source, River, queue and kind; each limits the choice of the next. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from riverkeeper.dashboards.parts.field import Json
from riverkeeper.dashboards.parts.panel import DATA_SOURCE
from riverkeeper.dashboards.parts.query import ONE_RIVER, Queries
from riverkeeper.dashboards.parts.scope import NO_ADDRESS, RIVER_LABELS, RIVER_NAME, DashboardScope

ON_TIME_RANGE = 2  # query again when the time range changes: names come and go
HIDDEN = 2
TARGET = "riverkeeper_target_info"


def variables(scope: DashboardScope, filters: Sequence[str], *, one_kind: bool) -> list[Json]:
    """In the order in which they limit each other.

    A board shows one River: each variable that names it takes one value, and none of them has an "All".
    Where the series have no label `cluster` or `namespace`, Grafana chooses nothing, which matches them.
    """
    q = Queries(scope.replica_labels, ("queue",))
    jobs, kinds = q.select("river_jobs", queue=None), q.select("river_jobs_by_kind")
    last = {
        "queue": _query_variable("queue", "Queue", f"label_values({jobs}, queue)", all_value=".*"),
        "kind": _query_variable("kind", "Kind", f"label_values({kinds}, kind)", all_value=None if one_kind else ".*"),
    }
    targets, of_database = q.select(TARGET, instance=None), q.select(TARGET, instance=None, database="$database")
    return [
        _data_source(),
        *_river_labels(),
        _query_variable("database", "Database", f"label_values({targets}, database)"),
        _query_variable("river", "River schema", f"label_values({of_database}, river_schema)"),
        _replicas(q),
        *(last[name] for name in filters),
        _keeper_url(scope),
    ]


def fleet_variables(scope: DashboardScope) -> list[Json]:
    """Of the board over all Rivers: filters that let in every River at first."""
    return [
        _data_source(),
        *(
            _query_variable(name, name.title(), f"label_values(riverkeeper_build_info, {name})", all_value=".*")
            for name in RIVER_LABELS
        ),
        _keeper_url(scope),
    ]


def _river_labels() -> list[Json]:
    """Each of the labels that name a River, by those before it."""
    listed = []
    for count, name in enumerate(RIVER_NAME):
        before = {label: ONE_RIVER[label] for label in RIVER_NAME[:count]}
        builds = Queries((), river=before).select("riverkeeper_build_info")
        listed.append(_query_variable(name, name.title(), f"label_values({builds}, {name})"))
    return listed


def _data_source() -> Json:
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "regex": "",
        "current": {"selected": False, "text": "default", "value": "default"},
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "options": [],
        "refresh": 1,
        "skipUrlSync": False,
    }


def _query_variable(name: str, label: str, query: str, all_value: str | None = None) -> Json:
    """Values of a label; several may be chosen where there is a value that stands for all."""
    several = all_value is not None
    chosen = {"selected": True, "text": ["All"], "value": ["$__all"]} if several else {}
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATA_SOURCE,
        "query": {"query": query, "refId": f"variable-{name}"},
        "regex": "",
        "current": chosen or {"selected": False, "text": "", "value": ""},
        "hide": 0,
        "includeAll": several,
        "multi": several,
        "options": [],
        "refresh": ON_TIME_RANGE,
        "skipUrlSync": False,
        "sort": 1,
    } | ({"allValue": all_value} if all_value else {})


def _replicas(q: Queries) -> Json:
    """All replicas that read the chosen River. "All" stands for the list itself, so that it is never another's."""
    targets = q.select(TARGET, instance=None, database="$database", river_schema="$river")
    listed = _query_variable("instance", "Instance", f"label_values({targets}, instance)", all_value="")
    return listed | {"hide": HIDDEN}


def _keeper_url(scope: DashboardScope) -> Json:
    address = scope.keeper_url or NO_ADDRESS
    return {
        "name": "keeper_url",
        "label": "Riverkeeper's address",
        "type": "textbox",
        "query": address,
        "current": {"selected": True, "text": address, "value": address},
        "hide": 0,
        "options": [{"selected": True, "text": address, "value": address}],
        "skipUrlSync": False,
    }
