"""The configuration in force as a file: every option, and where its value came from."""

from __future__ import annotations

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
            lines += [f"{name}:", *_section(config, name, values[name])]
    return "\n".join(lines) + "\n"


def _section(config: Config, section: str, values: dict[str, object]) -> list[str]:
    return [f"  {name}: {inline(value)}  # {config.origin(f'{section}.{name}')}" for name, value in values.items()]


def inline(value: object) -> str:
    """A value as YAML on one line."""
    style = '"' if isinstance(value, str) and not value.isprintable() else None  # line breaks as escapes
    text: str = yaml.dump(
        value, Dumper=Dumper, default_flow_style=True, default_style=style, width=float("inf"), allow_unicode=True
    )
    return text.removesuffix("\n").removesuffix("\n...")
