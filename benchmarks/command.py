"""The command line of the benchmarks: which parts, which shapes, how large, how often; prints tables."""

from __future__ import annotations

import importlib
import importlib.util
import sys

import click
from benchmarks import bloat, crowd, longest, memory, page, readings
from benchmarks.shapes import SHAPES
from rich.console import Console

from riverkeeper import logs

PARTS = ("shapes", "bloat", "page", "longest", "crowd", "memory", "ledger")


@click.command()
@click.option(
    "--shape", "names", multiple=True, type=click.Choice([shape.name for shape in SHAPES]), help="Only these."
)
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), help="Only these.  [default: all]")
@click.option("--scale", default=1.0, show_default=True, help="Of the number of rows.")
@click.option("--repeat", default=15, show_default=True, help="Readings that count, of each table.")
def main(names: tuple[str, ...], parts: tuple[str, ...], scale: float, repeat: int) -> None:
    """Measure what Riverkeeper costs. At scale 1 this needs 20 GB of disk and about half an hour."""
    logs.configure("error", "logfmt")
    console = Console(width=None if sys.stdout.isatty() else 200)  # a file is as wide as the tables
    wanted = parts or (("shapes",) if names else PARTS)
    if "shapes" in wanted:
        chosen = [shape for shape in SHAPES if not names or shape.name in names]
        console.print(*readings.measure(console, chosen, scale, repeat), sep="\n")
    if "bloat" in wanted:
        console.print(bloat.measure(scale, repeat))
    if "page" in wanted:
        console.print(page.measure(scale, repeat))
    if "longest" in wanted:
        console.print(longest.measure(scale, repeat))
    if "crowd" in wanted:
        console.print(crowd.measure(scale, repeat))
    if "memory" in wanted:
        console.print(memory.measure(scale))
    if "ledger" in wanted and importlib.util.find_spec("benchmarks.ledger"):
        importlib.import_module("benchmarks.ledger").main()


if __name__ == "__main__":
    main()
