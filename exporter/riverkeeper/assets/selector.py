"""Narrows every metric that a rule reads by the matchers of `assets.selector`. Pure."""

from __future__ import annotations

import re

# A metric of the keeper, or a recorded one (level:metric:operations); labels such as river_schema are neither.
_METRIC = re.compile(r"(?<![\w:])((?:[a-z_]+:)?river(?:keeper)?_(?!schema\b)[a-z0-9_]+(?::[a-z0-9_]+)?)(?![\w:])(\{)?")
_EXPRESSION = re.compile(r"^(?P<indent> *)(?:- )?expr:")


def selected(rules: str, selector: str) -> str:
    """The rule file with the selector in each metric of its `expr`s; unchanged where it is empty."""
    if not selector:
        return rules
    lines: list[str] = []
    inside: int | None = None  # indentation of the expr we are in
    for line in rules.splitlines(keepends=True):
        indent = len(line) - len(line.lstrip(" "))
        if start := _EXPRESSION.match(line):
            inside = len(start["indent"])
        elif inside is not None and line.strip() and indent <= inside:
            inside = None
        lines.append(line if inside is None else narrowed(line, selector))
    return "".join(lines)


def narrowed(expression: str, selector: str) -> str:
    """PromQL with the selector in each of its metrics."""

    def put_in(match: re.Match[str]) -> str:
        return f"{match[1]}{{{selector}, " if match[2] else f"{match[1]}{{{selector}}}"

    return _METRIC.sub(put_in, expression)
