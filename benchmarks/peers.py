"""Riverkeeper beside what shops use today, measured in one run: `python benchmarks/peers.py [--write]`.

First reads: what a minute of River UI, postgres_exporter, an Oban-style poller and Riverkeeper costs the database.
Then rescues: River's own rescuer beside Riverkeeper. `--write` puts the tables into docs/compared.md. Needs Go and
20 GB of disk, and takes about 40 minutes; `--rows 10000 --rows 1000000` takes less.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]  # beside `riverkeeper`, which is installed

from benchmarks.peer_reads import ReadCost, measure_reads  # noqa: E402 - found by the line above
from benchmarks.peer_rescues import HEALTHY, RESCUERS, Rescued, measure_rescues  # noqa: E402

from riverkeeper.demo.postgres import THROW_AWAY, start_postgres  # noqa: E402

PAGE = ROOT / "docs" / "compared.md"
PARTS = ("reads", "rescues")
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)


@click.command()
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), help="Only these.  [default: all]")
@click.option("--rows", "sizes", multiple=True, type=int, help="Finished jobs of a table.  [default: 10 k to 10 M]")
@click.option("--seconds", default=60.0, show_default=True, help="How long each way is asked, every 15 s.")
@click.option("--write", is_flag=True, help="Write the tables into docs/compared.md.")
def main(parts: tuple[str, ...], sizes: tuple[int, ...], seconds: float, write: bool) -> None:
    """Measure Riverkeeper and its peers."""
    subprocess.run(["bash", str(ROOT / "benchmarks/peers.sh")], check=True, stdout=sys.stderr)
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory() as folder:
        for part in parts or PARTS:
            rows = read_rows(sizes or SIZES, seconds, Path(folder)) if part == "reads" else rescue_rows(Path(folder))
            lines = list(shown(console, rows))
            sys.stdout.write("\n".join([*lines, "", measured_on(), ""]))
            if write:
                write_table(part, [*lines, "", measured_on()])


def read_rows(sizes: tuple[int, ...], seconds: float, folder: Path) -> Iterator[tuple[str, ...]]:
    yield "finished jobs in the table", "way", "one request", "slowest", "database, a minute", "pages, a minute"
    for cost in measure_reads(sizes, seconds, folder):
        yield _read_row(cost)


def _read_row(cost: ReadCost) -> tuple[str, ...]:
    times = (f"{value:,.0f} ms" for value in (cost.request, cost.slowest, cost.database))
    return f"{cost.rows:,}", cost.way, *times, f"{cost.pages:,}"


def rescue_rows(folder: Path) -> Iterator[tuple[str, ...]]:
    headings = "kill to next attempt: median", "longest", "healthy jobs stopped", "late results written"
    yield "who rescues", *headings
    with start_postgres((*THROW_AWAY, "max_connections=500")) as postgres:
        for rescued in measure_rescues(postgres, RESCUERS, folder):
            yield _rescue_row(rescued)


def _rescue_row(rescued: Rescued) -> tuple[str, ...]:
    late = f"{rescued.overwritten} of {rescued.late}" if rescued.late else "not tried"
    times = f"{rescued.median:,.0f} s", f"{max(rescued.took):,.0f} s"
    return rescued.rescuer.name, *times, f"{rescued.healthy_killed} of {HEALTHY}", late


def shown(console: Console, rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Lines of a Markdown table; each row is printed as soon as it is measured, for the run is long."""
    for number, row in enumerate(rows):
        console.print("  ".join(row), style="bold" if not number else "")
        yield f"| {' | '.join(row)} |"
        if not number:
            yield "|---" * len(row) + "|"


def measured_on() -> str:
    load = os.getloadavg()[2]
    cores, day = os.cpu_count(), datetime.now(UTC).date().isoformat()
    return f"*Measured on {day}: {cores} cores, {platform.system()}, load {load:.1f} over 15 minutes.*"


def write_table(part: str, lines: list[str]) -> None:
    begin, end = f"<!-- {part}: written by benchmarks/peers.py -->", f"<!-- end of {part} -->"
    before, _, rest = PAGE.read_text().partition(begin)
    after = rest.partition(end)[2]
    PAGE.write_text("\n".join([before + begin, *lines, end + after]))


if __name__ == "__main__":
    main()
