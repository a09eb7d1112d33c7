"""The options of a run, and the whole of it: from an empty folder to its record."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from e2e.chaos.environment import chaos_environment
from e2e.chaos.faults import draw_faults
from e2e.chaos.gather import gather
from e2e.chaos.record import Record
from e2e.chaos.run import Run
from e2e.chaos.workload import draw_jobs


@dataclass(frozen=True, slots=True)
class Plan:
    """The options of a run."""

    seed: int = 1
    seconds: float = 60.0
    pause: float = 2.5  # between two faults, on average
    rate: float = 3.0  # jobs a second
    workers: int = 6
    replicas: int = 2
    fenced: bool = True


def carry_out(plan: Plan, folder: Path) -> Record:
    """One run from start to end; its record is saved in the folder."""
    with chaos_environment(folder, plan.workers, plan.replicas, fenced=plan.fenced) as environment:
        places = [here.name for here in environment.workers], [here.name for here in environment.replicas]
        faults = draw_faults(plan.seed, plan.seconds, plan.pause, *places)
        leased = sum(number % 3 == 0 for number in range(1, plan.workers + 1)) / plan.workers
        made = Run(environment, faults, draw_jobs(plan.seed, plan.seconds, plan.rate, leased), plan.seconds)
        try:
            made.go()
        finally:
            made.close()
        record = gather(environment, made.troubles, plan.seed, plan.seconds, time.time())
    record.save(folder / "record.json")
    return record
