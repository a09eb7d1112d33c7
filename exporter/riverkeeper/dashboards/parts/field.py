"""The look of values, of one column or of one line, and their links. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

GOOD, WARN, BAD, PLAIN, QUIET, ACTIVE = "green", "orange", "red", "text", "#8e8e8e", "blue"
NEVER = 1e9  # seconds, 31 years: a drain time of this length is a division by a rate of nothing


def steps(*pairs: tuple[float | None, str]) -> Json:
    """Colours from each value on; None is the lowest."""
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in pairs]}


# A share of a limit: 1 is at the limit, whatever the limit is.
OF_LIMIT = steps((None, GOOD), (0.8, WARN), (1, BAD))
ANY_IS_BAD = steps((None, GOOD), (1, BAD))
ANY_IS_ODD = steps((None, GOOD), (1, WARN))
NEUTRAL = steps((None, PLAIN))


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


def line_of_limit(pattern: str) -> Json:
    """A limit is drawn dashed and red, and never stacked or filled."""
    return matching(
        pattern,
        color={"mode": "fixed", "fixedColor": BAD},
        custom__lineStyle={"fill": "dash", "dash": [10, 10]},
        custom__fillOpacity=0,
        custom__lineWidth=1,
        custom__stacking={"mode": "none"},
    )


def colored(name: str, color: str, **properties: object) -> Json:
    """A line or column of one colour."""
    return named(name, color={"mode": "fixed", "fixedColor": color}, **properties)


# What a link of a board or of a panel's corner has besides; those of fields and cells have not.
CORNER: Json = {
    "type": "link", "icon": "external link", "tooltip": "", "tags": [], "asDropdown": False, "includeVars": False,
    "keepTime": False,
}  # fmt: skip


def link(title: str, url: str, *, new_tab: bool = False) -> Json:
    return {"title": title, "url": url, "targetBlank": new_tab}


def to_page(title: str, page: str) -> Json:
    """A page of Riverkeeper, which lists the jobs by id."""
    return link(title, f"${{keeper_url}}{page}", new_tab=True)


def to_board(title: str, uid: str, *variables: str) -> Json:
    """Another board of the same River and time; `variables` as "queue=${__value.raw}"."""
    kept = [f"${{{name}:queryparam}}" for name in ("datasource", "job", "database", "river", "keeper_url")]
    return link(title, f"/d/{uid}?{'&'.join([*(f'var-{value}' for value in variables), *kept])}&${{__url_time_range}}")
