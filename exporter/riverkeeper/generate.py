"""Writes the generated files again: documents, alert rules, dashboards, and the copies that ship. `make generate`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib.resources import files
from pathlib import Path

from riverkeeper.assets.render import render
from riverkeeper.cli.reference import cli_markdown
from riverkeeper.config.assets import AssetSettings
from riverkeeper.config.render import render_documentation
from riverkeeper.metrics.document import metrics_markdown
from riverkeeper.postgres.statements import source

COPIED = {
    "go": (
        "beat",
        "beat_metadata",
        "checkpoint",
        "checkpoint_tx",
        "claim_status",
        "end",
        "meta",
        "pod",
        "resume",
        "stack",
        "verify_claim",
    ),
    "js": ("beat", "checkpoint", "checkpoint_tx", "claim", "end", "meta", "pod", "resume", "verify_claim"),
    "rust": ("beat", "checkpoint", "checkpoint_tx", "end", "meta", "pod", "resume", "verify_claim"),
}


def _copied_statements() -> dict[str, Callable[[], str]]:
    """The contract's statements in the packages of clients: Go, npm and Cargo take no file from outside of one."""
    wanted = [(language, name) for language, names in COPIED.items() for name in names]
    return {f"clients/{language}/sql/{name}.sql": partial(source, f"heartbeat/{name}") for language, name in wanted}


def _statements() -> list[str]:
    """Names of the contract's statements."""
    return sorted(Path(file.name).stem for file in files("riverkeeper.heartbeat").joinpath("sql").iterdir())


def number_parameters(name: str) -> str:
    """A statement of the contract with `$1` in place of `%(name)s`, numbered as its header lists them.

    Raises ValueError where the header does not list exactly the parameters of the statement.
    """
    head, code = _split(source(f"heartbeat/{name}"))
    _, _, listed = head.partition("-- Parameters: ")
    named = dict.fromkeys(re.findall(r"(\w+) (?=bigint|smallint|text|uuid|interval|boolean|real)", listed))
    used = dict.fromkeys(_PLACEHOLDER.findall(code))
    if set(named) != set(used):
        raise ValueError(f"{name}.sql lists the parameters {[*named]} and uses {[*used]}")
    numbers = {parameter: f"${number}" for number, parameter in enumerate(named, start=1)}
    lines = [f"-- Generated from clients/sql/{name}.sql: do not edit."]
    lines += [f"--   {number} {parameter}" for parameter, number in numbers.items()]
    return "\n".join(lines) + "\n" + head + _PLACEHOLDER.sub(lambda match: numbers[match[1]], code)


def client_tables() -> str:
    """The tables that a heartbeat client writes, as the keeper schema has them."""
    _, code = _split(source("schema/migrations/002_heartbeat"))
    return f"{_TABLES_HEAD}{code}"


def _split(text: str) -> tuple[str, str]:
    """The comment at the head of a file, and the rest."""
    lines = text.splitlines(keepends=True)
    end = next(number for number, line in enumerate(lines) if not line.startswith("--"))
    return "".join(lines[:end]), "".join(lines[end:])


_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_TABLES_HEAD = """\
-- Generated from the keeper schema's migrations: do not edit. `riverkeeper schema install` makes these tables; they
-- stand here to be read. A client writes both, and creates neither.
"""


PLAIN_CLIENTS = {  # shown in docs/runtimes.md
    "Ruby": "plain_beats.rb", "Java": "PlainBeats.java", "Python": "plain_beats.py", "shell": "plain_beats.sh",
}  # fmt: skip
_HIGHLIGHTED = {"shell": "bash"}
_MARKS = "<!-- generated: plain clients -->\n", "<!-- end of generated -->\n"


def runtimes_markdown() -> str:
    """docs/runtimes.md with the text of each plain client between its marks."""
    page = Path("docs/runtimes.md").read_text(encoding="utf-8")
    (before, _, rest), (begin, end) = page.partition(_MARKS[0]), _MARKS
    shown = "\n".join(_shown_client(language, Path("clients/plain") / file) for language, file in PLAIN_CLIENTS.items())
    return f"{before}{begin}\n{shown}\n{end}{rest.partition(end)[2]}"


def _shown_client(language: str, file: Path) -> str:
    fence = f"```{_HIGHLIGHTED.get(language, language.lower())}"
    head = f'<details markdown="1"><summary>{language}: {file.name}</summary>'
    return f"{head}\n\n{fence}\n{file.read_text(encoding='utf-8')}```\n\n</details>\n"


GENERATED: Mapping[str, Callable[[], str]] = {
    "docs/metrics.md": metrics_markdown,
    "docs/cli.md": cli_markdown,
    "docs/configuration.md": render_documentation,
    "docs/runtimes.md": runtimes_markdown,
    **_copied_statements(),
    **{f"clients/numbered/{name}.sql": partial(number_parameters, name) for name in _statements()},
    "clients/numbered/tables.sql": client_tables,
    **{name: partial(str, text) for name, text in render(AssetSettings()).items()},
}


def main() -> None:
    """Write every generated file below the working directory, which has to be the repository."""
    if not Path("exporter/riverkeeper").is_dir():
        sys.exit("Run this in the folder of the repository: make generate")
    for name, text in GENERATED.items():
        write_whole(Path(name), text())


def write_whole(path: Path, text: str) -> None:
    """Puts the file there in one step: where this process is killed, or fails, the old one stays as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path.resolve())
    finally:
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
