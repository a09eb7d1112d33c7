"""One question per file: each has its header, is used, and is understood by a real server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from consistency.tree import PACKAGE, ROOT, modules, named
from riverkeeper.database import Session
from riverkeeper.demo.postgres import Server
from riverkeeper.keeper.schema import install
from riverkeeper.statements import statement

FILES = sorted(PACKAGE.rglob("*.sql")) + sorted((ROOT / "clients" / "sql").glob("*.sql"))
OF_PACKAGE = [path for path in FILES if path.is_relative_to(PACKAGE)]
SCRIPTS = {
    "river_table",
    "001_ledger",
    "002_heartbeat",
    "003_rescue",
    "004_runs",
    "meta",
}  # DDL, run by `install` and the fixtures


def name_of(path: Path) -> str:
    """As the code names a statement: folder and file, without ending."""
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


@pytest.mark.parametrize("path", [path for path in FILES if path.stem != "river_table"], ids=named)
def test_every_file_says_its_question_its_index_and_what_null_means(path: Path) -> None:
    """The header is what a person reads who finds the statement in pg_stat_activity."""
    header = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("-- ")]

    for word in ("Question", "Index", "NULL"):
        assert sum(line.startswith(f"-- {word}: ") for line in header) == 1, word


@pytest.mark.parametrize("path", OF_PACKAGE, ids=named)
def test_every_file_is_used(path: Path) -> None:
    """A question that nobody asks is deleted."""
    by_name = any(f'"{name_of(path)}"' in module.read_text(encoding="utf-8") for module in modules())
    by_stem = any(f'"{path.stem}"' in module.read_text(encoding="utf-8") for module in path.parent.glob("*.py"))

    assert by_name or by_stem


def test_every_name_has_its_file() -> None:
    """A statement that the code names with its folder exists."""
    names = {
        match
        for module in modules()
        for match in re.findall(r'"((?:river|history|keeper|demo)/[a-z0-9_/]+)"', module.read_text(encoding="utf-8"))
    }

    assert names <= {name_of(path) for path in OF_PACKAGE}


@pytest.fixture(scope="module")
def understanding(postgres: Server) -> Iterator[Session]:
    """A session on a River-shaped database with a keeper schema, one for all statements."""
    url = postgres.database("understanding", template="river_template")
    install(url, None, None)
    with Session(url) as session:
        session.execute("CREATE TABLE river_producer (client_id text, updated_at timestamptz)")  # River Pro's
        yield session


@pytest.mark.parametrize("path", [path for path in OF_PACKAGE if path.stem not in SCRIPTS], ids=named)
def test_every_statement_is_understood_by_a_real_server(path: Path, understanding: Session) -> None:
    """It parses, every table and column exists, and every parameter's type is known."""
    numbers: dict[str, int] = {}
    text = re.sub(
        r"%\((\w+)\)s",
        lambda match: f"${numbers.setdefault(match[1], len(numbers) + 1)}",
        statement(name_of(path), river="public", keeper="riverkeeper"),
    )

    understanding.execute(f"PREPARE asked AS {text.strip().removeprefix('EXPLAIN (FORMAT JSON)')}")
    understanding.execute("DEALLOCATE asked")
