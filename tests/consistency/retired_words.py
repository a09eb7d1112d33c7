"""Words that the glossary retired, and the texts in which people would meet them.

`PYTHONPATH=tests:exporter python -m consistency.retired_words [FOLDER]` lists where they still stand.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from consistency.tree import PACKAGE, ROOT, files_below, modules, named, tree

# Pattern -> what to write in its place. Only words that are wrong wherever a person reads them: no "line", no "look".
RETIRED = {
    r"way of a beat|way for a beat|proven open": "heartbeat path, verified",
    r"tells|told|telling": "reports, reported, reporting (of data)",
    r"says|said": "reports, reads, logs, records",
    r"asked": "queried, requested",
    r"heard|silent|falls? silent|silence of a worker": "last seen; stale",
    r"(?:has|have|takes?|took|take) (?:the|its|a) turn|actor's turn": "leadership, is the leader",
    r"actors?": "active replica",
    r"sights?|sightings?": "probe, probe result",
    r"onlookers?|looks? on|looking on": "read-only observer",
    r"speakers?|speaks? for": "worker instances, has a live instance",
    r"sieve|sieved|sought": "screening, thresholds",
    r"outlook": "forecast",
    r"left alone|leaves? (?:\w+ )?alone": "skipped",
    r"old workers?|became of": "previous worker, outcome",
    r"by hand": "manually",
    r"persons?": "operator, user",
    r"ourselves|awake|stood still|stands? still": "process health, running, was suspended",
    r"restraints?": "brake settings",
    r"let out|kept in": "released, suppressed",
    r"rosters?": "active claims",
    r"cures?|cured|mends?|mended": "fix, fixed",
    r"chores?": "maintenance",
    r"much at once": "mass failure",
    r"keepers?(?! schema| role)": "Riverkeeper, replica",
    r"last words": "last report",
    r"whoever|whomever": "the noun: login, operator, process, reader",
}
_WORDS = re.compile("|".join(rf"\b(?:{pattern})\b" for pattern in RETIRED), re.IGNORECASE)
_CODE = re.compile(
    r"```.*?```|`[^`]*`|\"[^\"\n]*\"(?=:)|\]\([^)]*\)|<[^>]*>|\{\{.*?\}\}|\{%.*?%\}|https?://\S+", re.DOTALL
)
_NAMES = re.compile(r"[\w.]*[_/.]\w+[\w./-]*|keeper schema's|River\(\?!keeper\)")  # metrics, columns, files, statements
DOCUMENTS = (
    "*.md",
    "docs/*.md",
    "docs/decisions/*.md",
    "docs/runbooks/*.md",
    "clients/*.md",
    "clients/*/*.md",
    "alerts/*.md",
    "dashboards/*.md",
    "deploy/**/*.md",
)


@dataclass(frozen=True, slots=True)
class Offender:
    """A retired word where somebody reads it."""

    area: str  # a folder of the package, or a document; files move, areas do not
    place: str  # file and line
    word: str
    text: str


def offenders() -> list[Offender]:
    """Of code, tests, templates, alerts and documents."""
    found = [offender for path in modules() for offender in _in_code(path)]
    found += [offender for path in files_below(ROOT / "tests", ".py") for offender in _in_tests(path)]
    for path in sorted(PACKAGE.rglob("*.html")) + sorted((PACKAGE / "assets" / "alerts").glob("*.yml")):
        found += _in_text(path, area_of(path))
    for path in sorted({path for pattern in DOCUMENTS for path in ROOT.glob(pattern)}):
        found += _in_text(path, named(path))
    return found


def area_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else path.stem


def _in_code(path: Path) -> Iterator[Offender]:
    """Strings of three words and more, docstrings aside: help, HELP, log messages, errors, findings, panels."""
    docstrings = {id(node) for node in _docstrings(path)}
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in docstrings:
            continue
        if len(node.value.split()) > 2:
            for word in words_in(node.value):
                yield Offender(area_of(path), f"{named(path)}:{node.lineno}", word, " ".join(node.value.split())[:100])


def _in_tests(path: Path) -> Iterator[Offender]:
    """Names and docstrings, which the report of a failed test shows, and the hazards of mutations."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Mutation" and node.args:
            hazard = ast.literal_eval(node.args[0])
            for word in words_in(hazard):
                yield Offender(named(path.parent), f"{named(path)}:{node.lineno}", word, hazard[:100])
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        name = getattr(node, "name", "").replace("_", " ")
        docstring = _CODE.sub("", ast.get_docstring(node) or "")
        for word in words_in(name) + words_in(docstring):
            place = f"{named(path)}:{getattr(node, 'lineno', 1)}"
            yield Offender(named(path.parent), place, word, f"{name} {docstring}".strip()[:100])


def _docstrings(path: Path) -> Iterator[ast.expr]:
    """Click shows the docstrings of commands; those count, others are the reader's of the code."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and not _is_command(node):
                yield first.value


def _is_command(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and any("command" in ast.dump(each) for each in node.decorator_list)


def _in_text(path: Path, area: str) -> Iterator[Offender]:
    text = _CODE.sub(lambda match: "\n" * match[0].count("\n"), path.read_text(encoding="utf-8"))
    for number, line in enumerate(text.splitlines(), 1):
        for word in words_in(line):
            yield Offender(area, f"{named(path)}:{number}", word, line.strip()[:100])


def words_in(text: str) -> list[str]:
    return [match[0].lower() for match in _WORDS.finditer(_NAMES.sub(" ", text))]


if __name__ == "__main__":
    for each in offenders():
        if each.area.startswith(tuple(sys.argv[1:]) or ""):
            sys.stdout.write(f"{each.place}: {each.word}: {each.text}\n")
