"""The Rust client plays the scenarios that every client plays, and runs its own tests."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from conformance.suite import SCENARIOS, Scenario
from e2e.conforming import play
from e2e.programs import TOOLS, tool
from riverkeeper.demo.postgres import Server

CLIENT = Path(__file__).resolve().parents[2] / "clients" / "rust"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_client_keeps_the_contract(scenario: Scenario, postgres: Server) -> None:
    """The scenario's docstring is the rule."""
    play(scenario, [tool("conform-rust")], postgres)


@pytest.mark.parametrize(
    "command", [("test", "--lib", "--locked"), ("fmt", "--all", "--check")], ids=lambda words: words[0]
)
def test_own_tests_pass(command: tuple[str, ...]) -> None:
    """Vectors, values and outcomes; and the code is formatted."""
    environment = {**os.environ, "CARGO_TARGET_DIR": str(TOOLS / "cargo"), "CARGO_BUILD_JOBS": "1"}
    done = subprocess.run(
        ["nice", "cargo", *command], cwd=CLIENT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
