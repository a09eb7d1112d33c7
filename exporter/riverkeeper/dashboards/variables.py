"""What can be chosen on a board: data source, keeper, River, queue and kind, each narrowing the next. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from riverkeeper.dashboards.field import Json
from riverkeeper.dashboards.panel import DATA_SOURCE
from riverkeeper.dashboards.scope import Scope

ON_TIME_RANGE = 2  # ask again when the time range changes: names come and go
HIDDEN = 2
OF_RIVER = '{job=~"$job", database=~"$database", river_schema=~"$river"}'
OF_INSTANCE = '{job=~"$job", instance=~"$instance"}'


def variables(scope: Scope, filters: Sequence[str], *, one_kind: bool) -> list[Json]:
    """In the order in which they narrow each other.

    One River is shown at a time: replicas of one keeper tell the same numbers, keepers of two Rivers do not.
    """
    last = {
        "queue": _asked("queue", "Queue", f"label_values(river_jobs{OF_INSTANCE}, queue)", all_value=".*"),
        "kind": _asked(
            "kind",
            "Kind",
            f'label_values(river_jobs_by_kind{OF_INSTANCE[:-1]}, queue=~"$queue"}}, kind)',
            all_value=None if one_kind else ".*",
        ),
    }
    return [
        _data_source(),
        _asked("job", "Job", "label_values(riverkeeper_build_info, job)", all_value=".+"),
        _asked("database", "Database", 'label_values(riverkeeper_target_info{job=~"$job"}, database)'),
        _asked(
            "river",
            "River schema",
            'label_values(riverkeeper_target_info{job=~"$job", database=~"$database"}, river_schema)',
        ),
        _replicas(),
        *(last[name] for name in filters),
        _keeper_url(scope),
    ]


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


def _asked(name: str, label: str, query: str, all_value: str | None = None) -> Json:
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


def _replicas() -> Json:
    """All keepers that read the chosen River. "All" stands for the list itself, so that it is never another's."""
    listed = _asked("instance", "Instance", f"label_values(riverkeeper_target_info{OF_RIVER}, instance)", all_value="")
    return listed | {"hide": HIDDEN}


def _keeper_url(scope: Scope) -> Json:
    return {
        "name": "keeper_url",
        "label": "Keeper",
        "type": "textbox",
        "query": scope.keeper_url,
        "current": {"selected": True, "text": scope.keeper_url, "value": scope.keeper_url},
        "hide": 0,
        "options": [{"selected": True, "text": scope.keeper_url, "value": scope.keeper_url}],
        "skipUrlSync": False,
    }
