"""Lays the sources of values over each other: a flag beats the environment, which beats the file. Keeps each origin."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from riverkeeper.config.option import ENTRIES, Option, options
from riverkeeper.config.problem import KeyPath, format_path
from riverkeeper.config.settings import Settings
from riverkeeper.config.source import Source

CONFIG_FILE = "RIVERKEEPER_CONFIG_FILE"
DATABASE_URL, DATABASE_URL_FILE = ("database", "url"), ("database", "url_file")


def parameter(flag: str) -> str:
    """The name of a flag as a program's identifier: `--web.config.file` is `web_config_file`."""
    return flag.removeprefix("--").replace(".", "_").replace("-", "_")


@dataclass(frozen=True)
class Flag:
    """A flag of the command line; `key` is what it sets in the file, "" if nothing."""

    name: str
    metavar: str
    help: str
    key: str = ""
    repeatable: bool = False
    environment: str = ""  # the variable that replaces a flag without a key, where the flag is not given

    @property
    def parameter(self) -> str:
        """Its name as an identifier, which is that of the field of Options."""
        return parameter(self.name)


_METAVARS = {
    "--database-url": "URL",
    "--river-schema": "NAME",
    "--web.listen-address": "HOST:PORT",
    "--web.config.file": "FILE",
}


def _flags_of_options() -> Iterator[Flag]:
    for option in options(Settings):
        if option.flag:
            plain = option.description.replace("`", "").replace("null:", "Default:")
            yield Flag(option.flag, _METAVARS[option.flag], plain, option.key, option.is_list)


FLAGS: tuple[Flag, ...] = (
    Flag(
        "--config.file",
        "FILE",
        f"The configuration file, YAML. Default: the file that {CONFIG_FILE} names; without one every option has its "
        "default.",
        environment=CONFIG_FILE,
    ),
    *_flags_of_options(),
    Flag("--log.level", "LEVEL", "The lowest level that is logged: debug, info, warning or error."),
    Flag("--log.format", "FORMAT", "How log lines are written: logfmt or json."),
)


def find_flag(name: str) -> Flag:
    """The flag of a name such as `--river-schema`. KeyError if there is none."""
    return {entry.name: entry for entry in FLAGS}[name]


@dataclass(frozen=True)
class Options:
    """What the command line gave, by the names of its flags; None or empty where it gave nothing."""

    database_url: str | None = field(default=None, repr=False)
    river_schema: str | None = None
    web_listen_address: tuple[str, ...] = ()
    web_config_file: Path | None = None

    def value(self, flag: str) -> object:
        """The value of a flag such as `--web.config.file`; None if it was not given."""
        value = getattr(self, parameter(flag))
        return list(value) or None if isinstance(value, tuple) else value


@dataclass(frozen=True)
class Layers:
    """Unchecked values as one tree, and which of them replaced values of the file. Its repr shows no value."""

    source: Source
    tree: dict[str, object] = field(repr=False)
    over: Mapping[KeyPath, str] = field(default_factory=dict)

    def place(self, path: KeyPath) -> tuple[str, int]:
        """Where a key was given, as text, and its line; 0 where the file did not give it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.over:
                return self.over[path[:length]], 0
        line = self.source.line(path)
        return (f"{self.source.name}:{line}" if line else self.source.name), line

    def origins(self) -> dict[str, str]:
        """Where each option's value came from, by key, for those that are not defaults."""
        every = (path for option in options(Settings) for path in entry_paths(self.tree, option.path))
        given = (path for path in every if path in self.over or self.source.has(path))
        return {format_path(path): self.place(path)[0] for path in given}


def read_layer(source: Source, folder: Path) -> Layers:
    """The values of the file alone. Relative paths in it start at `folder`, the folder of the file."""
    tree = source.tree
    for option in options(Settings):
        value = at(tree, option.path)
        if option.is_path and isinstance(value, str) and value:
            tree = _put(tree, option.path, os.path.join(folder, value))  # a Path would turn `://` into `:/`
    return Layers(source, tree)


def lay_over(file: Layers, environ: Mapping[str, str], flags: Options) -> Layers:
    """The file with the environment laid over it, and the command line over both."""
    tree, over = file.tree, dict[KeyPath, str]()
    for option in options(Settings):
        value, origin = _override(option, environ, flags)
        if value is None:
            continue
        tree, over[option.path] = _put(tree, option.path, value), origin
        if option.path == DATABASE_URL and at(tree, DATABASE_URL_FILE) is not None:
            tree, over[DATABASE_URL_FILE] = _put(tree, DATABASE_URL_FILE, None), origin
    return Layers(file.source, tree, over)


def at(tree: object, path: KeyPath) -> object:
    """The value at a path of an unchecked tree; None if the path is not in it."""
    for part in path:
        tree = tree.get(part) if isinstance(tree, dict) else None
    return tree


def entry_paths(tree: object, path: KeyPath) -> Iterator[KeyPath]:
    """The path itself, or for an option in a mapping or list of sections its path in each entry that is there."""
    for depth, part in enumerate(path):
        if part in ENTRIES:
            inner = at(tree, path[:depth])
            names = list(inner) if isinstance(inner, dict) else range(len(inner) if isinstance(inner, list) else 0)
            yield from ((*path[:depth], name, *path[depth + 1 :]) for name in names)
            return
    yield path


def _override(option: Option, environ: Mapping[str, str], flags: Options) -> tuple[object, str]:
    if option.flag and flags.value(option.flag) is not None:
        return flags.value(option.flag), option.flag
    for variable in option.environment:
        if environ.get(variable):  # set but empty is how a compose file leaves a variable out
            return environ[variable], f"environment {variable}"
    return None, ""


def _put(tree: dict[str, object], path: tuple[str, ...], value: object) -> dict[str, object]:
    """A copy of the tree with the value in it."""
    first, *rest = path
    inner = tree.get(first)
    if rest:
        value = _put(inner if isinstance(inner, dict) else {}, tuple(rest), value)
    return {**tree, first: value}
