"""Files and functions that a tired person can hold in the head."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from consistency.tree import PACKAGE, ROOT, modules, named, tree

MOST_LINES = 300
MOST_FUNCTION_LINES = 40
FORBIDDEN = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "base"}
TESTS = sorted((ROOT / "tests").rglob("*.py"))


@pytest.mark.parametrize("path", [*modules(), *TESTS], ids=named)
def test_files_are_short(path: Path) -> None:
    """A file over 300 lines holds two things."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", modules(), ids=named)
def test_functions_are_short(path: Path) -> None:
    """A function over 40 lines does two things."""
    long = [
        f"{node.name}: {lines}"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > MOST_FUNCTION_LINES
    ]

    assert long == []


@pytest.mark.parametrize("path", modules(), ids=named)
def test_modules_say_what_they_are(path: Path) -> None:
    """Every module with code has a docstring, and no name that says nothing."""
    has_code = bool(tree(path).body)

    assert not has_code or ast.get_docstring(tree(path))
    assert path.stem not in FORBIDDEN


def test_packages_have_no_names_that_say_nothing() -> None:
    """The tree is the architecture diagram."""
    assert not {path.name for path in PACKAGE.rglob("*") if path.is_dir()} & FORBIDDEN
