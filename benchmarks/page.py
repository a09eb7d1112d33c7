"""The metrics page of the largest shop that it is made for: two thousand kinds in each of fifty queues."""

from __future__ import annotations

import time
from statistics import median

from benchmarks.cost import meter
from benchmarks.filling import vacuum
from benchmarks.readings import server, table
from benchmarks.shapes import SHAPES
from rich.table import Table

from riverkeeper.metrics.catalogue.process import Process
from riverkeeper.metrics.exposition import Exposition

TEXT = ""  # what a client accepts that asks for nothing
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"
MANY_KINDS = next(shape for shape in SHAPES if shape.name == "d")


def measure(scale: float, repeat: int) -> Table:
    """One row for each format."""
    shown = Table(
        "format", "series", "kB", "processor ms", "longest ms", title="The page of 50 queues with 2,000 kinds"
    )
    with server() as postgres, table(postgres, MANY_KINDS, scale, "page") as url:
        vacuum(url)
        with meter(url) as reading:
            snapshot = reading.last
    exposition, process = Exposition(), Process()
    for name, accept in (("text", TEXT), ("OpenMetrics", OPEN_METRICS)):
        spent = []
        for _ in range(repeat):
            began = time.process_time()
            body, _ = exposition.page(snapshot, process, accept, frozenset())
            spent.append((time.process_time() - began) * 1e3)
        row = (f"{process.series:,}", f"{len(body) / 1024:,.0f}", f"{median(spent):.0f}", f"{max(spent):.0f}")
        shown.add_row(name, *row)
    return shown
