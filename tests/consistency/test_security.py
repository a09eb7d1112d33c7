"""SECURITY.md: each line of what somebody can do names tests, and they exist."""

from __future__ import annotations

import ast
import re

from consistency.tree import ROOT, tree

ROWS = [
    line
    for line in (ROOT / "SECURITY.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| who ")
]


def test_each_line_names_tests_that_exist() -> None:
    """A sentence that nothing shows is a hope."""
    assert len(ROWS) > 10
    unshown = []
    for row in ROWS:
        shown = re.findall(r"`([\w/]+\.py)::(\w+)`", row.split(" | ")[-1])
        missing = [f"{place}::{name}" for place, name in shown if name not in functions_in(place)]
        if missing or not shown:
            unshown.append((row[:60], missing))

    assert unshown == []


def functions_in(place: str) -> set[str]:
    return {node.name for node in ast.walk(tree(ROOT / "tests" / place)) if isinstance(node, ast.FunctionDef)}
