"""The simulated clients at work on the table: one round of batched statements a tick."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass

from riverkeeper.demo.attempt import FetchedJob, Result, encode_results
from riverkeeper.demo.kinds import QUEUES
from riverkeeper.demo.maintenance import Chore, DemoUpkeep
from riverkeeper.demo.postgres import Table
from riverkeeper.demo.recovery import Fault, LostClaim
from riverkeeper.demo.simulation import PAUSED_QUEUE, Simulation, Turn
from riverkeeper.postgres.connection import Session
from riverkeeper.postgres.transaction import Row
from riverkeeper.river.layout import FINAL_STATES

TICK_SECONDS = 0.1  # River's completer writes its results every 50 to 250 ms

# Somebody cancels a hung job before it is rescued: that of the third time it hangs, and of every fourth after it.
HUNG_KIND, CANCEL_EVERY_SECONDS, CANCEL_FROM_SECONDS, CANCEL_AFTER_SECONDS = "export_ledger", 180.0, 97.0, 4.0


@dataclass(frozen=True, slots=True)
class Live:
    """Live jobs just now."""

    running: int
    backlog: int  # available and due
    failing: int  # failed at least once


class DemoFleet:
    """Clients, queues and leader of one River schema. Every method may raise DatabaseError."""

    def __init__(self, session: Session, schema: str, simulation: Simulation) -> None:
        self._table = Table(session, schema)
        self._simulation = simulation
        self.finished: Counter[str] = Counter()  # final state -> jobs, as the table took them
        self._maintenance = DemoUpkeep(self._table, simulation, self.finished)
        self._impatience = Chore(CANCEL_EVERY_SECONDS, self._cancel, simulation.start + CANCEL_FROM_SECONDS)
        self.killed_workers = 0
        self._refresh_at = dict.fromkeys(QUEUES, 0.0)
        self._paused = False

    def tick(self, now: float) -> list[LostClaim]:
        """Do everything that is due at `now`, Unix seconds of the machine that the database runs on.

        Returns the claims whose worker was killed, or came to hang.
        """
        turn = self._simulation.advance(now)
        lost = self._find_lost(turn)
        self._report(turn.results)
        self._maintenance.resign(turn.stopped)
        self._refresh(now, at_once={queue for client in turn.started for queue in client.queues})
        self._pause(now)
        self._insert(now)
        self._claim()
        self._maintenance.run(now)
        self._impatience.run(now)
        return lost

    def live(self) -> Live:
        """Counts of the live jobs, from the table."""
        (row,) = self._table.run("count_live", {})
        return Live(row.running, row.backlog, row.failing)

    def _report(self, results: list[Result]) -> None:
        if results:
            written = self._table.run("finish_jobs", {"results": encode_results(results)})
            self.finished.update(row.state for row in written if row.state in FINAL_STATES)

    def _find_lost(self, turn: Turn) -> list[LostClaim]:
        """With the moment by the database's clock."""
        self.killed_workers += len(turn.killed)
        if not (turn.killed or turn.hung):
            return []
        (clock,) = self._table.run("read_clock", {})
        killed = [attempt for client in turn.killed for attempt in client.attempts.values() if not attempt.lost]
        # A hung job whose worker is killed too stands in the list already.
        faults = [(attempt, Fault.KILLED) for attempt in killed if attempt.hangs_at is None]
        faults += [(attempt, Fault.HUNG) for attempt in turn.hung]
        return [
            LostClaim(attempt.claim.id, attempt.claim.kind, attempt.claim.claimed_at, fault, clock.now)
            for attempt, fault in faults
        ]

    def _refresh(self, now: float, at_once: set[str]) -> None:
        """Each client refreshes its queues when it starts, and then in the rhythm of its runtime."""
        due = [queue for queue in QUEUES if queue in at_once or now >= self._refresh_at[queue]]
        found = [(queue, seconds) for queue in due if (seconds := self._simulation.refresh_seconds(queue)) is not None]
        self._refresh_at |= {queue: now + seconds for queue, seconds in found}
        if found:
            self._table.run("refresh_queues", {"queues": [queue for queue, _ in found]})

    def _insert(self, now: float) -> None:
        news = [
            {
                "kind": kind.name,
                "queue": kind.queue,
                "priority": kind.priority,
                "max_attempts": kind.max_attempts,
                "metadata": dict(kind.metadata),
                "jobs": jobs,
            }
            for kind, jobs in self._simulation.arrivals(now)
        ]
        if news:
            self._table.run("insert_jobs", {"news": json.dumps(news)})

    def _claim(self) -> None:
        if wants := self._simulation.wants():
            rows = self._table.run("claim_jobs", {"wants": json.dumps([asdict(want) for want in wants])})
            self._simulation.take(_claim(row) for row in rows)

    def _cancel(self) -> None:
        """Somebody cancels what hangs; a hung worker does not listen, so it stays `running`."""
        self._table.run("request_cancel", {"kind": HUNG_KIND, "seconds": CANCEL_AFTER_SECONDS})

    def _pause(self, now: float) -> None:
        """Only at the edges, so that somebody who tries `UPDATE river_queue` is not overruled each tick."""
        paused = self._simulation.paused(now)
        if paused != self._paused:
            self._paused = paused
            self._table.run("pause_queue", {"queue": PAUSED_QUEUE, "paused": paused})


def _claim(row: Row) -> FetchedJob:
    return FetchedJob(**row._asdict())
