"""Modules that call themselves pure decide; they never ask."""

from __future__ import annotations

import ast

from consistency.tree import PACKAGE, imports, is_pure, module_name, modules, named, tree

# What reads a clock, a file, the network, the environment or luck.
IMPURE = {
    "asyncio", "concurrent", "http", "io", "logging", "multiprocessing", "os", "pathlib", "psycopg", "random",
    "secrets", "select", "shutil", "signal", "socket", "ssl", "starlette", "structlog", "subprocess", "sys",
    "tempfile", "threading",
    "time", "urllib.request", "uvicorn", "click", "rich",
}  # fmt: skip
CALLS = {"open", "input", "print", "now", "today", "utcnow"}
PURE = [path for path in modules() if is_pure(path)]
# The modules whose purity the design promises; the docstring is how they say so.
PROMISED = (
    "ledger/names", "scrape/scrape", "scrape/notices", "ledger/counts", "ledger/schedule",
    "ledger/totals", "ledger/update",
    "river/bounds", "river/facts",
    "river/layout", "metrics/family", "metrics/cardinality", "metrics/document",
    "metrics/catalogue/waiting", "metrics/catalogue/running", "metrics/catalogue/finished",
    "metrics/catalogue/river", "metrics/catalogue/exporter", "metrics/catalogue/process", "web/http/hosts",
    "brakes/heartbeat_path", "brakes/mass_silence", "brakes/rules", "rescue/status",
    "heartbeat/claim", "schema/layout", "ledger/learned_limits", "config/policy", "config/tiers", "verdict/judge",
    "verdict/job", "verdict/limits", "verdict/verdict", "verdict/summary", "verdict/screening", "verdict/suspects",
    "verdict/client_ids", "verdict/tiers",
)  # fmt: skip


def test_promised_modules_are_declared_pure() -> None:
    """What must be pure has "Pure." in its docstring, and so falls under the rules below."""
    assert [name for name in PROMISED if not is_pure(PACKAGE / f"{name}.py")] == []


def test_a_pure_module_imports_nothing_that_does_io() -> None:
    """No clock, file, network, environment or chance; and of our own modules only pure ones."""
    ours = {module_name(other): other for other in modules()}
    impure = [
        f"{named(path)} imports {name}"
        for path in PURE
        for name in imports(path)
        if {name, name.partition(".")[0]} & IMPURE
        or (name in ours and name != "riverkeeper" and not is_pure(ours[name]))
    ]

    assert impure == []


def test_a_pure_module_calls_nothing_that_does_io() -> None:
    """Not through a type that was imported for something else either: no datetime.now()."""
    calls = [
        f"{named(path)} calls {name}"
        for path in PURE
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and (name := node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")) in CALLS
    ]

    assert calls == []
