"""Mutates a copy of the client in JavaScript or Rust, and lets conformance scenarios or its own tests find it."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

import pytest

from conformance.suite import SCENARIOS, play
from conformance.worker import as_program
from conformance.world import ClientUnderTest
from consistency.tree import ROOT
from fixtures import waiting
from mutations.mutation import Language, Mutation
from mutations.tree_copy import mutate

CLIENTS = (Language.JS, Language.RUST)
PATIENCE_SECONDS = 8.0  # as for the mutants of the reference client: what never happens costs this time
INTERVAL = 0.2
BUILD_SECONDS = 900.0  # of one crate, on a machine with other work; its dependencies may have to be built first
LEFT_OUT = shutil.ignore_patterns("node_modules", "target")
_BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


def is_installed(language: Language) -> bool:
    """Whether the client can run here."""
    if language is Language.JS:
        return shutil.which("node") is not None and (ROOT / "clients" / "js" / "node_modules" / "pg").is_dir()
    return shutil.which("cargo") is not None and bool(os.environ.get("CARGO_TARGET_DIR"))


def play_mutant(mutation: Mutation, folder: Path, new_url: Callable[[], str]) -> dict[str, str]:
    """Test -> `fails`, or why it proves nothing."""
    with alone(mutation.language):
        tree = copy_client(mutation.language, folder)
        mutate(mutation, tree)
        return play_tests(mutation, tree, new_url)


@contextmanager
def alone(language: Language) -> Iterator[None]:
    """All copies of the Rust client have one place: two of them are not built at a time."""
    if language is not Language.RUST:
        yield
        return
    rust_folder().mkdir(parents=True, exist_ok=True)
    with rust_folder().joinpath("lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def play_tests(mutation: Mutation, tree: Path, new_url: Callable[[], str]) -> dict[str, str]:
    command = build(mutation.language, tree)
    own = {Language.JS: run_node_test, Language.RUST: run_cargo_test}[mutation.language]
    outcomes = {}
    for test in mutation.tests:
        name = test.partition("::")[2]
        outcomes[test] = scenario_fails(name, command, new_url) if name in _BY_NAME else own(tree, name)
    return outcomes


def copy_client(language: Language, folder: Path) -> Path:
    """A tree with this client alone. Those in Rust share one place, so that cargo keeps one build of them."""
    tree = rust_folder() if language is Language.RUST else folder
    shutil.rmtree(tree / "clients", ignore_errors=True)
    for part in (language.value, "sql", "vectors"):
        # With new times of change, because cargo compares them.
        target = tree / "clients" / part
        shutil.copytree(ROOT / "clients" / part, target, ignore=LEFT_OUT, symlinks=True, copy_function=shutil.copy)
    if language is Language.JS:
        (tree / "clients" / "js" / "node_modules").symlink_to(ROOT / "clients" / "js" / "node_modules")
    return tree


def build(language: Language, tree: Path) -> list[str]:
    """The command of its conformance driver."""
    if language is Language.JS:
        return ["node", str(tree / "clients" / "js" / "conform" / "main.js")]
    cargo(tree, "build", "--bin", "riverbeat-conform").check_returncode()
    return [str(rust_folder() / "target" / "debug" / "riverbeat-conform")]


def rust_folder() -> Path:
    """With a target folder of its own: in another, cargo would take what a mutant left there for the client itself."""
    return Path(os.environ["CARGO_TARGET_DIR"]) / "mutants"


def cargo(tree: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Of the whole workspace: with the features of some packages alone, their dependencies would be built again."""
    return subprocess.run(
        ["cargo", words[0], "--workspace", "--locked", "--quiet", *words[1:]],
        cwd=tree / "clients" / "rust", env={**os.environ, "CARGO_TARGET_DIR": str(rust_folder() / "target")},
        capture_output=True, text=True, check=False, timeout=BUILD_SECONDS,
    )  # fmt: skip


def scenario_fails(name: str, command: list[str], new_url: Callable[[], str]) -> str:
    """By its own check, or because what should happen never does; a driver that exits proves nothing."""
    launch = partial(as_program, command)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(waiting, "PATIENCE_SECONDS", PATIENCE_SECONDS)
        try:
            play(_BY_NAME[name], new_url, ClientUnderTest(launch, launch), [INTERVAL])
        except (AssertionError, pytest.fail.Exception):
            return "fails"
    return "passes"


def run_node_test(tree: Path, file: str) -> str:
    run = subprocess.run(
        ["node", "--test", f"test/{file}"], cwd=tree / "clients" / "js", capture_output=True, text=True, check=False
    )
    return outcome_of_run(run, "ERR_ASSERTION")


def run_cargo_test(tree: Path, name: str) -> str:
    run = cargo(tree, "test", "--lib", "--", "--exact", name)
    return outcome_of_run(run, "panicked at")


def outcome_of_run(run: subprocess.CompletedProcess[str], found: str) -> str:
    """`found` is in the output where a check failed, and not the build."""
    if run.returncode == 0:
        return "passes"
    return "fails" if found in run.stdout + run.stderr else f"fails by {(run.stdout + run.stderr)[-2000:]}"


@cache
def names_of_client(language: Language) -> set[str]:
    """Scenarios, and the tests of its own that need no database."""
    folder = ROOT / "clients" / language.value
    if language is Language.JS:
        return set(_BY_NAME) | {path.name for path in (folder / "test").glob("*.test.js")}
    module = {path.stem: path.read_text(encoding="utf-8") for path in (folder / "src").glob("*.rs")}
    tests = re.compile(r"#\[(?:tokio::)?test\]\s+(?:async )?fn (\w+)")
    known = set(_BY_NAME)
    for stem, text in module.items():
        beside, _, inside = text.partition("mod tests {")
        known |= {f"{stem}::{name}" for name in tests.findall(beside)}
        known |= {f"{stem}::tests::{name}" for name in tests.findall(inside)}
    return known
