"""How the demo's statements reach one River schema."""

from __future__ import annotations

from dataclasses import dataclass

from riverkeeper.postgres.connection import Session, run_script
from riverkeeper.postgres.statements import quoted, source, statement
from riverkeeper.postgres.transaction import Parameters, Row

STATEMENT_SECONDS = 60.0  # far more than one takes; a demo whose database hangs should say so


@dataclass(frozen=True, slots=True)
class Table:
    """The tables of one River schema, on one session."""

    session: Session
    schema: str

    def run(self, name: str, parameters: Parameters) -> list[Row]:
        """Rows of one of the demo's statements, each a transaction of its own. Raises DatabaseError."""
        return self.session.execute_within(STATEMENT_SECONDS, statement(f"demo/{name}", river=self.schema), parameters)


def create_river_table(url: str, schema: str) -> None:
    """Make tables of River's shape in a schema, which is made too where it does not exist."""
    name = quoted(schema).replace("%%", "%")  # a script without parameters: nothing undoubles it
    script = source("demo/river_table").replace("river.", f"{name}.")
    run_script(url, f"CREATE SCHEMA IF NOT EXISTS {name};\n{script}")
