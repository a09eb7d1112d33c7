"""A queue whose head is full of dead index entries: many jobs finished while an old transaction may still see them."""

from __future__ import annotations

from benchmarks.cost import compare, meter
from benchmarks.filling import vacuum
from benchmarks.readings import server, table
from benchmarks.shapes import Shape, waiting
from rich.table import Table

from riverkeeper.postgres.connection import Session

JOBS = 1_000_000
SHAPE = Shape("bloat", "1 M available in one queue", (waiting(JOBS, queue="'queue'", priority="1"),))
WORK_OFF = """
UPDATE river_job SET state = 'completed', attempt = 1, attempted_at = now(), finalized_at = now() - interval '1 hour'
WHERE id <= %(last)s
"""


def measure(scale: float, repeat: int) -> Table:
    """One row for each stage: before, while an old transaction keeps the dead entries, after it, after a vacuum."""
    shown = Table("stage", "database ms", "processor ms", "pages", title="Dead entries at the head of the queue")
    with server() as postgres, table(postgres, SHAPE, scale, "bloat") as url:
        vacuum(url)

        def add(stage: str, readings: int = repeat) -> None:
            with meter(url) as reading:
                (cost,) = compare([reading], readings)
            shown.add_row(stage, f"{cost.database:.1f}", f"{cost.processor or 0:.1f}", f"{cost.pages:,}")

        add("before")
        with Session(url, "old transaction") as old, Session(url, "workers") as workers:
            old.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            old.execute("SELECT count(*) FROM river_job WHERE state = 'running'")
            workers.execute(WORK_OFF, {"last": int(JOBS * scale / 2)})
            add("half worked off, an older transaction is open")
        add("that transaction has ended")
        vacuum(url)
        add("after a vacuum")
    return shown
