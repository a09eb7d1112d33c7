"""How long `riverkeeper look` takes on ten million jobs: `python benchmarks/look.py [--scale 0.1] [--repeat 5]`."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import click
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]  # beside `riverkeeper`, which is installed

from benchmarks.filling import fill, vacuum  # noqa: E402 - found by the line above
from benchmarks.readings import SERVER  # noqa: E402
from benchmarks.shapes import ERRORS, JUST_FINISHED, MILLION, Rows, Shape, finished, waiting  # noqa: E402

from riverkeeper.demo.postgres import Server, start_postgres  # noqa: E402
from riverkeeper.postgres.connection import Session  # noqa: E402

RESCUES = """CASE WHEN i %% 100 = 0 THEN '{"river:rescue_count": 1}' ELSE '{}' END::jsonb"""
SOME_ERRORS = f"CASE WHEN i %% 20 = 0 THEN {ERRORS} END"  # a twentieth of the jobs failed before
TROUBLED = Shape(
    "look",
    "9 M finished, 700 k waiting, 200 k retryable, 100 k running",
    (
        replace(finished(9 * MILLION), errors=SOME_ERRORS, metadata=RESCUES),
        waiting(700_000),
        Rows(200_000, "'retryable'", scheduled_at="now() + interval '1 hour' * share", errors=ERRORS, metadata=RESCUES),
        Rows(100_000, "'running'"),
        JUST_FINISHED,
    ),
)
# Without one `look` waits six seconds, for as long as an election takes.
LEADER = (
    "INSERT INTO river_leader (leader_id, elected_at, expires_at) VALUES ('worker', now(), now() + interval '1 day')"
    " ON CONFLICT (name) DO UPDATE SET expires_at = excluded.expires_at"
)
BUFFERS = "SELECT sum(shared_blks_hit + shared_blks_read)::bigint AS pages FROM pg_stat_statements"


@click.command()
@click.option("--scale", default=1.0, show_default=True, help="Of the number of rows.")
@click.option("--repeat", default=5, show_default=True, help="Runs of the command that count, of each table.")
def main(scale: float, repeat: int) -> None:
    """Measure `look`. At scale 1 this needs 15 GB of disk and some minutes."""
    shown = Table(title=f"riverkeeper look: medians of {repeat}, rows times {scale:g}")
    for heading in ("table", "", "first s", "median s", "most s", "processor s", "pages", "findings", "read"):
        shown.add_column(heading)
    with start_postgres((*SERVER, "max_connections=20")) as server:
        url = fill(server, TROUBLED, scale, "look")
        for state in ("as inserted", "vacuumed"):
            if state == "vacuumed":
                vacuum(url)
            shown.add_row(TROUBLED.title, state, *measure(server, url, repeat))
    Console(width=200).print(shown)


def measure(server: Server, url: str, repeat: int) -> list[str]:
    """Seconds of the whole command; the first run finds no page in the server's memory."""
    server.restart()
    with Session(url, "benchmark") as sql:
        sql.execute(LEADER)
        first, _ = run_look(url)
        sql.execute("SELECT pg_stat_statements_reset()")
        before = processor_seconds(server)
        runs = [run_look(url) for _ in range(repeat)]
        processor = (processor_seconds(server) - before) / repeat
        pages = sql.execute(BUFFERS)[0].pages // repeat
    times, report = [seconds for seconds, _ in runs], runs[-1][1]
    read = {part["state"]: part["jobs"] for part in report["read"]}
    figures = [f"{seconds:.2f}" for seconds in (first, median(times), max(times), processor)]
    return [*figures, f"{pages:,}", str(len(report["findings"])), str(read)]


def processor_seconds(server: Server) -> float:
    """Of the commands and of the server's sessions that have ended: it holds on a busy machine, wall time does not."""
    ours = resource.getrusage(resource.RUSAGE_CHILDREN)
    fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
    reaped = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")  # cutime and cstime
    return ours.ru_utime + ours.ru_stime + reaped


def run_look(url: str) -> tuple[float, dict[str, Any]]:
    """Seconds and the report."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "riverkeeper", "look", url, "--json"], check=True, capture_output=True, text=True
    )
    return time.monotonic() - began, json.loads(done.stdout)


if __name__ == "__main__":
    main()
