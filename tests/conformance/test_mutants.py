"""Each way to break the contract is found, by the scenarios that are named for it.

`make test` plays a few; `make test-long` plays all.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from conformance.mutants import MUTANTS, Mutant
from conformance.suite import SCENARIOS, Scenario, play
from conformance.worker import in_threads
from conformance.world import ClientUnderTest
from fixtures import waiting
from fixtures.empty_database import ReusableDatabase

SOURCE = Path(__file__).with_name("sql_client.py")
LONG = bool(os.environ.get("RIVERKEEPER_TEST_LONG"))
INTERVAL = 0.2
PATIENCE_SECONDS = 8.0  # a mutant fails by what never happens, so each costs this time
MINUTE_SECONDS = 90.0
QUICK = ("an answer reaches another claim", "it takes a request to stop for a loss", "its token has milliseconds")
# Needs a process of its own, and a client that breaks two rules at once.
WITHOUT_MUTANT = {"frozen_process_finds_its_claim_gone"}
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
CASES = [
    pytest.param(mutant, BY_NAME[name], id=f"{mutant.violation}: {name}", marks=pytest.mark.long)
    for mutant in MUTANTS
    for name in mutant.scenarios
    if LONG or mutant.violation in QUICK
]


@pytest.mark.parametrize(("mutant", "scenario"), CASES)
def test_violation_is_found(
    mutant: Mutant, scenario: Scenario, installed_database: ReusableDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scenario fails by its own check, or waits in vain."""
    patience = MINUTE_SECONDS if scenario.takes_a_minute else PATIENCE_SECONDS
    monkeypatch.setattr(waiting, "PATIENCE_SECONDS", patience)
    with changed_client(mutant) as make:
        launch = partial(in_threads, make)
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            play(scenario, installed_database.renew, ClientUnderTest(launch, launch), [INTERVAL])


@contextmanager
def changed_client(mutant: Mutant) -> Iterator[Any]:
    """The class of the changed client."""
    text = SOURCE.read_text(encoding="utf-8")
    for original, replacement in mutant.edits:
        text = text.replace(original, replacement)
    name = f"conformance.mutant_{abs(hash(mutant))}"
    spec = importlib.util.spec_from_loader(name, loader=None)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        exec(compile(text, str(SOURCE), "exec"), module.__dict__)  # noqa: S102 - our own source
        yield module.SqlClient
    finally:
        del sys.modules[name]


def test_every_edit_stands_once() -> None:
    """Who changes sql_client.py changes its mutants too."""
    text = SOURCE.read_text(encoding="utf-8")
    wrong = [
        f"{mutant.violation}: {original!r} stands {text.count(original)} times"
        for mutant in MUTANTS
        for original, _ in mutant.edits
        if text.count(original) != 1
    ]

    assert wrong == []


def test_every_scenario_finds_a_violation() -> None:
    """A scenario that no client can fail proves nothing."""
    named = {name for mutant in MUTANTS for name in mutant.scenarios}

    assert set(BY_NAME) - named == WITHOUT_MUTANT
