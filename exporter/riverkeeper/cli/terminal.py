"""What commands print: the width of tables, letters that the terminal cannot show, and the lists of help texts."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich.console import Console

PIPE_WIDTH = 200  # in a pipe to grep or less, a row must stay on one line
JOB_HINT = "One job's life, and what happens to it next: riverkeeper job ID"  # below every list that has ids


def console() -> Console:
    """As wide as the terminal; without one as wide as COLUMNS, or PIPE_WIDTH."""
    return Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH)


def escape_unprintable() -> None:
    """Print escapes on a terminal that is not UTF-8: kinds and errors are texts of users, in any letters."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class OrderedGroup(click.Group):
    """Lists its commands in the order in which they were added, each with its whole first sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self._write(formatter, "Commands", self.list_commands(ctx))

    def _write(self, formatter: click.HelpFormatter, title: str, names: Sequence[str]) -> None:
        commands = load_commands(self)
        with formatter.section(title):
            formatter.write_dl([(name, first_sentence(commands[name])) for name in names])


class DoorsGroup(OrderedGroup):
    """Lists its commands under headings: title -> names of its commands.

    A command is imported when it is called: to import all of them takes longer than most commands run.
    """

    def __init__(self, *args: Any, doors: Mapping[str, Sequence[str]], package: str, **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.doors = doors
        self._package = package  # each command is the module of its name there, and in it the function of its name

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for names in self.doors.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.commands and cmd_name in self.list_commands(ctx):
            module = importlib.import_module(f"{self._package}.{cmd_name}")
            self.add_command(getattr(module, cmd_name))
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in self.doors.items():
            self._write(formatter, title, names)


def load_commands(group: click.Group) -> dict[str, click.Command]:
    """The commands of a group by name, in the order of its help."""
    context = click.Context(group)
    loaded = {name: group.get_command(context, name) for name in group.list_commands(context)}
    return {name: command for name, command in loaded.items() if command}


def first_sentence(command: click.Command) -> str:
    """The help text up to its first full stop."""
    text = " ".join((command.help or "").split("\n\n")[0].split())
    return text.partition(". ")[0].rstrip(".") + "."
