"""The source tree, as the consistency tests look at it."""

from __future__ import annotations

import ast
import os
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "exporter" / "riverkeeper"
SKIPPED = {"node_modules", ".tools"}  # what tools bring along


def modules() -> list[Path]:
    """Every Python file of the package."""
    return sorted(path for path in PACKAGE.rglob("*.py"))


def files_below(folder: Path, *suffixes: str) -> list[Path]:
    """The repository's files with such an ending. Folders where tools are installed come and go: it stays out."""
    found: list[Path] = []
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - SKIPPED)
        found += [Path(here, name) for name in names if Path(name).suffix in suffixes]
    return sorted(found)


def named(path: Path) -> str:
    """Path below the repository, for messages and test ids."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """Modules that a file imports at run time, by full name; `from a import b` gives `a` and `a.b`."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def is_pure(path: Path) -> bool:
    """Whether the module's docstring declares it pure."""
    declared = "Pure."
    return declared in path.read_text(encoding="utf-8") and declared in (ast.get_docstring(tree(path)) or "")
