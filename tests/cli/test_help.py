"""The help of every command, as a terminal of 80 columns shows it."""

from __future__ import annotations

import pkgutil

import click
import pytest
from click.testing import CliRunner

from fixtures.commands import all_commands, find_command
from riverkeeper import cli
from riverkeeper.cli import DOORS, main

WIDTH = 80


@pytest.fixture(scope="module")
def pages() -> dict[str, list[str]]:
    """Command -> the lines of its help."""
    run = CliRunner(env={"COLUMNS": str(WIDTH)})
    return {" ".join(path): run.invoke(main, [*path, "--help"]).output.splitlines() for path in all_commands()}


def test_no_line_of_help_is_cut(pages: dict[str, list[str]]) -> None:
    """Neither with dots, nor by the edge of the terminal."""
    cut = [
        f"{command}: {line}"
        for command, lines in pages.items()
        for line in lines
        if len(line) > WIDTH or (line.rstrip().endswith(("...", "…")) and not line.startswith("Usage:"))
    ]

    assert cut == []


def test_every_command_is_behind_a_door() -> None:
    """The first page lists each of them once: a file without a place there could not be called."""
    files = {module.name for module in pkgutil.iter_modules(cli.__path__)}
    listed = [name for names in DOORS.values() for name in names]

    assert sorted({*listed} - files) == ["version"]
    assert sorted(files - {*listed}) == ["options", "reference", "terminal"]
    assert len({*listed}) == len(listed)


def test_every_command_and_option_has_help(pages: dict[str, list[str]]) -> None:
    """A command without a sentence, or an option without one, explains nothing."""
    unexplained = [command for command, lines in pages.items() if len(lines) < 4]
    bare = [
        f"{' '.join(path)} {parameter.opts[0]}"
        for path in all_commands()
        for parameter in find_command(path)[0].params
        if isinstance(parameter, click.Option) and not parameter.help
    ]

    assert (unexplained, bare) == ([], [])
