"""The Rust client plays the scenarios that every client plays, and runs its own tests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest

from conformance.suite import Level
from conformance.worker import as_program
from conformance.world import ClientUnderTest, World, opened
from e2e.conforming import contract_database, play_all
from e2e.pooler import pooled
from e2e.programs import TOOLS, tool
from riverkeeper.demo.postgres import Server
from riverkeeper.postgres.connection import run_script
from riverkeeper.postgres.statements import source
from riverkeeper.schema.install import install

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


@contextmanager
def world_of(url: str) -> Iterator[World]:
    launch = partial(as_program, [tool("conform-rust")])
    with opened(url, ClientUnderTest(launch, launch, Level.FULL), 0.2) as world:
        yield world


def test_beats_through_a_pooler(postgres: Server, tmp_path: Path) -> None:
    """PgBouncer in transaction mode, which knows no start-up parameter of a driver's own and no prepared statement."""
    with world_of(contract_database(postgres)) as world, pooled(world.url, tmp_path) as url:
        worker, claim = world.worker(url), world.claim()
        worker.start(claim)
        world.beaten(claim)
        note = 'it\'s "half" \\ of {it}, NULL $1 %(notes)s'
        worker.progress(claim, 0.5, note)

        assert world.progressed(claim)["note"] == note
        world.expect_token(worker.end(claim), claim)
        assert world.ended(claim)["outcome"] == "completed"
        assert worker.stats()["failures"] == 0


def test_a_note_that_the_database_cannot_hold_stops_no_beat(postgres: Server) -> None:
    """In a database of another encoding the notes are in ASCII from then on."""
    name = "conform_rust_latin1"
    url = postgres.database("conform_rust_utf8").replace("conform_rust_utf8", name)
    with psycopg.connect(postgres.database("conform_rust_maker"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING LATIN1 LOCALE 'C'")
    run_script(url, source("demo/river_table").replace("river.", "public."))
    install(url, None, None)
    with world_of(url) as world:
        worker, claim = world.worker(), world.claim()
        worker.start(claim)
        world.beaten(claim)
        worker.progress(claim, 0.5, "12 €, café")

        assert world.progressed(claim)["note"] == "12 ?, caf?"
        assert worker.held(claim) is True
