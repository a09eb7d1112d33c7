"""Every command with its arguments, options and exit codes: docs/cli.md."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from riverkeeper.cli import DOORS, main
from riverkeeper.cli.terminal import load_commands

# Options that most commands share are described once.
SHARED = ("--config.file", "--database-url", "--river-schema")
_HEAD = """\
# Command line

<!-- Written by `make generate` from exporter/riverkeeper/cli/. Change it there. -->

"""


def cli_markdown() -> str:
    """The page, commands in the order of `riverkeeper --help`."""
    return _HEAD + "\n".join([*_paragraphs(main), *_database_options(), *_doors()])


def _doors() -> Iterator[str]:
    commands = load_commands(main)
    for title, names in DOORS.items():
        yield f"## {title.partition(' (')[0]}\n"
        for name in names:
            yield from _command(commands[name], f"riverkeeper {name}")


def _command(command: click.Command, path: str) -> Iterator[str]:
    """A command, or a group and its commands."""
    yield f"### {path}\n"
    yield from _paragraphs(command)
    if isinstance(command, click.Group):
        for name, inner in load_commands(command).items():
            yield from _command(inner, f"{path} {name}")
        return
    usage = " ".join(command.collect_usage_pieces(click.Context(command)))
    yield f"```sh\n{path} {usage}\n```\n"
    options = [each for each in command.params if isinstance(each, click.Option) and not each.hidden]
    if any(_is_shared(each) for each in options):
        yield "Takes the [options of the database](#the-database) too.\n"
    yield from _table([each for each in options if not _is_shared(each)])


def _database_options() -> Iterator[str]:
    yield "## The database\n\nMost commands take these options.\n"
    options = [each for each in load_commands(main)["stuck"].params if isinstance(each, click.Option)]
    yield from _table([each for each in options if _is_shared(each)])


def _table(options: list[click.Option]) -> Iterator[str]:
    if options:
        yield "| option | what it does |\n|---|---|"
        yield from (_row(each) for each in options)
        yield ""


def _row(option: click.Option) -> str:
    names, text = option.get_help_record(click.Context(click.Command(""))) or ("", "")
    if (
        isinstance(option.type, click.Choice) and not option.metavar
    ):  # in a table, readers of Markdown split it at each |
        names = f"{option.opts[0]}` `{'` `'.join(option.type.choices)}"
    return f"| `{names}` | {text} |"


def _is_shared(option: click.Option) -> bool:
    return option.opts[0] in SHARED


def _paragraphs(command: click.Command) -> Iterator[str]:
    """The help text, a paragraph a line."""
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        yield " ".join(paragraph.split()) + "\n"
