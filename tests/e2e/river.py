"""A database with River's own tables in it, and River's own clients at work on them."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from e2e.programs import Program, started, tool

Connection = psycopg.Connection[tuple[Any, ...]]

FINAL = ("cancelled", "completed", "discarded")

# Jobs that a working fleet will yet change. Failed ones of the mix are due again within a second, or in an hour;
# what hangs, and what never ends, runs on.
STIRRING = """
SELECT 1
FROM river_job AS j LEFT JOIN river_queue AS q ON q.name = j.queue
WHERE j.state = 'running' AND j.kind NOT IN ('hanging', 'endless')
   OR j.state IN ('available', 'retryable', 'scheduled') AND q.paused_at IS NULL
      AND j.scheduled_at < now() + interval '10 minutes'
LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class River:
    """River's tables in a schema of a database; the empty schema is the search path."""

    url: str
    schema: str = ""
    program: str = "fleet"  # whose River lays out the tables, inserts and works: the newest, or fleet-0.31

    @contextlib.contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection that finds the tables of both schemas by name; each statement is a transaction."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            schemas = (self.schema, f"{self.schema}_riverkeeper") if self.schema else ("public", "riverkeeper")
            names = sql.SQL(", ").join(map(sql.Identifier, schemas))
            connection.execute(sql.SQL("SET search_path TO {}").format(names))
            yield connection

    def rows(self, statement: str, **parameters: object) -> list[tuple[Any, ...]]:
        """What a statement returns; nothing for one without result."""
        with self.connect() as connection:
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    @contextlib.contextmanager
    def locked(self, statement: str, **parameters: object) -> Iterator[None]:
        """Somebody's transaction that holds the locks of a statement."""
        with self.connect() as connection:
            connection.execute("BEGIN")
            connection.execute(statement.encode(), parameters or None)
            yield

    def migrate(self, version: int = 0) -> None:
        """Lay out River's tables as of a migration version, 0 for the newest."""
        if self.schema:
            self.rows(f'CREATE SCHEMA "{self.schema}"')
        self.fleet("migrate", "-version", str(version))

    def insert(self, count: int, *flags: str) -> list[int]:
        """Insert jobs; the ids of those that kept others out as their duplicates."""
        lines = self.fleet("insert", *flags, str(count)).stderr.splitlines()
        return [line["of"] for line in map(json.loads, lines) if line["msg"] == "skipped as a duplicate"]

    def listed(self) -> list[dict[str, Any]]:
        """All jobs as River's own client reads them; one that it cannot read fails the test."""
        return [json.loads(line) for line in self.fleet("list").stdout.splitlines()]

    def rests(self) -> bool:
        """Whether nothing will change by itself: what waits is due much later or in a queue nobody works."""
        return not self.rows(STIRRING)

    def fleet(self, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a verb of the fleet to its end."""
        done = subprocess.run(self.command(verb, *arguments), check=False, capture_output=True, text=True)
        if done.returncode:
            pytest.fail(f"fleet {verb} ended with {done.returncode}: {done.stderr[-2000:]}")
        return done

    def command(self, verb: str, *arguments: str) -> list[str]:
        return [str(tool(self.program)), verb, "-database-url", self.url, "-schema", self.schema, *arguments]


@dataclass(slots=True)
class Fleet:
    """A process of River workers, and what River reported to its subscribers."""

    program: Program
    record: Path

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.record.read_text().splitlines()]

    def finished(self) -> list[dict[str, Any]]:
        """The events after which a job is final."""
        return [event for event in self.events() if event["state"] in FINAL]


@contextlib.contextmanager
def fleet_at_work(river: River, folder: Path, client: str, *flags: str) -> Iterator[Fleet]:
    """A fleet that has begun to work; killed at the end if the test has not stopped it."""
    record = folder / f"{client}.events"
    command = river.command("work", "-client-id", client, "-events", str(record), "-stop-after", "4s", *flags)
    with started(client, command, folder) as program:
        program.wait_for("ready")
        yield Fleet(program, record)
