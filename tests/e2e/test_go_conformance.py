"""The Go client plays the scenarios that every client plays (tests/conformance)."""

from __future__ import annotations

import os
import subprocess
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from conformance import claims, outages  # noqa: F401 - they fill the list
from conformance.scenarios import SCENARIOS, Scenario
from conformance.worker import as_program
from conformance.world import world
from riverkeeper.demo.postgres import Server
from riverkeeper.postgres.connection import run_script
from riverkeeper.postgres.statements import source
from riverkeeper.schema.install import install

CLIENT = Path(__file__).resolve().parents[2] / "clients" / "go"
_numbers = count(1)


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client behind the conformance protocol."""
    binary = tmp_path_factory.mktemp("conform") / "conform"
    flags = f"{os.environ.get('GOFLAGS', '')} -p=2"  # two cores: a build must not starve what runs beside it
    subprocess.run(
        ["go", "build", "-o", binary, "./cmd/conform"], cwd=CLIENT, check=True, env={**os.environ, "GOFLAGS": flags}
    )
    return binary


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda play: play.__name__)
def test_go_client_keeps_the_contract(scenario: Scenario, program: Path, postgres: Server) -> None:
    """The scenario's docstring is the rule."""
    url = postgres.database(f"conform_{next(_numbers)}")
    run_script(url, source("demo/river_table").replace("river.", "public."))
    install(url, None, None)
    launch = partial(as_program, [program])
    with world(url, launch, launch) as stage:
        scenario(stage)
