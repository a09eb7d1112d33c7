"""The Go client plays the scenarios that every client plays (tests/conformance)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from conformance.suite import Level
from e2e.conforming import play_all
from riverkeeper.demo.postgres import Server

CLIENT = Path(__file__).resolve().parents[2] / "clients" / "go"


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client behind the conformance protocol."""
    binary = tmp_path_factory.mktemp("conform") / "conform"
    flags = f"{os.environ.get('GOFLAGS', '')} -p=2"  # two cores: a build must not starve what runs beside it
    subprocess.run(
        ["nice", "go", "build", "-o", binary, "./cmd/conform"],
        cwd=CLIENT,
        check=True,
        env={**os.environ, "GOFLAGS": flags},
    )
    return binary


def test_go_client_keeps_the_contract(program: Path, postgres: Server) -> None:
    """At level full. `pytest tests/conformance --client` plays one scenario alone."""
    play_all([program], Level.FULL, postgres)
