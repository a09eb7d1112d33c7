"""One package knows the database driver."""

from __future__ import annotations

from consistency.tree import PACKAGE, imports, modules, named


def test_only_the_package_postgres_imports_the_driver() -> None:
    """All other code queries through it, so that errors, time limits and savepoints are the same everywhere."""
    outside = [path for path in modules() if not path.is_relative_to(PACKAGE / "postgres")]

    assert [named(path) for path in outside if any(name.startswith("psycopg") for name in imports(path))] == []
