"""Writes the generated files again: documents, alert rules, dashboards, and the copies that ship. `make generate`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib.resources import files
from pathlib import Path

from riverkeeper.assets.render import render
from riverkeeper.cli.reference import cli_markdown
from riverkeeper.config.assets import AssetSettings
from riverkeeper.config.render import render_documentation
from riverkeeper.metrics.document import metrics_markdown


def _copied_statements() -> dict[str, Callable[[], str]]:
    """The contract's statements, for Go's embed: Go embeds no file from outside of its module."""
    statements = files("riverkeeper.heartbeat").joinpath("sql").iterdir()
    return {f"clients/go/sql/{file.name}": partial(file.read_text, encoding="utf-8") for file in statements}


GENERATED: Mapping[str, Callable[[], str]] = {
    "docs/metrics.md": metrics_markdown,
    "docs/cli.md": cli_markdown,
    "docs/configuration.md": render_documentation,
    **_copied_statements(),
    **{name: partial(str, text) for name, text in render(AssetSettings()).items()},
}


def main() -> None:
    """Write every generated file below the working directory."""
    for name, text in GENERATED.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
