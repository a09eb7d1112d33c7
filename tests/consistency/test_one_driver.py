"""One module knows the database driver."""

from __future__ import annotations

from consistency.tree import imports, modules, named


def test_only_the_database_module_imports_the_driver() -> None:
    """Everything else asks through it, so errors, limits and savepoints are the same everywhere."""
    importers = [named(path) for path in modules() if any(name.startswith("psycopg") for name in imports(path))]

    assert importers == ["exporter/riverkeeper/postgres/connection.py"]
