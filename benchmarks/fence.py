"""What the fence costs: throughput and CPU of real River with it and without it, in pairs that alternate.

`python benchmarks/fence.py [--pairs 7] [--durable] [--settling FOLDER]`; figures and method in docs/performance.md.
Needs Go. The client and the server run on the same cores. With --settling, a checkout of a commit whose clients still
settled their results (8d52037), jobs that have beaten are compared with those too.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from riverkeeper.demo.postgres import THROW_AWAY, Server, start_postgres
from riverkeeper.postgres.connection import Session

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
DURABLE = ("max_wal_size=4GB", "shared_buffers=512MB")  # a server that waits for its disk, as in production
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Arm:
    """One side of a comparison: a program, its mode, and a database that is prepared for it."""

    name: str
    program: Path
    mode: str
    url: str


@dataclass(frozen=True, slots=True)
class Load:
    """What is worked."""

    name: str
    flags: Sequence[str]
    jobs: int


SATURATED = Load("jobs that do nothing, 4,000 slots", ("--slots", "4000"), 40_000)
STEADY = Load("jobs that do nothing, 2,000 a second", ("--slots", "4000", "--rate", "2000"), 20_000)
BEATEN = Load(
    "jobs of half a second that have beaten, 2,000 slots",
    ("--slots", "2000", "--lasts", "500ms", "--beats", "200ms"),
    20_000,
)


def build(folder: Path, settling: Path | None) -> Path:
    """The worker, with the client of this tree or with that of a checkout before the fence."""
    program = folder / ("settling" if settling else "fenced")
    flags: list[str] = []
    if settling:
        module = folder / "settling.mod"
        text = (HERE / "fence" / "go.mod").read_text()
        module.write_text(text.replace("../../clients/go", f"{settling}/clients/go"))
        module.with_suffix(".sum").write_text((HERE / "fence" / "go.sum").read_text())
        flags = ["-mod=mod", f"-modfile={module}", "-tags=settling"]
    subprocess.run(["go", "build", "-p=2", *flags, "-o", program, "."], cwd=HERE / "fence", check=True)
    return program


def prepare(server: Server, name: str, program: Path, package: Path, *arguments: str) -> str:
    """The URL of a database with River's tables and the keeper schema of a tree."""
    url = server.database(name)
    subprocess.run([program, "--migrate", "--url", url], check=True)
    subprocess.run(
        [sys.executable, "-m", "riverkeeper", "schema", "install", *arguments],
        env={**os.environ, "PYTHONPATH": str(package), "RIVERKEEPER_DATABASE_URL": url},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return url


def server_cpu(server: Server) -> float:
    """Seconds that the server has spent: its present processes, and those that are gone."""
    spent = 0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # ended meanwhile
        if int(folder.name) == server.pid:
            spent += sum(map(int, fields[11:15]))
        elif int(fields[1]) == server.pid:
            spent += sum(map(int, fields[11:13]))
    return spent / TICKS


def run(server: Server, arm: Arm, load: Load) -> Mapping[str, float]:
    """One run of one arm."""
    with Session(arm.url) as session:
        session.execute("TRUNCATE river_job, riverkeeper.heartbeat")
    before = server_cpu(server)
    output = subprocess.run(
        [arm.program, "--url", arm.url, "--mode", arm.mode, "--jobs", str(load.jobs), *load.flags],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    result: dict[str, float] = json.loads(output)
    if result["completed"] != load.jobs:
        raise SystemExit(f"{arm.name}: {result['completed']} of {load.jobs} jobs are completed and bare of tokens")
    result["server_cpu"] = server_cpu(server) - before
    result["cpu"] = (result["server_cpu"] + result["client_cpu"]) / load.jobs * 1e6
    return result


def compare(server: Server, load: Load, first: Arm, second: Arm, pairs: int) -> None:
    """Print both sides, and the ratio of each pair; who begins alternates."""
    found: dict[str, list[Mapping[str, float]]] = {first.name: [], second.name: []}
    for pair in range(pairs):
        for arm in (first, second) if pair % 2 else (second, first):
            found[arm.name].append(run(server, arm, load))
    print(f"\n{load.name}; {pairs} pairs, load {os.getloadavg()[0]:.1f}")
    for name, results in found.items():
        told = {key: statistics.median(result[key] for result in results) for key in results[0]}
        print(
            f"  {name:40} {told['rate']:8.0f} jobs/s  {told['cpu']:6.1f} us CPU a job (server"
            f" {told['server_cpu'] / load.jobs * 1e6:.1f})  written after {told['wait']:.0f} ms"
            f"  {told['beaten']:.0f} beaten"
        )
    for key, wanted in (("rate", "throughput"), ("cpu", "CPU a job"), ("server_cpu", "CPU of the server")):
        ratios = sorted(b[key] / a[key] for a, b in zip(*found.values(), strict=True))
        print(
            f"  {second.name} / {first.name}, {wanted}: median {statistics.median(ratios):.3f}"
            f" ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )


def measure(server: Server, folder: Path, pairs: int, settling: Path | None, only: str | None) -> None:
    program, exporter = build(folder, None), ROOT / "exporter"
    open_ = prepare(server, "unfenced", program, exporter, "--no-fence")
    fenced = Arm("with the fence", program, "fenced", prepare(server, "fenced", program, exporter))
    plain = Arm("without the fence", program, "plain", open_)
    if only in (None, "saturated"):
        compare(server, SATURATED, plain, fenced, pairs)
        compare(server, SATURATED, Arm("without the middleware", program, "bare", open_), fenced, pairs)
    if only in (None, "steady"):
        compare(server, STEADY, plain, fenced, pairs)
    if settling and only in (None, "beaten"):
        old = build(folder, settling)
        settles = Arm("settling", old, "fenced", prepare(server, "settling", old, settling / "exporter"))
        compare(server, BEATEN, settles, fenced, pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--durable", action="store_true", help="let the server wait for its disk")
    parser.add_argument("--only", choices=("saturated", "steady", "beaten"), help="one comparison")
    parser.add_argument("--settling", type=Path, help="a checkout of a commit whose clients settled their results")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, start_postgres(DURABLE if options.durable else THROW_AWAY) as server:
        measure(server, Path(folder), options.pairs, options.settling and options.settling.resolve(), options.only)


if __name__ == "__main__":
    main()
