"""Loads the configuration in force: flags, environment and file, checked together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import final

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from riverkeeper.config.contradictions import find_contradictions
from riverkeeper.config.explain import explain
from riverkeeper.config.layers import DATABASE_URL, DATABASE_URL_FILE, Layers, Options, at, lay_over, read_layer
from riverkeeper.config.option import hidden, members
from riverkeeper.config.problem import ConfigErrors, Problem, format_path, make_printable
from riverkeeper.config.settings import Settings
from riverkeeper.config.source import Source, read_yaml
from riverkeeper.config.tiers import find_inherited_origin
from riverkeeper.config.values import DatabaseUrl, path_text

_URL_FILE_BYTES = 16 * 1024  # many times the longest URL, so that /dev/zero does not fill the memory


@final
@dataclass(frozen=True, kw_only=True)
class Config(Settings):
    """The configuration in force, as `load` has checked it. Equal where every value is, wherever it came from."""

    conninfo: DatabaseUrl = hidden(DatabaseUrl(""))  # wherever it came from; empty: libpq's PG* variables decide
    origins: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False, metadata={"exclude": True})

    def origin(self, key: str) -> str:
        """Where the value of a key such as `web.config_file` came from: `default`, file:line, variable or flag."""
        return self.origins.get(key) or find_inherited_origin(self.origins, key) or "default"


def load(file: Path | None, environ: Mapping[str, str], options: Options) -> Config:
    """The checked configuration. Paths in it are absolute: those of the file start at its folder.

    Raises ConfigErrors with every mistake. Reads the file, and the one named by `database.url_file`.
    """
    source = Source("configuration") if file is None else read_yaml(file)
    base = read_layer(source, Path() if file is None else file.absolute().parent)
    full = lay_over(base, environ, _with_absolute_paths(options))
    conninfo, unreadable = _connection(full)
    # The file is checked by itself too: a mistake in it is reported even where an option covers it.
    problems = [*source.problems, *_problems(base), *_problems(full), *_contradictions(full), *unreadable]
    if problems:
        raise ConfigErrors(problems)
    checked = Settings.from_tree(full.tree)
    sections = {name: getattr(checked, name) for name in members(Settings)}
    return Config(**sections, conninfo=conninfo, origins=full.origins())


def _with_absolute_paths(options: Options) -> Options:
    path = options.web_config_file
    return options if path is None else replace(options, web_config_file=path.absolute())


def _problems(layers: Layers) -> list[Problem]:
    try:
        Settings.from_tree(layers.tree)
    except ValidationError as error:
        return explain(error.errors(include_url=False), Settings, layers.place)
    return []


def _contradictions(layers: Layers) -> list[Problem]:
    found = ((layers.place(path), path, message, fix) for path, message, fix in find_contradictions(layers.tree))
    return [Problem(f"{where}: {format_path(path)}", message, fix, line) for (where, line), path, message, fix in found]


def _connection(layers: Layers) -> tuple[DatabaseUrl, list[Problem]]:
    """The connection string and what is wrong with the file that should hold it."""
    url, file = at(layers.tree, DATABASE_URL), at(layers.tree, DATABASE_URL_FILE)
    try:
        if url is None and isinstance(path_text(file), str):
            return _from_url_file(str(file), *layers.place(DATABASE_URL_FILE))
        return DatabaseUrl("") if url is None else DatabaseUrl.parse(url), []
    except PydanticCustomError:
        return DatabaseUrl(""), []  # the check of the key itself reports it


def _from_url_file(file: str, where: str, line: int) -> tuple[DatabaseUrl, list[Problem]]:
    try:
        return DatabaseUrl.parse(_content(Path(file))), []
    except PydanticCustomError as error:
        words = error.context or {}
        message, fix = str(words["message"]), str(words["fix"])
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        message, fix = f"cannot be read: {reason}", "mount the secret there, or correct the path"
    problem = Problem(f"{where}: {format_path(DATABASE_URL_FILE)}", f"{make_printable(file)} {message}", fix, line)
    return DatabaseUrl(""), [problem]


def _content(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(_URL_FILE_BYTES + 1)
    if len(content) > _URL_FILE_BYTES:
        raise OSError(None, "it is larger than 16 KiB")
    return content.decode("utf-8-sig")
