"""Each hazard has a test that fails without its cure: the cures are taken out, one by one, to see it.

`make test` takes one out, and holds the table to the source; `make test-long` takes out all of them.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
from functools import cache
from pathlib import Path

import pytest

from consistency.tree import ROOT, tree
from cures.cure import Cure, outcome_of
from cures.surgery import copy_of_the_tree, take_out, told_by_go, told_by_tests
from cures.table import CURES

LONG = bool(os.environ.get("RIVERKEEPER_TEST_LONG"))
WITHOUT_GO = pytest.mark.skipif(shutil.which("go") is None, reason="the Go client's cures need Go")
SAMPLE = next(cure for cure in CURES if all(test.startswith("unit/") for test in cure.tests))


def shown(cure: Cure) -> str:
    return f"{cure.file}: {cure.hazard}"


def parametrized(cures: list[Cure]) -> list[object]:
    return [pytest.param(cure, id=shown(cure), marks=WITHOUT_GO if cure.is_go else ()) for cure in cures]


@pytest.mark.long
@pytest.mark.parametrize("cure", parametrized([*CURES] if LONG else [SAMPLE]))
def test_without_the_cure_its_tests_fail(cure: Cure, tmp_path: Path) -> None:
    """Every test that is named for it, and because it found the hazard: by a check, not by a source that is broken."""
    copy = copy_of_the_tree(tmp_path)
    take_out(cure, copy)
    told = told_by_go(copy, cure.tests) if cure.is_go else told_by_tests(copy, cure.tests)

    assert {test: outcome_of(told, test, cure.by) for test in cure.tests} == dict.fromkeys(cure.tests, "fails")


@pytest.mark.long
@pytest.mark.parametrize("is_go", [False, pytest.param(True, marks=WITHOUT_GO)], ids=["python and sql", "go"])
def test_with_every_cure_they_pass(is_go: bool, tmp_path: Path) -> None:
    """In a copy like those, from which nothing was taken out."""
    tests = sorted({test for cure in CURES if cure.is_go == is_go for test in cure.tests if LONG or cure is SAMPLE})
    copy = copy_of_the_tree(tmp_path)
    told = (told_by_go if is_go else told_by_tests)(copy, tests) if tests else {}

    assert {test: outcome_of(told, test, ()) for test in tests} == dict.fromkeys(tests, "passes")


def test_a_cure_stands_in_its_file() -> None:
    """Exactly once; who changes it changes the table too, or learns here that a hazard lost its cure."""
    texts = {path: (ROOT / path).read_text(encoding="utf-8") for path in {cure.path for cure in CURES}}
    missing = [shown(cure) for cure in CURES if texts[cure.path].count(cure.stands) != 1 or cure.stands == cure.without]

    assert missing == []


def test_the_tests_of_a_cure_exist() -> None:
    """Named by file and function."""
    unknown = [
        f"{shown(cure)}: {test}"
        for cure in CURES
        for test in cure.tests
        if test.partition("::")[2].partition("[")[0] not in names_in(test.partition("::")[0], cure.is_go)
    ]

    assert unknown == []


@cache
def names_in(place: str, is_go: bool) -> set[str]:
    return go_tests(place) if is_go else python_tests(place)


def python_tests(place: str) -> set[str]:
    return {node.name for node in ast.walk(tree(ROOT / "tests" / place)) if isinstance(node, ast.FunctionDef)}


def go_tests(module: str) -> set[str]:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "clients" / "go" / module).glob("*_test.go")]
    return {name for text in texts for name in re.findall(r"^func (Test\w+)", text, re.MULTILINE)}


def test_a_hazard_is_named_once_in_its_file() -> None:
    """Two cures of one file are told apart by what happens without them."""
    names = [(cure.file, cure.hazard, cure.without) for cure in CURES]

    assert len(set(names)) == len(names)
