"""From kill -9 of a real River worker until River has worked its job again: p50, p99 and max of many kills.

    PYTHONPATH=tests python -m e2e.measure_kills --kills 100 --tier urgent      (after tests/e2e/tools.sh)
    PYTHONPATH=tests python -m e2e.measure_kills --kills 150 --rust 20          (twenty of the thirty are in Rust)

A fleet of thirty workers, one replica in live mode, the defaults. In each round a tenth to a third of the workers
is killed at one moment, each with a job that River itself would never rescue, and replaced.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from e2e.river import Fleet, River, fleet_at_work
from e2e.riverkeeper_process import RiverkeeperProcess, replica_at_work, riverkeeper
from fixtures.waiting import until
from riverkeeper.demo.postgres import THROW_AWAY, start_postgres

WORKERS = 30
AT_ONCE = 10  # a third of the fleet: under max_share, so that no brake takes part
PATIENCE = 400.0
# The interval of the beats and the keeper's configuration; everything else is at its default.
WAYS = {
    "urgent": (("-beat", "table", "-interval", "2s"), "assign: [{tier: urgent}]"),
    "standard": (("-beat", "table", "-interval", "10s"), "assign: [{tier: standard}]"),
    "metadata": (("-beat", "metadata", "-interval", "30s"), "assign: [{tier: standard}]"),
}
RUNNING = """
SELECT id, attempted_by[cardinality(attempted_by)] FROM river_job
WHERE kind = 'steady' AND state = 'running' AND attempt = 1 AND attempted_at < now() - interval '3 seconds'
"""
SILENT = """
SELECT 1 FROM river_job AS j
WHERE j.kind = 'steady' AND j.state = 'running' AND NOT (
    j.metadata ? 'health_check_at'
    OR EXISTS (SELECT FROM riverkeeper.heartbeat AS h WHERE h.job_id = j.id AND h.attempted_at = j.attempted_at)
)
"""
DONE = "SELECT id FROM river_job WHERE kind = 'steady' AND state = 'completed' AND attempt = 2"


@dataclass(slots=True)
class Fleets:
    """Thirty workers, each of one slot, so that a killed one takes one job with it."""

    river: River
    folder: Path
    flags: tuple[str, ...]
    programs: contextlib.ExitStack
    rust: int = 0  # so many of them; the others are in Go
    alive: dict[str, Fleet] = field(default_factory=dict)
    made: int = 0

    def fill(self) -> None:
        while len(self.alive) < WORKERS:
            self.made += 1
            in_rust = sum(name.startswith("rust") for name in self.alive) < self.rust
            name = f"{'rust' if in_rust else 'go'}{self.made}"
            flags = (*self.flags, "-workers", "1", "-queues", "default")
            river = replace(self.river, program="fleet-rust") if in_rust else self.river
            self.alive[name] = self.programs.enter_context(fleet_at_work(river, self.folder, name, *flags))
        if "table" in self.flags:
            until(self._all_beat, "every worker to beat", PATIENCE)

    def _all_beat(self) -> bool:
        beating = {row[0] for row in self.river.rows("SELECT client_id FROM riverkeeper.client")}
        return self.alive.keys() <= beating

    def kill(self, name: str) -> None:
        self.alive.pop(name).program.kill()


def main() -> None:
    """Print the times of all kills of one way."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    asked.add_argument("--kills", type=int, default=100)
    asked.add_argument("--tier", choices=WAYS, default="urgent")
    asked.add_argument("--rust", type=int, default=0, help="so many of the thirty workers are in Rust")
    given = asked.parse_args()
    with place(given.tier, given.rust) as (fleets, replica):
        took: list[tuple[str, float]] = []  # the killed worker's language, and seconds
        while len(took) < given.kills:
            took += one_round(fleets, min(AT_ONCE, given.kills - len(took)))
            slowest = max(seconds for _, seconds in took)
            sys.stderr.write(f"\r{len(took)} of {given.kills} kills, the slowest {slowest:.1f} s ")
        refused = replica.scrape().values("riverkeeper_late_finishes_total", "queue", "kind")
    for language in sorted({language for language, _ in took}):
        report(f"{given.tier}, {language}", [seconds for of, seconds in took if of == language])
    sys.stdout.write(f"false rescues {sum(refused.values()):.0f}\n")


def report(name: str, took: list[float]) -> None:
    """Print one line for the kills of workers in one language."""
    ranked = sorted(took)
    p99 = ranked[min(len(ranked) - 1, int(0.99 * len(ranked)))]
    times = f"p50 {statistics.median(took):.1f} s, p99 {p99:.1f} s, max {ranked[-1]:.1f} s"
    sys.stdout.write(f"\n{name}: {len(took)} kills, {times}\n")


@contextlib.contextmanager
def place(tier: str, rust: int) -> Iterator[tuple[Fleets, RiverkeeperProcess]]:
    flags, config = WAYS[tier]
    with contextlib.ExitStack() as programs:
        folder = Path(programs.enter_context(tempfile.TemporaryDirectory()))
        postgres = programs.enter_context(start_postgres((*THROW_AWAY, "max_connections=500")))
        river = River(postgres.database("kills"))
        river.migrate()
        riverkeeper(river, "schema", "install")
        file = folder / "riverkeeper.yml"
        file.write_text(f"rescue: {{mode: live, max_per_minute: 100000}}\n{config}\n")
        replica = programs.enter_context(replica_at_work(river.url, folder, "", "--config.file", str(file)))
        fleets = Fleets(river, folder, flags, programs, rust)
        fleets.fill()
        until(lambda: not held(replica), "the grace to end", PATIENCE)
        yield fleets, replica


def held(replica: RiverkeeperProcess) -> bool:
    return bool(replica.scrape().value("riverkeeper_brake_engaged", brake="grace"))


def one_round(fleets: Fleets, kills: int) -> list[tuple[str, float]]:
    """For each job the language of the killed worker, and seconds from the kill to the end of the second attempt."""
    before = {row[0] for row in fleets.river.rows(DONE)}
    fleets.fill()
    fleets.river.insert(kills, "-kinds", "steady", "-queues", "default")
    running = until(lambda: found if len(found := fleets.river.rows(RUNNING)) == kills else None, "the jobs to run", 60)
    settle(fleets)
    began = time.monotonic()
    for _, worker in running:
        fleets.kill(worker)
    missing, took = {job: worker.rstrip("0123456789") for job, worker in running}, []

    def all_done() -> bool:
        done = {row[0] for row in fleets.river.rows(DONE)} - before
        for job in missing.keys() & done:
            took.append((missing.pop(job), time.monotonic() - began))
        return not missing

    until(all_done, "every job to be worked again", PATIENCE)
    return took


def settle(fleets: Fleets) -> None:
    """Each of the claims has beaten, as it would have in the middle of a job."""
    until(lambda: not fleets.river.rows(SILENT), "every claim to beat", PATIENCE)


if __name__ == "__main__":
    main()
