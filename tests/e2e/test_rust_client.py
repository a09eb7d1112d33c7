"""The Rust client plays the scenarios that every client plays, and runs its own tests."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from conformance.suite import Level
from e2e.conforming import play_all
from e2e.programs import TOOLS, tool
from riverkeeper.demo.postgres import Server

CLIENT = Path(__file__).resolve().parents[2] / "clients" / "rust"


def test_client_keeps_the_contract(postgres: Server) -> None:
    """At level full. `pytest tests/conformance --client` plays one scenario alone."""
    play_all([tool("conform-rust")], Level.FULL, postgres)


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
