"""Makes a mutation in a copy of the tree, and runs tests there: of that copy's package, never of the installed one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from consistency.tree import ROOT
from mutations.mutation import Language, Mutation

SECONDS = 300.0  # for the tests of one mutation; they take about five
SECONDS_OF_A_TEST = 60.0  # more for each: a dozen tests on a machine at fifteen times its load take over five minutes
PARTS = ("exporter", "tests", "clients", "pyproject.toml")
LEFT_OUT = shutil.ignore_patterns("node_modules", ".tools", "render", "target")
_GO_LINE = re.compile(r"^--- (PASS|FAIL): (\w+)")


SOURCES = {
    Language.PYTHON: (("exporter/riverkeeper", "clients/sql"), {".py", ".sql", ".html"}),
    Language.GO: (("clients/go",), {".go"}),
    Language.JS: (("clients/js/src",), {".js"}),
    Language.RUST: (("clients/rust/src",), {".rs"}),
}


def sources(tree: Path, language: Language) -> dict[Path, str]:
    """Path -> text of every file that a mutation may be made in: the package with clients/sql, or a client."""
    folders, suffixes = SOURCES[language]
    wanted = [path for folder in folders for path in (tree / folder).rglob("*") if path.suffix in suffixes]
    return {path: path.read_text(encoding="utf-8") for path in sorted(wanted) if not path.name.endswith("_test.go")}


def copy_tree(folder: Path) -> Path:
    """With its times of change, so that what is compiled already is not compiled again."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=LEFT_OUT, symlinks=True)
        else:
            shutil.copy2(source, folder / part)
    return folder


def mutate(mutation: Mutation, tree: Path) -> None:
    texts = sources(tree, mutation.language)
    places = mutation.places(texts)
    assert len(places) == 1, f"it stands in {[str(place) for place in places]}"
    file = places[0]
    file.write_text(texts[file].replace(mutation.original, mutation.replacement), encoding="utf-8")


def run_python_tests(tree: Path, tests: Sequence[str]) -> dict[str, str]:
    """Test id below tests/ -> the type of the error it failed by; empty where it passed."""
    answer = tree / "report.json"
    environment = _environment(tree) | {"MUTATIONS_REPORT": str(answer)}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "mutations.reporter", "-p", "no:cacheprovider", "-p", "no:xdist",
         *(f"tests/{test}" for test in tests)],
        cwd=tree, env=environment, capture_output=True, text=True, check=False,
        timeout=SECONDS + SECONDS_OF_A_TEST * len(tests),
    )  # fmt: skip
    assert answer.exists(), run.stdout + run.stderr
    report = json.loads(answer.read_text())
    assert report["package"] == str(tree / "exporter" / "riverkeeper"), "not the copy was tested"
    return {name.removeprefix("tests/"): error for name, error in report["tests"].items()}


def run_go_tests(tree: Path, tests: Sequence[str]) -> dict[str, str]:
    """The same of the Go client; a test is named by the module it stands in, below clients/go, and its function."""
    reported: dict[str, str] = {}
    for module in sorted({test.partition("::")[0] for test in tests}):
        names = [test.partition("::")[2] for test in tests if test.partition("::")[0] == module]
        run = subprocess.run(
            ["go", "test", "-count=1", "-v", "-run", f"^({'|'.join(names)})$", "."],
            cwd=tree / "clients" / "go" / module, env=_environment(tree) | {"GOFLAGS": "-mod=mod"},
            capture_output=True, text=True, check=False, timeout=SECONDS + SECONDS_OF_A_TEST * len(names),
        )  # fmt: skip
        found = [match for line in run.stdout.splitlines() if (match := _GO_LINE.match(line))]
        assert found, run.stdout + run.stderr
        reported |= {f"{module}::{match[2]}": "" if match[1] == "PASS" else "Failed" for match in found}
    return reported


def _environment(tree: Path) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "RIVERKEEPER_TEST_"))}
    return ours | {"PYTHONPATH": f"{tree / 'exporter'}{os.pathsep}{tree / 'tests'}"}
