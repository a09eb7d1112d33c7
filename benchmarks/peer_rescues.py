"""River's own rescuer and Riverkeeper beside it: how soon a job runs again, and what that costs jobs that are fine.

Real workers of River's newest release on one server. A job is claimed, and five seconds later its worker is killed.
Healthy jobs of fifty seconds run beside it: in a shop they take hours, and so does River's shortest safe limit. Other
workers are frozen for as long as it takes, and continue when the next attempt runs.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from e2e.programs import Program
from e2e.river import River, fleet_at_work
from e2e.riverkeeper_process import RiverkeeperProcess, replica_at_work, riverkeeper
from fixtures.waiting import until
from riverkeeper.demo.postgres import Server

PATIENCE = 300.0
HEALTHY_SECONDS = 50
HEALTHY = 10  # jobs
KILLED = FROZEN = 5  # workers, each with one job; as many others of their queue come for the next attempt
AGE_AT_KILL = 5.0
LATE_SECONDS = 20.0  # so long is waited for the results of thawed workers; each was there within two seconds when tried
DEFAULT_LIMIT = 3600.0  # River's own; the run moves the rows back rather than wait for it

INSERT = """
INSERT INTO river_job (state, queue, kind, args, max_attempts, metadata)
SELECT 'available', %(queue)s, %(kind)s, %(args)s::jsonb, 25, %(metadata)s::jsonb FROM generate_series(1, %(jobs)s)
"""
CLAIMED = "SELECT id, attempted_by[1] FROM river_job WHERE queue = %(queue)s AND state = 'running' AND attempt = 1"
AGAIN = "SELECT id, attempted_at FROM river_job WHERE queue = %(queue)s AND attempt = 2 AND attempted_at IS NOT NULL"
NOW = "SELECT clock_timestamp()"
BACK = "UPDATE river_job SET attempted_at = attempted_at - make_interval(secs => %(seconds)s) WHERE id = ANY(%(ids)s)"
END_FIRST = """UPDATE river_job SET metadata = metadata || '{"ends": {"1": "success"}}' WHERE queue = 'frozen'"""
# The second attempt still works, for nothing tells it to end: what completed its row is the result of the first.
OVERWRITTEN = "SELECT count(*) FROM river_job WHERE queue = 'frozen' AND state = 'completed' AND attempt = 2"
DROPPED = "SELECT count(*) FROM riverkeeper.late_result"
HEALTHY_ENDS = "SELECT count(*) FROM river_job WHERE queue = 'healthy' AND (errors IS NOT NULL OR attempt > 1)"
HEALTHY_LEFT = "SELECT count(*) FROM river_job WHERE queue = 'healthy' AND state <> 'completed' AND errors IS NULL"


@dataclass(frozen=True, slots=True)
class Rescuer:
    """Who rescues: River by its limit alone, or Riverkeeper in a tier beside River at its default."""

    name: str
    river_limit: float  # seconds; RescueStuckJobsAfter, and JobTimeout where it is shorter
    moved: float = 0.0  # seconds by which the claims are moved back after the kill, in place of waiting
    tier: str = ""
    interval: str = "2s"  # of the beats


RESCUERS = (
    Rescuer("River, default (1 h)", DEFAULT_LIMIT, moved=DEFAULT_LIMIT - 60),
    Rescuer("River, shortest safe: above the longest job (60 s here)", 60),
    Rescuer("River, limit below the longest job (20 s here)", 20),
    Rescuer("Riverkeeper, tier standard", DEFAULT_LIMIT, tier="standard", interval="10s"),
    Rescuer("Riverkeeper, tier urgent", DEFAULT_LIMIT, tier="urgent"),
)


@dataclass(slots=True)
class Rescued:
    """What one rescuer did. Seconds by the database's clock, from the kill to the claim of the next attempt."""

    rescuer: Rescuer
    took: list[float] = field(default_factory=list)
    healthy_killed: int = 0
    late: int = 0  # workers that were thawed
    overwritten: int = 0

    @property
    def median(self) -> float:
        return statistics.median(self.took)


def measure_rescues(postgres: Server, rescuers: Sequence[Rescuer], folder: Path) -> Iterator[Rescued]:
    for number, rescuer in enumerate(rescuers):
        place = folder / str(number)
        place.mkdir()
        river = River(postgres.database(f"rescues_{number}"))
        river.migrate()
        with _fleet(river, rescuer, place) as workers:
            result = Rescued(rescuer)
            _insert(river, "healthy", "long", HEALTHY, f'{{"seconds": {HEALTHY_SECONDS}}}')
            _kill_workers(river, rescuer, workers, result)
            if not rescuer.moved:  # a frozen worker would have to stand still for the hour
                _thaw_workers(river, rescuer, workers, result)
            _wait_until_healthy_end(river)
            result.healthy_killed = _count(river, HEALTHY_ENDS)
        yield result


@contextlib.contextmanager
def _fleet(river: River, rescuer: Rescuer, folder: Path) -> Iterator[dict[str, Program]]:
    """Workers of one slot each for the queues `killed` and `frozen`, twice as many as jobs. The healthy one leads."""
    flags = ["-rescue-after", f"{rescuer.river_limit:.0f}s"]
    wanted = {f"{queue}{index}": (queue, "1") for queue in ("killed", "frozen") for index in range(2 * KILLED)}
    with contextlib.ExitStack() as programs:
        if rescuer.tier:
            flags += ["-beat", "table", "-interval", rescuer.interval]
            replica = programs.enter_context(_replica(river, rescuer.tier, folder))
        workers = {}
        for name, (queue, slots) in {"healthy": ("healthy", str(HEALTHY)), **wanted}.items():
            own = (*flags, "-workers", slots, "-queues", queue)
            workers[name] = programs.enter_context(fleet_at_work(river, folder, name, *own)).program
        if rescuer.tier:
            _wait_until_it_acts(river, replica, set(workers))
        yield workers


@contextlib.contextmanager
def _replica(river: River, tier: str, folder: Path) -> Iterator[RiverkeeperProcess]:
    riverkeeper(river, "schema", "install")
    file = folder / "riverkeeper.yml"
    file.write_text(f"rescue: {{mode: live}}\nassign: [{{tier: {tier}}}]\n")
    with replica_at_work(river.url, folder, "", "--config.file", str(file)) as replica:
        yield replica


def _wait_until_it_acts(river: River, replica: RiverkeeperProcess, workers: set[str]) -> None:
    def ready() -> bool:
        beating = {row[0] for row in river.rows("SELECT client_id FROM riverkeeper.client")}
        return workers <= beating and replica.scrape().value("riverkeeper_brake_engaged", brake="grace") == 0

    until(ready, "every worker to beat and the grace to end", PATIENCE)


def _kill_workers(river: River, rescuer: Rescuer, workers: dict[str, Program], result: Rescued) -> None:
    """Kills workers in the middle of their jobs; others of the queue come for the next attempt."""
    _insert(river, "killed", "timed", KILLED)
    claims = _claimed(river, "killed", KILLED)
    time.sleep(AGE_AT_KILL)
    died = river.rows(NOW)[0][0]
    for name in claims.values():
        workers[name].kill()
    if rescuer.moved:
        river.rows(BACK, seconds=rescuer.moved, ids=list(claims))
    result.took = [(at - died).total_seconds() + rescuer.moved for at in _run_again(river, "killed", KILLED).values()]


def _thaw_workers(river: River, rescuer: Rescuer, workers: dict[str, Program], result: Rescued) -> None:
    """Freezes workers until the next attempt of their jobs runs; then they continue, and report that theirs is done."""
    _insert(river, "frozen", "late", FROZEN)
    claims = _claimed(river, "frozen", FROZEN)
    time.sleep(AGE_AT_KILL)
    with contextlib.ExitStack() as frozen:
        for name in claims.values():
            frozen.enter_context(workers[name].frozen())
        _run_again(river, "frozen", FROZEN)
        river.rows(END_FIRST)
    result.late, deadline = FROZEN, time.monotonic() + LATE_SECONDS
    while time.monotonic() < deadline and result.overwritten + (_count(river, DROPPED) if rescuer.tier else 0) < FROZEN:
        time.sleep(0.2)
        result.overwritten = _count(river, OVERWRITTEN)


def _run_again(river: River, queue: str, jobs: int) -> dict[int, datetime]:
    """When the second attempt of each job was claimed, by the database's clock; once all of them were."""

    def found() -> dict[int, datetime] | None:
        again = dict(river.rows(AGAIN, queue=queue))
        return again if len(again) == jobs else None

    return until(found, f"the jobs of {queue} to run again", PATIENCE)


def _wait_until_healthy_end(river: River) -> None:
    until(lambda: not _count(river, HEALTHY_LEFT), "the healthy jobs to end", PATIENCE)


def _insert(river: River, queue: str, kind: str, jobs: int, args: str = "{}", metadata: str = "{}") -> None:
    river.rows(INSERT, queue=queue, kind=kind, jobs=jobs, args=args, metadata=metadata)


def _claimed(river: River, queue: str, jobs: int) -> dict[int, str]:
    """The worker of each job, once all of them run."""
    return until(
        lambda: found if len(found := dict(river.rows(CLAIMED, queue=queue))) == jobs else None, "the jobs to run", 60
    )


def _count(river: River, statement: str) -> int:
    count: int = river.rows(statement)[0][0]
    return count
