"""Every client in this repository that needs no Go plays every scenario of the contract."""

from __future__ import annotations

from functools import partial

import pytest

from conformance import claims, outages  # noqa: F401 - they fill the list
from conformance.python_client import PythonClient
from conformance.scenarios import SCENARIOS, Scenario
from conformance.sql_client import SqlClient
from conformance.worker import as_program, in_threads, python_program
from conformance.world import Launch, world

# In threads of the test's process, for starting a program takes longer than most scenarios.
CLIENTS: dict[str, tuple[Launch, Launch]] = {
    "python": (partial(in_threads, PythonClient), partial(as_program, python_program("python_client"))),
    "sql": (partial(in_threads, SqlClient), partial(as_program, python_program("sql_client"))),
}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda play: play.__name__)
def test_client_keeps_the_contract(client: str, scenario: Scenario, installed_url: str) -> None:
    """The scenario's docstring is the rule."""
    with world(installed_url, *CLIENTS[client]) as stage:
        scenario(stage)
