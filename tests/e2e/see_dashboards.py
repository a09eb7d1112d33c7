"""Draws the boards of two Rivers with faults, as the pictures of dashboards/README.md.

`RIVERKEEPER_TOOLS=… PYTHONPATH=tests .venv/bin/python -m e2e.see_dashboards docs/images --minutes 15`, after
tests/e2e/tools.sh. All of it is real but Grafana's server: workers, replicas, Prometheus with the shipped rules. The
boards are read when they are drawn. What happens when is in FAULTS.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import yaml

from dashboards.boards import FILES, FOLDER
from e2e.measure_resumes import INSERT, TABLE
from e2e.programs import free_port, started, tool
from e2e.rescue_environment import ALERTS, ready
from e2e.river import Fleet, River, fleet_at_work
from e2e.riverkeeper_process import replica_at_work, riverkeeper
from fixtures.waiting import until
from riverkeeper.assets.alerting import RULES
from riverkeeper.demo.postgres import start_postgres

RENDER = Path(__file__).parent / "render"
WIDTH, PHONE_WIDTH = 1280, 390
HEIGHTS = {"overview": 1480, "kind": 945, "rescue": 1592}  # where a row of panels ends; the board of the fleet is short
PHONE_COLUMN = 1500  # pixels; two of them stand side by side
SCRAPE_SECONDS = 5
STEPS, STEP_MILLISECONDS = 30_000, 50  # of the job that saves checkpoints: 25 minutes
CONFIG = """
rescue: {{mode: {mode}, max_share: 1.0}}
tiers: {{nightly: {{mode: dry_run, heartbeat_timeout: 20s}}}}
assign:
- {{queue: payments, tier: urgent}}
- {{queue: imports, tier: nightly}}
- {{queue: bulk, tier: bulk}}
- {{tier: standard}}
"""
BEATS = ("-beat", "table", "-interval", "2s")


@dataclass(slots=True)
class WatchedFleet:
    """One River, its workers by name, and the addresses of its replicas."""

    name: str
    river: River
    folder: Path
    programs: contextlib.ExitStack
    replicas: list[str] = field(default_factory=list)
    workers: dict[str, Fleet] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def start_worker(self, role: str, queues: str, *flags: str) -> None:
        """One more process in this role; an earlier one is gone, or goes on."""
        client = f"{self.name}-{role}-{next(self.numbers)}"
        work = ("-queues", queues, *BEATS, *flags)
        self.workers[role] = self.programs.enter_context(fleet_at_work(self.river, self.folder, client, *work))

    def start_replicas(self, number: int, mode: str) -> None:
        (self.folder / "riverkeeper.yml").write_text(CONFIG.format(mode=mode))
        for each in range(number):
            home = self.folder / f"replica-{each}"
            home.mkdir()
            flags = ("--config.file", str(self.folder / "riverkeeper.yml"))
            replica = self.programs.enter_context(replica_at_work(self.river.url, home, "", *flags))
            self.replicas.append(replica.address)


def start_orders(fleet: WatchedFleet) -> None:
    """Every kind of the mix; jobs that beat for long; one that saves checkpoints; jobs for a queue without workers."""
    fleet.river.rows(TABLE)
    with fleet.river.connect() as sql:
        sql.execute(INSERT.encode(), (STEPS, STEP_MILLISECONDS, 1))
        sql.execute("UPDATE river_job SET queue = 'reports'")
    fleet.start_worker("web", "default,mail", "-rate", "6", "-workers", "8")
    start_batch(fleet)
    fleet.start_worker("payments", "payments", "-workers", "4")
    fleet.start_worker("imports", "imports", "-workers", "2")
    fleet.river.insert(3, "-kinds", "steady", "-queues", "payments")
    fleet.river.insert(2, "-kinds", "steady", "-queues", "imports")
    fleet.river.insert(5, "-kinds", "short", "-queues", "exports")


def start_batch(fleet: WatchedFleet) -> None:
    fleet.start_worker("batch", "default,bulk,reports", "-rate", "2", "-workers", "6")


def start_media(fleet: WatchedFleet) -> None:
    fleet.start_worker("video", "default", "-rate", "1", "-kinds", "short,checked,flaky", "-workers", "4")


def kill_payments(fleet: WatchedFleet) -> None:
    """Its jobs are rescued, by another process."""
    fleet.workers["payments"].program.kill()
    fleet.start_worker("payments", "payments", "-workers", "4")
    fleet.river.insert(3, "-kinds", "steady", "-queues", "payments")


def kill_batch(fleet: WatchedFleet) -> None:
    """The jobs that save checkpoints resume in another process."""
    fleet.workers["batch"].program.kill()
    start_batch(fleet)


def pause_bulk(fleet: WatchedFleet) -> None:
    fleet.river.fleet("pause", "bulk")


def resume_bulk(fleet: WatchedFleet) -> None:
    fleet.river.fleet("resume", "bulk")


def suspend_imports(fleet: WatchedFleet) -> None:
    """For good: its tier is in dry run, so its jobs stay stuck."""
    fleet.programs.enter_context(fleet.workers["imports"].program.frozen())


def suspend_payments(fleet: WatchedFleet) -> None:
    """Until its jobs were rescued: a false rescue, which engages a brake."""
    with fleet.workers["payments"].program.frozen():
        wait(40)


# Minute of the run, and what happens in the River `orders`.
FAULTS: tuple[tuple[float, Callable[[WatchedFleet], None]], ...] = (
    (1, suspend_imports),
    (2, pause_bulk),
    (3, kill_payments),
    (4, resume_bulk),
    (5, kill_batch),
    (7, pause_bulk),
    (8, kill_payments),
    (9, kill_batch),
    (10, suspend_payments),
)


def wait(seconds: float) -> None:
    threading.Event().wait(seconds)


@contextlib.contextmanager
def fleets_at_work(folder: Path) -> Iterator[list[WatchedFleet]]:
    """`orders`, which two replicas rescue, and `media`, which one replica watches in dry run."""
    with contextlib.ExitStack() as programs:
        server = programs.enter_context(start_postgres())
        fleets = []
        for name in ("orders", "media"):
            home = folder / name
            home.mkdir()
            river = River(server.database(name))
            river.migrate()
            riverkeeper(river, "schema", "install")
            fleets.append(WatchedFleet(name, river, home, programs))
        start_orders(fleets[0])
        start_media(fleets[1])
        fleets[0].start_replicas(2, "live")
        fleets[1].start_replicas(1, "dry_run")
        yield fleets


@contextlib.contextmanager
def prometheus_of(fleets: Sequence[WatchedFleet], folder: Path) -> Iterator[str]:
    """The address of one that scrapes each River as a job of its name, with the shipped rules."""
    every = f"{SCRAPE_SECONDS}s"
    config = {
        "global": {"scrape_interval": every, "evaluation_interval": every},
        "rule_files": [str(ALERTS / f"{name}.yml") for name in RULES],
        "scrape_configs": [
            {"job_name": fleet.name, "static_configs": [{"targets": fleet.replicas}]} for fleet in fleets
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    flags = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb"]
    with started("prometheus", [tool("prometheus"), *flags, f"--web.listen-address={address}"], folder):
        until(lambda: ready(address), "Prometheus to be ready")
        yield address


def let_happen(fleet: WatchedFleet, minutes: float) -> None:
    begun = time.monotonic()
    for minute, fault in FAULTS:
        wait(max(0.0, begun + minute * 60 - time.monotonic()))
        say(f"minute {minute:.0f}: {fault.__name__}")
        fault(fleet)
    wait(max(0.0, begun + minutes * 60 - time.monotonic()))


def draw_boards(prometheus: str, pictures: Path, folder: Path, minutes: float) -> None:
    """The four boards on a screen, and the overview on a phone."""
    for file in FILES:
        name = file.removesuffix(".json")
        height = ("--height", str(HEIGHTS[name])) if name in HEIGHTS else ()
        shoot(prometheus, folder, WIDTH, minutes, *height, str(FOLDER / file))
        say(str((folder / f"{name}.png").replace(pictures / f"dashboard-{name}.png")))
    shoot(prometheus, folder, PHONE_WIDTH, minutes, str(FOLDER / "overview.json"))
    fold(folder / "overview.png", pictures / "dashboard-phone.png")


def shoot(prometheus: str, out: Path, width: int, minutes: float, *rest: str) -> None:
    """A panel without data is reported, and drawn as it is."""
    chosen = json.dumps({"job": "orders", "kind": "checked"})
    options = ("--prometheus", f"http://{prometheus}", "--out", str(out), "--width", str(width), "--vars", chosen)
    command = ["node", "shoot.mjs", *options, "--minutes", str(round(minutes)), *rest]
    done = subprocess.run(command, cwd=RENDER, check=False, capture_output=True, text=True)
    say(done.stderr.strip() or "every panel has data")
    assert done.stdout, done.stderr


def fold(tall: Path, picture: Path) -> None:
    """The first two columns of what a phone shows, side by side."""
    command = ["node", "fold.mjs", "--column", str(PHONE_COLUMN), "--out", str(picture.resolve()), str(tall)]
    subprocess.run(command, cwd=RENDER, check=True)
    say(str(picture))


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(pictures: Path, minutes: float) -> None:
    with (
        tempfile.TemporaryDirectory() as name,
        fleets_at_work(Path(name)) as fleets,
        prometheus_of(fleets, Path(name)) as prometheus,
    ):
        let_happen(fleets[0], minutes)
        draw_boards(prometheus, pictures.resolve(), Path(name), minutes)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--minutes", type=float, default=15.0)
    given = parser.parse_args()
    main(given.pictures, given.minutes)
