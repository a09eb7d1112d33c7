"""Every command of every runbook, run as it stands on a database with its fault: it prints what the page shows."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from alerts.runbook import Block, Page, Step, blocks_of, filled, pages
from alerts.runbook_faults import FAULTS, Staged, stage
from alerts.transcript import difference
from fixtures.contract import connected
from fixtures.offenders import for_each
from fixtures.rescue import Scene
from riverkeeper.cli import main
from riverkeeper.demo.postgres import Server, find_binaries
from riverkeeper.postgres.connection import Database
from riverkeeper.schema.install import install

PSQL = [str(find_binaries() / "psql"), "-X", "-v", "ON_ERROR_STOP=1"]
MARK = "--- the next block ---"


@pytest.fixture(scope="module")
def operator() -> Iterator[pytest.MonkeyPatch]:
    """It is ann, and nothing of this machine's environment reaches a command."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COLUMNS", raising=False)
        patch.setenv("LOGNAME", "ann")
        yield patch


@pytest.fixture(scope="module")
def template(postgres: Server) -> str:
    """The name of a database with both schemas: a copy of it is quicker than an installation."""
    install(postgres.database("runbooks", template="river_template"), None, None)
    return "runbooks"


@for_each("page", pages(), lambda page: page.name)
def test_commands_run_as_they_stand(
    page: Page, postgres: Server, template: str, operator: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From the first step to the last, on one database: each succeeds or finds something, and prints what is shown."""
    url = postgres.database(page.name.lower(), template=template)
    config = tmp_path / "riverkeeper.yml"
    with connected(url) as sql, contextlib.closing(Database(url)) as database:
        given = stage(page.name, Scene(url, sql, database))
        config.write_text(given.config)
        operator.setenv("RIVERKEEPER_DATABASE_URL", given.url)
        for step in page.steps:
            run_step(step, given, config)


def run_step(step: Step, given: Staged, config: Path) -> None:
    """Its blocks in order. What other programs print is compared in tests/e2e/test_runbook_queries.py."""
    blocks = iter(step.blocks)
    for block in blocks:
        ours = [line for line in block.lines if line.startswith("riverkeeper ")]
        if block.language == "sql":
            session = [block, next(blocks)] if block.text.startswith("BEGIN;") else [block]
            for each, printed in zip(session, run_sql(session, given), strict=True):
                compare(step, each, printed, given)
        elif block.language == "sh" and ours:
            printed = "".join(run_command(filled(line, given.values), config) for line in ours)
            compare(step, block, printed, given)


def run_command(line: str, config: Path) -> str:
    """As the shell function of the page calls it. 1 is an answer too: a problem was found, a job was skipped."""
    done = CliRunner().invoke(main, [*shlex.split(line)[1:], "--config.file", str(config)])
    expected = {0, 1} if "config check" not in line else {0, 2}
    assert done.exit_code in expected, f"{line}: {done.output}"
    assert done.exception is None or isinstance(done.exception, SystemExit), f"{line}: {done.exception!r}"
    return done.output


def run_sql(session: list[Block], given: Staged) -> list[str]:
    """What psql prints of each block; a transaction is two of them, the second is its COMMIT."""
    script = f"\\echo {MARK}\n".join(filled(block.text, given.values) for block in session)
    done = subprocess.run([*PSQL, given.url], input=script, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, f"{script}\n{done.stderr}"
    return done.stdout.split(f"{MARK}\n")


def compare(step: Step, block: Block, printed: str, given: Staged) -> None:
    if block.printed is not None:
        wrong = difference(filled(block.printed, given.values), printed)
        assert wrong is None, f"step {step.number}: {wrong}"


def test_each_page_has_its_fault() -> None:
    """And no fault is left behind by a page that went."""
    assert FAULTS.keys() == {page.name for page in pages()}


def test_the_function_passes_every_word(tmp_path: Path) -> None:
    """On Kubernetes and elsewhere: a reason of several words stays one argument, and the file comes last."""
    stand_in = tmp_path / "kubectl"
    stand_in.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    stand_in.chmod(0o755)
    (tmp_path / "riverkeeper").symlink_to(stand_in)
    on_kubernetes, elsewhere = functions_of(pages()[0])
    call = '\nriverkeeper rescue pause --why "two words"'
    words = "rescue|pause|--why|two words|--config.file|/etc/riverkeeper/riverkeeper.yml|"

    def printed(script: str) -> str:
        path = f"{tmp_path}:{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-c", script + call], env={"PATH": path}, capture_output=True, text=True, check=True
        ).stdout

    assert printed(on_kubernetes) == f"-n|riverkeeper|exec|deploy/riverkeeper|-c|riverkeeper|--|riverkeeper|{words}"
    assert printed(elsewhere) == words


def functions_of(page: Page) -> list[str]:
    return [
        block.text for block in blocks_of(page.section("Where to run it")) if block.text.startswith("riverkeeper()")
    ]
