"""Takes a cure out of a copy of the tree, and runs tests there: of that copy's package, never of the one installed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from consistency.tree import ROOT
from cures.cure import Cure

SECONDS = 300.0  # for the tests of one cure; they take about five
PARTS = ("exporter", "tests", "clients", "pyproject.toml")
LEFT_OUT = shutil.ignore_patterns("node_modules", ".tools", "render")
_GO_LINE = re.compile(r"^--- (PASS|FAIL): (\w+)")


def copy_of_the_tree(folder: Path) -> Path:
    """With its times of change, so that what is compiled already is not compiled again."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=LEFT_OUT, symlinks=True)
        else:
            shutil.copy2(source, folder / part)
    return folder


def take_out(cure: Cure, tree: Path) -> None:
    file = tree / cure.path
    text = file.read_text(encoding="utf-8")
    assert text.count(cure.stands) == 1, f"it stands {text.count(cure.stands)} times in {cure.path}"
    file.write_text(text.replace(cure.stands, cure.without), encoding="utf-8")


def told_by_tests(tree: Path, tests: Iterable[str]) -> dict[str, str]:
    """Test id below tests/ -> the type of the error it failed by; empty where it passed."""
    answer = tree / "told.json"
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "cures.witness", "-p", "no:cacheprovider", "-p", "no:xdist",
         *(f"tests/{test}" for test in tests)],
        cwd=tree, env=_environment(tree) | {"CURES_TOLD": str(answer)}, capture_output=True, text=True, check=False,
        timeout=SECONDS,
    )  # fmt: skip
    assert answer.exists(), run.stdout + run.stderr
    told = json.loads(answer.read_text())
    assert told["package"] == str(tree / "exporter" / "riverkeeper"), "not the copy was tested"
    return {name.removeprefix("tests/"): error for name, error in told["tests"].items()}


def told_by_go(tree: Path, tests: Iterable[str]) -> dict[str, str]:
    """The same of the Go client; a test is named by the module it stands in, below clients/go, and its function."""
    told: dict[str, str] = {}
    for module in sorted({test.partition("::")[0] for test in tests}):
        names = [test.partition("::")[2] for test in tests if test.partition("::")[0] == module]
        run = subprocess.run(
            ["go", "test", "-count=1", "-v", "-run", f"^({'|'.join(names)})$", "."],
            cwd=tree / "clients" / "go" / module, env=_environment(tree) | {"GOFLAGS": "-mod=mod"},
            capture_output=True, text=True, check=False, timeout=SECONDS,
        )  # fmt: skip
        found = [match for line in run.stdout.splitlines() if (match := _GO_LINE.match(line))]
        assert found, run.stdout + run.stderr
        told |= {f"{module}::{match[2]}": "" if match[1] == "PASS" else "Failed" for match in found}
    return told


def _environment(tree: Path) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "RIVERKEEPER_TEST_"))}
    return ours | {"PYTHONPATH": f"{tree / 'exporter'}{os.pathsep}{tree / 'tests'}"}
