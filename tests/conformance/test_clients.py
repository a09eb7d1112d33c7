"""The Python client plays every scenario of its level; with --client, yours does.

`pytest tests/conformance --client "COMMAND" --level plain` (clients/CONTRACT.md, "Test your client").
"""

from __future__ import annotations

import shlex
from functools import partial

import pytest

from conformance.python_client import PythonClient
from conformance.scenarios import is_played
from conformance.suite import SCENARIOS, Level, Scenario, play
from conformance.worker import as_program, in_threads, python_program
from conformance.world import ClientUnderTest
from fixtures.empty_database import ReusableDatabase

# In threads of the test's process, for starting a program takes longer than most scenarios.
CLIENTS: dict[str, ClientUnderTest] = {
    "python": ClientUnderTest(partial(in_threads, PythonClient), partial(as_program, python_program("python_client")))
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One case for each client and scenario of its level."""
    command = metafunc.config.getoption("client")
    clients = dict(CLIENTS)
    if command:
        launch = partial(as_program, shlex.split(command))
        level = Level[metafunc.config.getoption("level").upper()]
        lacks = frozenset(metafunc.config.getoption("without"))
        clients = {"client": ClientUnderTest(launch, launch, level, lacks)}
    cases = [
        pytest.param(scenario, client, id=f"{scenario.name}-{name}", marks=marks_of(scenario))
        for scenario in SCENARIOS
        for name, client in clients.items()
        if scenario.level <= client.level and scenario.part not in client.lacks
        if is_played(scenario, is_new_client=bool(command))
    ]
    metafunc.parametrize(("scenario", "client"), cases)


def marks_of(scenario: Scenario) -> list[pytest.MarkDecorator]:
    return [pytest.mark.long] if scenario.takes_a_minute else []


def test_client_keeps_the_contract(
    scenario: Scenario, client: ClientUnderTest, installed_database: ReusableDatabase
) -> None:
    """The scenario's docstring is the rule."""
    play(scenario, installed_database.renew, client)
