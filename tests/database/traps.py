"""A server whose databases are full of traps: copies of PostgreSQL's functions, operators, types and relations.

Each copy that is used warns: the server's log has a line of it, with the application's name before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from riverkeeper.demo.postgres import THROW_AWAY, Server, start_postgres
from riverkeeper.demo.table import create_river_table
from riverkeeper.postgres.connection import Session
from riverkeeper.schema.install import install

PLANT = (Path(__file__).parent / "traps.sql").read_text()
OURS = re.compile(r"^<(riverkeeper[a-z-]*|demo fleet)>WARNING:  trap: (.*)$", re.MULTILINE)
FIRST = "hostile, pg_catalog, public"


@contextmanager
def trapped() -> Iterator[Server]:
    """In its database `trap_template` an empty River-shaped schema `public`, and the traps."""
    with start_postgres((*THROW_AWAY, "log_line_prefix=<%a>")) as server:
        url = server.database("trap_template")
        create_river_table(url, "public")
        with Session(url, "test") as sql:
            sql.execute(PLANT)
        yield server


def fresh(server: Server, name: str, *, installed: bool = False) -> str:
    """URL of a new database, in which every session finds the traps before what they copy."""
    url = server.database(name, "trap_template")
    if installed:
        install(url, None, None)
    server.execute(f'ALTER DATABASE "{name}" SET search_path = {FIRST}')
    return url


def sprung(server: Server, after: int) -> set[str]:
    """The traps that sessions of ours have used since the log was so long."""
    return {what for _, what in OURS.findall(server.log[after:])}
