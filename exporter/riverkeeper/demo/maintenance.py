"""River's leader: elected among the clients, it moves due jobs, rescues old claims and deletes old rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from riverkeeper.demo.attempt import BACKOFF_SCALE
from riverkeeper.demo.clients import Client
from riverkeeper.demo.postgres import Table
from riverkeeper.demo.simulation import Simulation
from riverkeeper.river.layout import FINAL_STATES

# River's own numbers, except for those two: a demo that runs for an hour must show all of it, and stay small.
ELECT_SECONDS, TERM_SECONDS = 5.0, 15.0
SCHEDULE_SECONDS = 5.0
CLEAN_SECONDS = 30.0
KEEP_SECONDS, KEEP_DISCARDED_SECONDS = 900.0, 3600.0  # River: a day, a week
RESCUE_SECONDS, RESCUE_AFTER_SECONDS = 30.0, 300.0  # River: after an hour


@dataclass(slots=True)
class Chore:
    """Something done at intervals."""

    every: float
    do: Callable[[], object]
    due: float = 0.0

    def run(self, now: float) -> None:
        if now >= self.due:
            self.due = now + self.every
            self.do()


class DemoUpkeep:
    """The leader's services; they rest while the elected client is dead, as River's do."""

    def __init__(self, table: Table, simulation: Simulation, finished: Counter[str]) -> None:
        self._table = table
        self._finished = finished
        self._simulation = simulation
        self._election = Chore(ELECT_SECONDS, self._elect)
        self._services = (
            Chore(SCHEDULE_SECONDS, lambda: table.run("move_due_jobs", {})),
            Chore(RESCUE_SECONDS, self._rescue),
            Chore(CLEAN_SECONDS, self._clean),
        )
        self.leader: str | None = None

    def run(self, now: float) -> None:
        """Elect when it is time, and do what is due if the leader lives."""
        self._election.run(now)
        if self._simulation.lives(self.leader):
            for service in self._services:
                service.run(now)

    def resign(self, stopped: Iterable[Client]) -> None:
        """A leader that stops in order gives its place up at once."""
        for client in stopped:
            if client.id == self.leader:
                self._table.run("resign_leader", {"leader": client.id})
                self.leader = None

    def _elect(self) -> None:
        candidate = self._simulation.candidate(self.leader)
        if candidate and self._table.run("elect_leader", {"candidate": candidate, "term": TERM_SECONDS}):
            self.leader = candidate

    def _rescue(self) -> None:
        limits = {"seconds": RESCUE_AFTER_SECONDS, "backoff": BACKOFF_SCALE}
        rescued = self._table.run("rescue_old_claims", limits)
        self._finished.update(row.state for row in rescued if row.state in FINAL_STATES)

    def _clean(self) -> None:
        self._table.run("delete_old_jobs", {"keep": KEEP_SECONDS, "keep_discarded": KEEP_DISCARDED_SECONDS})
