"""Files and functions that a tired person can hold in the head."""

from __future__ import annotations

import ast
from pathlib import Path

from consistency.tree import PACKAGE, ROOT, modules, named, tree

MOST_LINES = 500  # 100 to 400 are normal; above, a file holds two ideas
MOST_FUNCTION_LINES = 40
FORBIDDEN = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "base"}
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def line_count(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_files_are_short() -> None:
    """A file over 500 lines holds two ideas."""
    assert {named(path): lines for path in [*modules(), *TESTS] if (lines := line_count(path)) > MOST_LINES} == {}


def test_functions_are_short() -> None:
    """A function over 40 lines does two things."""
    long = [
        f"{named(path)}: {node.name}: {lines} lines"
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > MOST_FUNCTION_LINES
    ]

    assert long == []


def test_modules_say_what_they_are() -> None:
    """Every module with code has a docstring."""
    assert [named(path) for path in modules() if tree(path).body and not ast.get_docstring(tree(path))] == []


def test_no_name_says_nothing() -> None:
    """The tree is the architecture diagram."""
    folders = [path for path in PACKAGE.rglob("*") if path.is_dir()]

    assert [named(path) for path in [*modules(), *folders] if path.stem in FORBIDDEN] == []
