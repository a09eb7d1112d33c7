"""Files and functions are small enough for a tired reader."""

from __future__ import annotations

import ast
from pathlib import Path

from consistency.tree import PACKAGE, ROOT, files_below, modules, named, tree

LEAST_LINES = 60  # below, a file holds a part of an idea, unless it stands in SMALL
MOST_LINES = 500  # 100 to 400 are normal; above, a file holds two ideas
MOST_FUNCTION_LINES = 40
FORBIDDEN = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "base"}
# Small files that are one whole idea, which a person looks for by this name. Reasons stand beside them.
SMALL = {
    "__main__.py": "python -m riverkeeper",
    "logs.py": "the form of log lines, used by every package",
    "cli/assets.py": "a command",
    "cli/config.py": "a command",
    "cli/demo.py": "a command",
    "cli/look.py": "a command",
    "demo/guide.py": "pure: the text that the demo prints at its start",
    "doctor/pods.py": "the findings of `check` about pods",
    "heartbeat/leases.py": "leases: their clock and their thread",
    "postgres/time_limit.py": "the time limit of a connection, for the session and its transactions",
    "rescue/status.py": "pure: the state of the rescuer, for metrics and pages",
    "river/failing.py": "the failing jobs, as the page /failing shows them",
    "river/known_names.py": "the queues and kinds that exist, for every filter",
    "river/services.py": "River's queues, leader, migrations and tables",
    "scrape/query_log.py": "runs and logs the queries of a transaction, for scrapes, maintenance and check",
    "scrape/schemas.py": "looks both schemas up once a minute, for every loop",
    "web/errors.py": "the error of http, web_config and webhook, none of which imports the others",
    "web/pages/stack.py": "pure: the stack of a job, for pages and commands",
    "web/pages/templates.py": "what renders every page",
    "web/web_config/fingerprints.py": "whether a file has changed, for the web configuration and the webhook's token",
    "web/webhook/check.py": "the findings of `check` about the webhook",
    # Alerts and boards: their files follow the shape of what they write.
    "dashboards/sections/lost_work.py": "what failures and rescues cost: a section of its own",
    "assets/render.py": "the list of everything that is rendered",
    "dashboards/parts/scope.py": "pure: where boards are shown",
    "dashboards/parts/palette.py": "pure: every colour of the boards, and what it means",
}
TESTS = files_below(ROOT / "tests", ".py")


def line_count(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_files_are_short() -> None:
    """A file over 500 lines holds two ideas."""
    assert {named(path): lines for path in [*modules(), *TESTS] if (lines := line_count(path)) > MOST_LINES} == {}


def small_files() -> set[str]:
    """Files under 60 lines; the index of a package is none."""
    found = {path.relative_to(PACKAGE).as_posix() for path in modules() if line_count(path) < LEAST_LINES}
    return {name for name in found if not name.endswith("__init__.py")}


def test_a_small_file_has_a_reason() -> None:
    """A file under 60 lines costs a hop and saves nothing: it joins the file that holds the rest of its idea."""
    assert sorted(small_files() - SMALL.keys()) == []


def test_the_list_of_small_files_only_becomes_shorter() -> None:
    """A file that has grown or gone leaves the list."""
    assert sorted(SMALL.keys() - small_files()) == []


def test_functions_are_short() -> None:
    """A function over 40 lines does two things."""
    long = [
        f"{named(path)}: {node.name}: {lines} lines"
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > MOST_FUNCTION_LINES
    ]

    assert long == []


def test_every_module_has_a_docstring() -> None:
    """Every module with code has a docstring."""
    assert [named(path) for path in modules() if tree(path).body and not ast.get_docstring(tree(path))] == []


def test_no_name_is_empty_of_meaning() -> None:
    """The tree is the architecture diagram."""
    folders = [path for path in PACKAGE.rglob("*") if path.is_dir()]

    assert [named(path) for path in [*modules(), *folders] if path.stem in FORBIDDEN] == []
