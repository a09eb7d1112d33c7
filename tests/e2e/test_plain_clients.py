"""Each plain client of clients/plain plays every scenario of level plain, and has fewer than 60 lines.

The contract's statements, with nothing added, play those of every level.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.suite import Level
from conformance.worker import python_program
from e2e.conforming import play_all
from e2e.programs import TOOLS
from riverkeeper.demo.postgres import Server, find_binaries
from riverkeeper.generate import PLAIN_CLIENTS

CLIENTS = Path(__file__).resolve().parents[2] / "clients"
DRIVERS = CLIENTS / "plain" / "conform"
DRIVER = TOOLS / "jdbc" / "usr" / "share" / "java" / "postgresql.jar"
NO_CODE = re.compile(r"\s*((#|//|/\*\*|import |from \w+ import |@Override).*)?")  # blank lines, comments, imports
LINES = 60


@pytest.fixture
def java_program(tmp_path: Path) -> list[str | Path]:
    sources = [CLIENTS / "plain" / "PlainBeats.java", DRIVERS / "Conform.java"]
    subprocess.run(["javac", "-d", tmp_path, *sources], check=True)
    quick = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]  # each scenario starts it anew
    return ["java", *quick, f"-Dstatements={CLIENTS / 'numbered'}", "-cp", f"{tmp_path}:{DRIVER}", "Conform"]


def test_java(java_program: list[str | Path], postgres: Server) -> None:
    """The client in Java keeps the contract at level plain."""
    play_all(java_program, Level.PLAIN, postgres)


def test_python(postgres: Server) -> None:
    """The client in Python keeps the contract at level plain."""
    play_all([sys.executable, DRIVERS / "conform.py"], Level.PLAIN, postgres)


def test_ruby(postgres: Server) -> None:
    """The client in Ruby keeps the contract at level plain."""
    play_all(["ruby", DRIVERS / "conform.rb"], Level.PLAIN, postgres)


def test_shell(postgres: Server) -> None:
    """The client in shell, with psql, keeps the contract at level plain."""
    path = f"PATH={find_binaries()}:{os.environ['PATH']}"  # where psql is
    play_all(["env", path, "bash", DRIVERS / "conform.sh"], Level.PLAIN, postgres)


def test_bare_statements(postgres: Server) -> None:
    """The client that tests/conformance/mutants.py breaks, so that each mutant breaks one rule and no more."""
    play_all(python_program("sql_client"), Level.FULL, postgres)


def test_each_has_fewer_than_sixty_lines() -> None:
    """Of code: so long may it take to read."""
    texts = {
        file: (CLIENTS / "plain" / file).read_text(encoding="utf-8").splitlines() for file in PLAIN_CLIENTS.values()
    }
    lines = {file: len([line for line in text if not NO_CODE.fullmatch(line)]) for file, text in texts.items()}
    assert {file: number for file, number in lines.items() if not 0 < number < LINES} == {}
