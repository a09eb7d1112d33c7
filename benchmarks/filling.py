"""Makes a table of a shape: rows first, indexes then, and vacuum as autovacuum would, or not at all."""

from __future__ import annotations

import math
import re

from benchmarks.shapes import Rows, Shape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from riverkeeper.demo.postgres import Server
from riverkeeper.postgres.connection import Session
from riverkeeper.postgres.statements import source
from riverkeeper.schema.install import install

BATCH = 250_000  # rows of one INSERT: a few seconds, for the bar to move
BEATS = """INSERT INTO riverkeeper.heartbeat
    (job_id, attempted_at, attempt, instance, beat_interval, beat_at, progress_at, progress, note)
    SELECT j.id, j.attempted_at, j.attempt, md5(j.attempted_by[1])::uuid, '10 s', now() - random() * interval '10 s',
        CASE WHEN j.id %% 5 = 0 THEN now() END, 0.5, CASE WHEN j.id %% 5 = 0 THEN 'so far so good' END
    FROM river_job AS j WHERE j.state = 'running'"""
INDEX = re.compile(r"CREATE INDEX (\w+).*?;", re.DOTALL)


def fill(server: Server, shape: Shape, scale: float, name: str) -> str:
    """URL of a new database `name` with the shape's table, never vacuumed and never analyzed."""
    url = server.database(name)
    ddl = source("demo/river_table").replace("river.", "public.")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Session(url, "benchmark") as sql, Progress(*columns) as progress:
        sql.execute("CREATE EXTENSION pg_stat_statements")
        sql.execute(ddl)
        indexes = list(INDEX.finditer(ddl))
        for index in indexes:
            sql.execute(f"DROP INDEX {index[1]}")
        for rows in shape.rows:
            _insert(sql, rows, max(1, round(rows.number * scale)), progress, shape.name)
        for index in progress.track(indexes, description=f"{shape.name}: indexes"):
            sql.execute(index[0])
        # CREATE INDEX counts the rows; a table that grew under its indexes would not know them before an ANALYZE.
        if shape.beating:
            install(url, None, None)
            sql.execute(BEATS, {})
        sql.execute("UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE relname LIKE 'river_job%%'", {})
    return url


def vacuum(url: str) -> None:
    """What autovacuum does within a minute or so of a load."""
    with Session(url, "benchmark") as sql:
        sql.execute("VACUUM ANALYZE")


def _insert(sql: Session, rows: Rows, number: int, progress: Progress, name: str) -> None:
    task = progress.add_task(f"{name}: {_what(rows)}", total=number)
    for batch in range(math.ceil(number / BATCH)):
        first, last = batch * BATCH + 1, min((batch + 1) * BATCH, number)
        sql.execute(rows.insert(), {"first": first, "last": last, "number": number})
        progress.update(task, completed=last)


def _what(rows: Rows) -> str:
    return rows.state.strip("'") if rows.state.startswith("'") else "finished"
