"""The flags of `serve`: one table for the command line's help and the documentation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_origin

from riverkeeper.config.layers import parameter
from riverkeeper.config.model import Settings
from riverkeeper.config.option import Option, options


@dataclass(frozen=True)
class Flag:
    """A flag of the command line; `key` is what it sets in the file, "" if nothing."""

    name: str
    metavar: str
    help: str
    key: str = ""
    repeatable: bool = False

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


def _of_options() -> Iterator[Flag]:
    for option in options(Settings):
        if option.flag:
            plain = option.description.replace("`", "").replace("null:", "Default:")
            yield Flag(option.flag, _METAVARS[option.flag], plain, option.key, _is_repeatable(option))


def _is_repeatable(option: Option) -> bool:
    return get_origin(option.field.annotation) is tuple


FLAGS: tuple[Flag, ...] = (
    Flag("--config.file", "FILE", "The configuration file, YAML. Without one every option has its default."),
    *_of_options(),
    Flag("--log.level", "LEVEL", "The least level that is logged: debug, info, warning or error."),
    Flag("--log.format", "FORMAT", "How log lines are written: logfmt or json."),
)


def flag(name: str) -> Flag:
    """The flag of a name such as `--river-schema`. KeyError if there is none."""
    return {entry.name: entry for entry in FLAGS}[name]
