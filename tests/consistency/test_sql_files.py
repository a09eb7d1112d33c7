"""One question per file: each has its header, is used, and is understood by a real server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from consistency.tree import PACKAGE, modules, named
from riverkeeper.demo.postgres import Server
from riverkeeper.postgres.connection import Session
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.postgres.statements import statement
from riverkeeper.schema.install import install

LINKED = PACKAGE / "heartbeat" / "sql"  # to clients/sql; rglob follows no link
FILES = sorted(PACKAGE.rglob("*.sql")) + sorted(LINKED.glob("*.sql"))
SCRIPTS = {
    "river_table",
    "001_ledger",
    "002_heartbeat",
    "003_rescue",
    "004_runs",
    "005_fence",
    "006_was_false",
    "007_attempts",
    "008_checkpoint",
    "009_stack",
    "create_fence",
    "drop_fence",
    "create_meta",
}  # DDL, run by `install` and the fixtures


def name_of(path: Path) -> str:
    """As the code names a statement: package and file, without ending."""
    package = path.parent.parent if path.parent.name == "sql" else path.parent
    return (package / path.stem).relative_to(PACKAGE).as_posix()


def test_every_file_has_its_question_its_index_and_what_null_means() -> None:
    """The header is what an operator reads who finds the statement in pg_stat_activity."""
    incomplete = [
        f"{named(path)}: {word}"
        for path in FILES
        if path.stem != "river_table"
        for word in ("Question", "Index", "NULL")
        if len(re.findall(rf"^-- {word}: ", path.read_text(encoding="utf-8"), re.MULTILINE)) != 1
    ]

    assert incomplete == []


def test_every_file_is_used() -> None:
    """A question that nobody asks is deleted; the plain beat is for clients in other languages."""
    texts = {module: module.read_text(encoding="utf-8") for module in modules()}
    unused = [
        named(path)
        for path in FILES
        if path.stem != "beat_plain"
        and not any(f'"{name_of(path)}"' in text for text in texts.values())
        and not any(f'"{path.stem}"' in text for module, text in texts.items() if module.parent == path.parent.parent)
    ]

    assert unused == []


def test_every_name_has_its_file() -> None:
    """A statement that the code names with its folder exists."""
    names = {
        match
        for module in modules()
        for match in re.findall(
            r'"((?:river|ledger|schema|brakes|rescue|look|doctor|heartbeat|demo)/[a-z0-9_/]+)"',
            module.read_text(encoding="utf-8"),
        )
    }

    assert names <= {name_of(path) for path in FILES}


@pytest.fixture(scope="module")
def understanding(postgres: Server) -> Iterator[Session]:
    """A session on a River-shaped database with a keeper schema, one for all statements."""
    url = postgres.database("understanding", template="river_template")
    install(url, None, None)
    with Session(url) as session:
        session.execute(
            "CREATE TABLE river_producer (client_id text, updated_at timestamptz, queue_name text, max_workers int)"
        )  # River Pro's
        yield session


def test_every_statement_is_understood_by_a_real_server(understanding: Session) -> None:
    """It parses, every table and column exists, and every parameter's type is known."""
    refused = {}
    for path in FILES:
        if path.stem in SCRIPTS:
            continue
        try:
            understanding.execute(f"PREPARE asked AS {prepared(path)}")
            understanding.execute("DEALLOCATE asked")
        except DatabaseError as error:
            refused[named(path)] = str(error)

    assert refused == {}


def prepared(path: Path) -> str:
    """The statement with numbered parameters, as PREPARE takes it."""
    numbers: dict[str, int] = {}
    text = re.sub(
        r"%\((\w+)\)s",
        lambda match: f"${numbers.setdefault(match[1], len(numbers) + 1)}",
        statement(name_of(path), river="public", keeper="riverkeeper"),
    )
    return text.strip().removeprefix("EXPLAIN (FORMAT JSON)")
