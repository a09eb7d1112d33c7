"""The configuration as text: the one in force (`config print`), and all that may be set (docs/configuration.md)."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator

import yaml

from riverkeeper.config.layers import FLAGS
from riverkeeper.config.load import Config
from riverkeeper.config.option import Option, members, options, section_of
from riverkeeper.config.settings import Settings
from riverkeeper.config.source import Dumper
from riverkeeper.config.tiers import SHIPPED

_HEAD = """\
# Configuration

<!-- Written by `make generate` from exporter/riverkeeper/config/. Change it there. -->

Riverkeeper runs without a configuration file. The value of an option comes from the first of these that gives one:

1. a flag of the command line,
2. the environment (a variable that is set but empty counts as not set),
3. the file named by `--config.file` or, without that flag, by `RIVERKEEPER_CONFIG_FILE`,
4. the default.

`riverkeeper config check` shows all mistakes at once, each with its file, its line and what to write instead.
`riverkeeper config print` shows the configuration in force and the source of each value, with secrets as `***`.
SIGHUP or `POST /-/reload` reads everything again. A configuration with a mistake changes nothing.
"""

_FILE = """\
## The file

YAML; every key is optional. Unknown keys and keys given twice are mistakes.
Durations have a unit: `500ms`, `2s`, `10m`, `1h30m`, `7d`; a number without one is a mistake.
Relative paths start at the folder of the file; those of flags at the working directory.
All keys with their defaults:
"""

_DATABASE = """\
The database is the first of these that is given: {flag}, {variables},
`database.url` or the content of `database.url_file` (without white space around it). If none is given, libpq's own
variables decide, with `~/.pgpass`: `PGHOST`, `PGPORT`, `PGDATABASE`, `PGUSER`, `PGPASSWORD`, `PGSERVICE` and others.
In a URL write `@`, `/`, `%` and other special characters percent-encoded (`%40`, `%2F`, `%25`).
"""


def render_config(config: Config) -> str:
    """YAML that loads as this configuration once each `***` is replaced by its secret."""
    lines = ["# The configuration in force. A *** stands for a secret."]
    values = config.as_tree()
    for name in members(Settings):
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
            yield f"  - {render_value(rule)}  # {config.origin(f'{key}[{index}].tier')}"
    else:
        yield f"{indent}{name}: {render_value(value)}  # {config.origin(key)}"


def render_value(value: object) -> str:
    """A value as YAML on one line."""
    style = '"' if isinstance(value, str) and not value.isprintable() else None  # line breaks as escapes
    text: str = yaml.dump(
        value, Dumper=Dumper, default_flow_style=True, default_style=style, width=float("inf"), allow_unicode=True
    )
    return text.removesuffix("\n").removesuffix("\n...")


def render_documentation() -> str:
    """The whole page."""
    return "\n".join([_HEAD, _command_line(), _environment(), _FILE, _example(), *_sections()])


def _command_line() -> str:
    rows = (
        (
            f"`{flag.name} {flag.metavar}`{' (repeatable)' if flag.repeatable else ''}",
            f"`{flag.key}`" if flag.key else "",
            flag.help,
        )
        for flag in FLAGS
    )
    return "## Command line\n\nFlags of `riverkeeper serve`:\n\n" + _table(("Flag", "Key", "Meaning"), rows)


def _environment() -> str:
    all_options = list(options(Settings))
    flags = [(f"`{flag.environment}`", f"(`{flag.name}`)") for flag in FLAGS if flag.environment]
    rows = flags + [(f"`{name}`", f"`{option.key}`") for option in all_options for name in option.environment]
    url = next(option for option in all_options if option.key == "database.url")
    variables = ", ".join(f"`{name}`" for name in url.environment)
    prose = _DATABASE.format(flag=f"`{url.flag}`", variables=variables)
    return "## Environment\n\n" + _table(("Variable", "Key"), rows) + "\n" + prose


def _example() -> str:
    lines: list[str] = []
    for section, values in Settings().as_tree().items():
        lines += _block(section, _as_shipped(values) if section == "tiers" else values)
    return "```yaml\n" + "\n".join(lines) + "\n```\n"


def _block(section: str, values: object) -> Iterator[str]:
    yield f"{section}:" if isinstance(values, dict) else f"{section}: {render_value(values)}"
    for key, value in values.items() if isinstance(values, dict) else ():
        if isinstance(value, dict) and len(value) > _FEW:
            yield f"  {key}:"
            yield from (f"    {inner}: {render_value(below)}" for inner, below in value.items())
        else:
            yield f"  {key}: {render_value(value)}"


_FEW = 6  # keys that fit on a line


def _as_shipped(tiers: dict[str, object]) -> dict[str, object]:
    """Of tiers other than `standard`, only what they do not take from it."""
    return {name: SHIPPED[name] or values for name, values in tiers.items()}


def _sections() -> Iterator[str]:
    for name, (_, annotation) in members(Settings).items():
        section = section_of(annotation)
        if section is None:
            continue
        rows = map(_row, options(section))
        table = _table(("Key", "Default", "Meaning", "Bounds", "Example"), rows)
        yield f"### {name}\n\n{inspect.cleandoc(section.__doc__ or '')}\n\n{table}"


def _row(option: Option) -> tuple[str, ...]:
    bounds = f"{option.bounds[0]} to {option.bounds[1]}: {option.why}" if option.bounds else ""
    default = "" if option.is_required else f"`{render_value(option.default)}`"
    return f"`{option.key}`", default, option.description, bounds, f"`{render_value(option.example)}`"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
