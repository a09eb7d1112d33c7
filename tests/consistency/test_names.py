"""Names say what a thing is: a class name exists once in the package, and no variable is called `one`."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

from consistency.tree import ROOT, files_below, modules, named, tree


def places() -> dict[str, list[str]]:
    """Public class name -> files with a class of that name; private names may repeat."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in modules():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(named(path))
    return found


def words_of(path: Path) -> set[str]:
    """The words of a file that could be names, comments and texts included."""
    return set(re.findall(r"\w+", path.read_text(encoding="utf-8")))


def test_a_class_name_exists_once() -> None:
    """Two public classes of one name are two ideas under one word."""
    repeated = {name: files for name, files in places().items() if len(files) > 1}

    assert [f"{name}: {', '.join(files)}" for name, files in sorted(repeated.items())] == []


def test_no_variable_is_called_one() -> None:
    """Five of them in a function are five things under one word; in a test as in the package."""
    folders = ("exporter", "tests", "benchmarks", "release")
    files = [path for folder in folders for path in files_below(ROOT / folder, ".py")]
    found = {
        f"{named(path)}:{node.lineno}"
        for path in files
        if "one" in words_of(path)  # to parse them all takes two seconds
        for node in ast.walk(tree(path))
        if (isinstance(node, ast.Name) and node.id == "one") or (isinstance(node, ast.arg) and node.arg == "one")
    }

    assert sorted(found) == []
