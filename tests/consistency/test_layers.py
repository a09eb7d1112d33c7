"""Packages import only downwards: what River holds, then verdicts, then metrics, pages and rescues."""

from __future__ import annotations

from collections.abc import Iterator

from consistency.tree import PACKAGE, imports, modules, named

# Each package imports only packages that stand before it.
ORDER = (
    "postgres", "heartbeat", "config", "evidence", "verdict", "river", "schema", "ledger", "brakes", "rescue", "scrape",
    "maintenance", "metrics", "doctor", "look", "service", "web", "dashboards", "assets", "demo", "cli", "__main__",
)  # fmt: skip
TOOLS = {"generate"}  # runs from the command line only; imports any package, and no package imports it
LEAVES = {"formats", "logs"}  # every package may import it, and it imports none


def edges() -> Iterator[tuple[str, str, str]]:
    """(package, imported package, file) of every import across packages, those for type checking included."""
    tops = {path.stem for path in PACKAGE.iterdir()}
    for path in modules():
        package = path.relative_to(PACKAGE).with_suffix("").parts[0]
        for name in imports(path):
            root, _, rest = name.partition(".")
            target = rest.partition(".")[0]
            if root == PACKAGE.name and target in tops and target != package:
                yield package, target, named(path)


def points_upwards(package: str, target: str) -> bool:
    if package in TOOLS or target in LEAVES:
        return False
    return package in LEAVES or target in TOOLS or ORDER.index(target) > ORDER.index(package)


def test_every_package_has_its_place() -> None:
    """A new package is put into the order, so that everybody knows what it may import."""
    packages = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}

    assert packages - {"__init__"} == {*ORDER, *TOOLS, *LEAVES}


def test_packages_import_only_downwards() -> None:
    """No package imports one that stands after it, so that no two packages import each other."""
    upwards = {f"{package} -> {target}: {path}" for package, target, path in edges() if points_upwards(package, target)}

    assert sorted(upwards) == []
