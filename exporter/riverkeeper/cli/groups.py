"""Groups of commands: in the order in which a user meets them, and never with a help line cut short."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click


class OrderedGroup(click.Group):
    """Lists its commands in the order in which they were added, each with its whole first sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self._write(formatter, "Commands", self.list_commands(ctx))

    def _write(self, formatter: click.HelpFormatter, title: str, names: Sequence[str]) -> None:
        with formatter.section(title):
            formatter.write_dl([(name, first_sentence(self.commands[name])) for name in names])


class DoorsGroup(OrderedGroup):
    """The same under headings: title -> names of its commands. Every command has a heading, by test."""

    def __init__(self, *args: Any, doors: Mapping[str, Sequence[str]], **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.doors = doors

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in self.doors.items():
            self._write(formatter, title, names)


def first_sentence(command: click.Command) -> str:
    """The help text up to its first full stop."""
    text = " ".join((command.help or "").split("\n\n")[0].split())
    return text.partition(". ")[0].rstrip(".") + "."
