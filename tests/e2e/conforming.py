"""A client under test plays a scenario of the contract, in a database of its own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import count
from pathlib import Path

from conformance.suite import Level, Scenario
from conformance.suite import play as play_scenario
from conformance.worker import as_program
from conformance.world import ClientUnderTest
from riverkeeper.demo.postgres import Server
from riverkeeper.postgres.connection import run_script
from riverkeeper.postgres.statements import source
from riverkeeper.schema.install import install

_numbers = count(1)


def contract_database(postgres: Server) -> str:
    """URL of a new database with River's table, a keeper schema and the fence."""
    url = postgres.database(f"conform_{next(_numbers)}")
    run_script(url, source("demo/river_table").replace("river.", "public."))
    install(url, None, None)
    return url


def play(scenario: Scenario, command: Sequence[str | Path], postgres: Server, level: Level = Level.FULL) -> None:
    """`command` starts the client behind the conformance protocol."""
    launch = partial(as_program, command)
    play_scenario(scenario, lambda: contract_database(postgres), ClientUnderTest(launch, launch, level))
