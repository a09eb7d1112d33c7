"""A client under test plays every scenario of its level, each in a database of its own; several at once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from conformance.scenarios import INTERVALS, is_played
from conformance.suite import SCENARIOS, Level, Scenario, play
from conformance.worker import as_program
from conformance.world import ClientUnderTest
from riverkeeper.demo.postgres import Server
from riverkeeper.postgres.connection import run_script
from riverkeeper.postgres.statements import source
from riverkeeper.schema.install import install

AT_ONCE = 4  # they mostly wait; with more, two cores are too busy, and too many scenarios are played again
_numbers = count(1)
_templates: dict[Path, str] = {}  # by the server's folder
_lock = threading.Lock()


def contract_database(postgres: Server) -> str:
    """URL of a new database with River's table, a keeper schema and the fence."""
    return postgres.database(f"conform_{next(_numbers)}", _template(postgres))


def _template(postgres: Server) -> str:
    """A database that is copied: less work than an installation for each scenario."""
    with _lock:
        if postgres.folder not in _templates:
            _templates[postgres.folder] = f"conform_template_{next(_numbers)}"
            url = postgres.database(_templates[postgres.folder])
            run_script(url, source("demo/river_table").replace("river.", "public."))
            install(url, None, None)
        return _templates[postgres.folder]


def play_all(
    command: Sequence[str | Path], level: Level, postgres: Server, lacks: frozenset[str] = frozenset()
) -> None:
    """`command` starts the client behind the conformance protocol. Fails with all scenarios that failed.

    What fails among others is played once more, alone and with a longer interval: so nobody else makes an answer late.
    """
    launch = partial(as_program, command)
    client = ClientUnderTest(launch, launch, level, lacks)

    def failure(scenario: Scenario, intervals: Sequence[float] = INTERVALS[:1]) -> str:
        try:
            play(scenario, lambda: contract_database(postgres), client, intervals)
        except (AssertionError, pytest.fail.Exception) as error:
            return f"{scenario.name}: {error}"
        return ""

    wanted = [
        scenario
        for scenario in SCENARIOS
        if scenario.level <= level and scenario.part not in lacks and is_played(scenario)
    ]
    assert wanted
    with ThreadPoolExecutor(AT_ONCE) as pool:
        failed = [scenario for scenario, words in zip(wanted, pool.map(failure, wanted), strict=True) if words]
    assert [words for scenario in failed if (words := failure(scenario, INTERVALS[1:]))] == []
