"""Does a command print what a page shows? Numbers, times and the width of columns may differ; words may not."""

from __future__ import annotations

import re

ANY = "…"  # a line of its own: any lines; within a line: any text
_SPAN = r"\d+(?:\.\d+)? (?:ms|s|min|h|d)\b"
_SAME = (
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?: UTC|Z|[+-]\d\d(?::\d\d)?)?"), "MOMENT"),
    (re.compile(rf"{_SPAN}(?: {_SPAN})*"), "SPAN"),
    (re.compile(r"\d+(?:[.,\u202f]\d+)*"), "0"),
    (re.compile(r"[-─━]{2,}"), "-"),
    (re.compile(r"\s+"), " "),
)


def difference(page: str, output: str) -> str | None:
    """None where the output is as the page has it; else both."""
    pattern = "".join(map(_pattern, _lines(page)))
    printed = "".join(f"{line}\n" for line in _lines(output))
    return None if re.fullmatch(pattern, printed) else f"the page has\n{page}\nand it prints\n{output}"


def _lines(text: str) -> list[str]:
    return [line for raw in text.splitlines() if (line := _plain(raw))]


def _plain(line: str) -> str:
    for pattern, word in _SAME:
        line = pattern.sub(word, line)
    return line.strip()


def _pattern(line: str) -> str:
    if line == ANY:
        return "(?:[^\n]*\n)*"
    return "[^\n]*".join(re.escape(part) for part in line.split(ANY)) + "\n"
