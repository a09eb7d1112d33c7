"""The look of values, of one column or of one line, and their links. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from riverkeeper.dashboards.parts.palette import BAD, PLAIN, WARN
from riverkeeper.dashboards.parts.scope import KIND, RIVER_NAME

Json = dict[str, Any]

# Units for people: Grafana's own would write ops/s, and 1.67 mins at a tick of 100 seconds.
PER_MINUTE = "suffix:/min"
TIMES = "suffix:×"  # of a limit: 2 × is twice the limit
NEVER = 1e9  # seconds, 31 years: a drain time of this length is a division by a rate of nothing


def steps(*pairs: tuple[float | None, str]) -> Json:
    """Colours from each value on; None is the lowest."""
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in pairs]}


# A share of a limit: 1 is at the limit, whatever the limit is.
OF_LIMIT = steps((None, PLAIN), (0.8, WARN), (1, BAD))
OF_FAILURE = steps((None, PLAIN), (0.05, WARN), (0.5, BAD))  # a share of attempts; as RiverKindFailing has it
BUDGET_LEFT = steps((None, BAD), (0.0001, WARN), (0.25, PLAIN))  # a share of the month's budget
BURN = steps((None, PLAIN), (1, WARN), (14.4, BAD))  # 1: the budget lasts its month; 14.4: it lasts two days, and pages
ANY_IS_BAD = steps((None, PLAIN), (1, BAD))
ANY_IS_ODD = steps((None, PLAIN), (1, WARN))
NEUTRAL = steps((None, PLAIN))
ONE_ACTIVE = steps((None, WARN), (1, PLAIN), (2, WARN))  # replicas
AGE_OF_SCRAPE = steps((None, PLAIN), (60, WARN), (300, BAD))  # seconds


def words(names: Mapping[int, tuple[str, str]]) -> list[Json]:
    """Numbers that stand for states: number -> word and colour."""
    options = {
        str(number): {"text": text, "color": color, "index": index}
        for index, (number, (text, color)) in enumerate(names.items())
    }
    return [{"type": "value", "options": options}]


def above(limit: float, text: str, color: str) -> list[Json]:
    """A word for every value from a limit on."""
    return [{"type": "range", "options": {"from": limit, "to": None, "result": {"text": text, "color": color}}}]


def named(name: str, **properties: object) -> Json:
    """An override of one field; "__" in a property's name is a dot."""
    return _override("byName", name, properties)


def matching(pattern: str, **properties: object) -> Json:
    """An override of all fields whose name matches."""
    return _override("byRegexp", f"/{pattern}/", properties)


def _override(matcher: str, options: str, properties: Mapping[str, object]) -> Json:
    listed = [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()]
    return {"matcher": {"id": matcher, "options": options}, "properties": listed}


# A limit is drawn dashed, and never stacked or filled. Red is for what is beyond it.
LIMIT_LINES = matching(
    "^limit",
    color={"mode": "fixed", "fixedColor": WARN},
    custom__lineStyle={"fill": "dash", "dash": [10, 10]},
    custom__fillOpacity=0,
    custom__lineWidth=1,
    custom__stacking={"mode": "none"},
)


def colored(name: str, color: str, **properties: object) -> Json:
    """A line or column of one colour."""
    return named(name, color={"mode": "fixed", "fixedColor": color}, **properties)


KEPT = ("datasource", *RIVER_NAME, "database", "river", "keeper_url")  # variables that a link takes along

# What a link of a board or of a panel's corner has besides; those of fields and cells have not.
CORNER: Json = {
    "type": "link", "icon": "external link", "tooltip": "", "tags": [], "asDropdown": False, "includeVars": False,
    "keepTime": False,
}  # fmt: skip


def link(title: str, url: str, *, new_tab: bool = False) -> Json:
    return {"title": title, "url": encode_values(url), "targetBlank": new_tab}


def encode_values(url: str) -> str:
    """Percent-encode the values of the query: Grafana itself leaves a `&`, `+` or `#` in the name of a kind."""
    return re.sub(r"(?<==)\$\{([^}:]+)\}", r"${\1:percentencode}", url)


def to_page(title: str, page: str) -> Json:
    """A page of Riverkeeper, which lists the jobs by id."""
    return link(title, f"${{keeper_url}}{page}", new_tab=True)


def to_board(title: str, uid: str, *variables: str) -> Json:
    """Another board of the same River and time; `variables` as "queue=${__value.raw}"."""
    kept = [f"${{{name}:queryparam}}" for name in KEPT]
    return link(title, f"/d/{uid}?{'&'.join([*(f'var-{value}' for value in variables), *kept])}&${{__url_time_range}}")


def to_river(title: str, uid: str, *, of_line: bool = False) -> Json:
    """A board of the River that a row of the fleet names in its columns, or a line in its labels.

    A line knows no database: the board then chooses the first of that River.
    """
    if of_line:
        chosen = [f"var-{name}=${{__field.labels.{name}}}" for name in RIVER_NAME]
    else:
        chosen = [f"var-{name}=${{__data.fields.{name.title()}}}" for name in (*RIVER_NAME, "database")]
        chosen.append("var-river=${__data.fields.Schema}")
    kept = [f"${{{name}:queryparam}}" for name in ("datasource", "keeper_url")]
    return link(title, f"/d/{uid}?{'&'.join([*chosen, *kept])}&${{__url_time_range}}")


STUCK_PAGE = to_page("Stuck jobs", "/stuck")
RUNNING_PAGE = to_page("Running jobs", "/running")
FAILING_PAGE = to_page("Failing jobs", "/failing")
RESCUES_PAGE = to_page("Rescues", "/rescues")
KINDS_OF_QUEUE = to_board("Kinds of this queue", KIND, "queue=${__field.labels.queue}")  # of a line or a value
