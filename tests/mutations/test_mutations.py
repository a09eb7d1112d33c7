"""Each hazard has a test that finds it: the mutations are made, one by one, to see their tests fail.

`make test` makes one of them, and holds the table to the source; `make test-long` makes all.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from consistency.tree import ROOT, tree
from fixtures.empty_database import ReusableDatabase
from mutations.all import MUTATIONS
from mutations.clients import CLIENTS, is_installed, names_of_client, play_mutant
from mutations.mutation import Language, Mutation, outcome_of
from mutations.tree_copy import copy_tree, mutate, run_go_tests, run_python_tests, sources

LONG = bool(os.environ.get("RIVERKEEPER_TEST_LONG"))
NEEDS_GO = pytest.mark.skipif(shutil.which("go") is None, reason="mutations of the Go client need Go")
SAMPLE = next(mutation for mutation in MUTATIONS if all(test.startswith("verdict/") for test in mutation.tests))


def needs(mutation: Mutation) -> list[pytest.MarkDecorator]:
    language = mutation.language
    if language in CLIENTS:
        return [pytest.mark.skipif(not is_installed(language), reason=f"the client in {language} cannot run here")]
    return [NEEDS_GO] if language is Language.GO else []


def parametrized(mutations: list[Mutation]) -> list[object]:
    return [pytest.param(each, id=each.hazard, marks=needs(each)) for each in mutations]


@pytest.mark.long
@pytest.mark.parametrize("mutation", parametrized([*MUTATIONS] if LONG else [SAMPLE]))
def test_a_mutation_is_caught(mutation: Mutation, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """By every test that is named for it, and because the test found the hazard: not by a source that is broken."""
    if mutation.language in CLIENTS:
        database: ReusableDatabase = request.getfixturevalue("installed_database")
        outcomes = play_mutant(mutation, tmp_path, database.renew)
    else:
        copy = copy_tree(tmp_path)
        mutate(mutation, copy)
        reported = (run_go_tests if mutation.language is Language.GO else run_python_tests)(copy, mutation.tests)
        outcomes = {test: outcome_of(reported, test, mutation.errors) for test in mutation.tests}

    assert outcomes == dict.fromkeys(mutation.tests, "fails")


if LONG:

    @pytest.mark.long
    @pytest.mark.parametrize("language", [Language.PYTHON, pytest.param(Language.GO, marks=NEEDS_GO)])
    def test_the_tests_pass_without_a_mutation(language: Language, tmp_path: Path) -> None:
        """In a copy like those, in which nothing was changed."""
        wanted = [each for each in MUTATIONS if each.language is language]
        tests = sorted({test for each in wanted for test in each.tests})
        copy = copy_tree(tmp_path)
        reported = (run_go_tests if language is Language.GO else run_python_tests)(copy, tests) if tests else {}

        assert {test: outcome_of(reported, test, ()) for test in tests} == dict.fromkeys(tests, "passes")


def test_the_original_of_a_mutation_stands_once() -> None:
    """Who changes the text in the source changes the mutation too, or learns here that a hazard lost its proof."""
    texts = {language: sources(ROOT, language) for language in Language}
    wrong = [
        f"{each.hazard}: stands in {[path.relative_to(ROOT).as_posix() for path in places]}"
        for each in MUTATIONS
        if len(places := each.places(texts[each.language])) != 1 or each.original == each.replacement
    ]

    assert wrong == []


def test_the_tests_of_a_mutation_exist() -> None:
    """Named by file and function."""
    unknown = [
        f"{each.hazard}: {test}"
        for each in MUTATIONS
        for test in each.tests
        if test.partition("::")[2].partition("[")[0] not in names_in(test.partition("::")[0], each.language)
    ]

    assert unknown == []


def test_the_cases_of_a_mutation_exist() -> None:
    """Where one case of a parametrized test is named, pytest knows it: one unknown id, and none of its tests is run."""
    cases = {
        test for each in MUTATIONS if each.language is Language.PYTHON for test in each.tests if test.endswith("]")
    }
    files = sorted({case.partition("::")[0] for case in cases})
    collected = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", *files],
        cwd=ROOT / "tests", capture_output=True, text=True, check=False,
        env={**os.environ, "PYTEST_ADDOPTS": ""},  # another -v or -q would print something else than ids
    )  # fmt: skip
    known = {line.removeprefix("tests/") for line in collected.stdout.splitlines()}

    assert sorted(cases - known) == []


def test_each_mutation_has_a_hazard_of_its_own() -> None:
    """Mutations are distinguished by what happens after them."""
    hazards = [(each.hazard, each.language, each.replacement) for each in MUTATIONS]

    assert sorted(hazard for hazard in set(hazards) if hazards.count(hazard) > 1) == []


@cache
def names_in(place: str, language: Language) -> set[str]:
    if language in CLIENTS:
        return names_of_client(language)
    return go_tests(place) if language is Language.GO else python_tests(place)


def python_tests(place: str) -> set[str]:
    return {node.name for node in ast.walk(tree(ROOT / "tests" / place)) if isinstance(node, ast.FunctionDef)}


def go_tests(module: str) -> set[str]:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "clients" / "go" / module).glob("*_test.go")]
    return {name for text in texts for name in re.findall(r"^func (Test\w+)", text, re.MULTILINE)}
