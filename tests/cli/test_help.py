"""The help of every command, as a terminal of 80 columns shows it."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from riverkeeper.cli import DOORS, main

WIDTH = 80


def commands(command: click.Command = main, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of each command and group."""
    yield path
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from commands(below, (*path, name))


@pytest.fixture(scope="module")
def pages() -> dict[str, list[str]]:
    """Command -> the lines of its help."""
    run = CliRunner(env={"COLUMNS": str(WIDTH)})
    return {" ".join(path): run.invoke(main, [*path, "--help"]).output.splitlines() for path in commands()}


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
    """The first page lists each of them once."""
    assert sorted(name for names in DOORS.values() for name in names) == sorted(main.commands)


def test_every_command_and_option_has_help(pages: dict[str, list[str]]) -> None:
    """A command without a sentence, or an option without one, explains nothing."""
    unexplained = [command for command, lines in pages.items() if len(lines) < 4]
    bare = [
        f"{' '.join(path)} {parameter.opts[0]}"
        for path in commands()
        for parameter in _command(path).params
        if isinstance(parameter, click.Option) and not parameter.help
    ]

    assert (unexplained, bare) == ([], [])


def _command(path: tuple[str, ...]) -> click.Command:
    command: click.Command = main
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    return command
