"""Readings of tables of several shapes, each beside a small table in the same minutes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from benchmarks.cost import Cost, compare, group_by, meter
from benchmarks.filling import fill, vacuum
from benchmarks.shapes import SHAPES, Shape
from benchmarks.truth import Verdict, judge
from rich.console import Console
from rich.table import Table

from riverkeeper.demo.postgres import THROW_AWAY, Server, start_postgres

SERVER = (
    *THROW_AWAY,
    "shared_buffers=2GB",  # the largest tables do not fit, their live part does
    "maintenance_work_mem=1GB",
    "max_wal_size=8GB",
    "autovacuum=off",  # each table is read before and after a vacuum of our own
    "shared_preload_libraries=pg_stat_statements",
    "pg_stat_statements.track_planning=on",
)
SMALL = SHAPES[0]


def measure(console: Console, shapes: Sequence[Shape], scale: float, repeat: int) -> tuple[Table, Table]:
    """Two tables, of costs and of the numbers read: a row for each shape as inserted, and one after a vacuum."""
    costs = Table(title=f"One reading: medians of {repeat}, rows times {scale:g}")
    for heading in ("table", "", "database ms", "processor ms", "wall ms", "pages", "wall ×e", "pages ×e"):
        costs.add_column(heading, justify="right" if heading[-2:] in {"ms", "es", "×e"} else "left")
    for heading in ("GROUP BY ms", "is × a reading", "slowest question"):
        costs.add_column(heading, justify="right")
    numbers = Table("table", "", "numbers", title="What was read, beside GROUP BY")
    with server() as postgres, table(postgres, SMALL, 1, "small") as small:
        vacuum(small)
        for shape in shapes:
            with table(postgres, shape, scale, "shape") as url:
                for state in ("as inserted", "vacuumed"):
                    if state == "vacuumed":
                        vacuum(url)
                    cost, beside, verdict = measure_shape(url, small, repeat)
                    costs.add_row(f"{shape.name}: {shape.title}", state, *figures(cost, beside, group_by(url, 3)))
                    numbers.add_row(shape.name, state, str(verdict))
                    console.print(f"{shape.name} {state}: {cost.database:.0f} ms of the database; {verdict}")
    return costs, numbers


def measure_shape(url: str, small: str, repeat: int) -> tuple[Cost, Cost, Verdict]:
    """Cost of a reading, that of the small table in turn with it, and how right the last one was."""
    with meter(url) as shape, meter(small) as beside:
        cost, small_cost = compare([shape, beside], repeat)
        return cost, small_cost, judge(url, shape.last)


def figures(cost: Cost, beside: Cost, naive: tuple[float, int]) -> Iterator[str]:
    yield f"{cost.database:.1f}"
    yield "" if cost.processor is None else f"{cost.processor:.1f}"
    yield f"{cost.wall:.1f}"
    yield f"{cost.pages:,}"
    yield f"{cost.wall / beside.wall:.2f}"
    yield f"{cost.pages / beside.pages:.2f}"
    yield f"{naive[0]:,.0f}"
    yield f"{naive[0] / cost.database:,.0f}"
    yield cost.slowest


@contextlib.contextmanager
def server() -> Iterator[Server]:
    """A server with settings as on a small dedicated machine."""
    with start_postgres(SERVER) as postgres:
        yield postgres


@contextlib.contextmanager
def table(postgres: Server, shape: Shape, scale: float, name: str) -> Iterator[str]:
    """URL of a database with a new table of the shape, dropped at the end: disk is not endless."""
    try:
        yield fill(postgres, shape, scale, name)
    finally:
        postgres.execute(f'DROP DATABASE IF EXISTS "{name}"')
