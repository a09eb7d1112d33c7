"""The configuration in force as a file: every option, and where its value came from."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from riverkeeper.config.load import Config
from riverkeeper.config.nodes import Dumper
from riverkeeper.config.option import section_of


def show(config: Config) -> str:
    """YAML that loads as this configuration once each `***` is replaced by its secret."""
    lines = ["# The configuration in force. A *** stands for a secret."]
    values = config.model_dump(mode="json")
    for name, field in type(config).model_fields.items():
        if section_of(field) is not None:
            lines += _lines(config, name, name, values[name], "")
    return "\n".join(lines) + "\n"


def _lines(config: Config, key: str, name: str, value: object, indent: str) -> Iterator[str]:
    """A section or a value, and what is below it."""
    is_section = "." not in key
    if isinstance(value, dict):
        yield f"{indent}{name}:"
        for inner, entry in value.items():
            yield from _lines(config, f"{key}.{inner}", inner, entry, indent + "  ")
    elif isinstance(value, list) and is_section and value:
        yield f"{name}:"
        for index, rule in enumerate(value):
            yield f"  - {inline(rule)}  # {config.origin(f'{key}[{index}].tier')}"
    else:
        yield f"{indent}{name}: {inline(value)}  # {config.origin(key)}"


def inline(value: object) -> str:
    """A value as YAML on one line."""
    style = '"' if isinstance(value, str) and not value.isprintable() else None  # line breaks as escapes
    text: str = yaml.dump(
        value, Dumper=Dumper, default_flow_style=True, default_style=style, width=float("inf"), allow_unicode=True
    )
    return text.removesuffix("\n").removesuffix("\n...")
