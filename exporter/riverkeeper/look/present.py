"""What `look` knows of this moment: a scrape, the traces in the table, due and worked kinds. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from riverkeeper.look.traces import Traces
from riverkeeper.river.facts import PoisonJob
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.verdict.job import RunningJob
from riverkeeper.verdict.verdict import Reason

RIVER_LIMIT = 3600.0  # River's RescueStuckJobsAfter, unless configured otherwise
NEW_KIND = 300.0  # a run of a kind without a completed job may be as long as this, whatever else is running
USUAL = 2.0  # a run may be this many times as long as the longest completed run of its kind


@dataclass(frozen=True, slots=True)
class DueKind:
    """Due jobs of one kind in one queue."""

    queue: str
    kind: str
    jobs: int
    first_at: float  # scheduled_at of the job that waits longest
    ids: tuple[int, ...]
    complete: bool = True  # False: the queue is long, and only its first jobs were read


@dataclass(frozen=True, slots=True)
class WorkedKind:
    """A kind in one queue, some of whose jobs ended lately. `longest` and `shortest`: seconds of completed runs."""

    queue: str
    kind: str
    last_claim: float
    longest: float | None  # None: no job was completed
    shortest: float | None = None  # of first attempts
    first_attempts: int = 0  # completed at the first attempt


@dataclass(frozen=True, slots=True)
class Present:
    """The facts of this moment."""

    snapshot: Snapshot
    traces: Traces
    due: tuple[DueKind, ...]
    worked: tuple[WorkedKind, ...]
    now: float  # the database's clock
    poison: tuple[PoisonJob, ...] = ()  # the first ones

    def last_claim(self, queue: str, kind: str | None = None) -> float:
        """When a job of the queue (and kind) was last claimed; 0.0 where no claim is known."""
        pairs = self.snapshot.running.pairs if self.snapshot.running else ()
        claims = [pair.last_claim for pair in pairs if pair.queue == queue and kind in {None, pair.kind}]
        claims += [row.last_claim for row in self.worked if row.queue == queue and kind in {None, row.kind}]
        waiting = self.snapshot.waiting_kinds or ()
        claims += [row.last_claim for row in waiting if row.queue == queue and kind in {None, row.kind}]
        return max((claim for claim in claims if claim is not None), default=0.0)

    def due_jobs(self, queue: str) -> tuple[int, bool]:
        """How many jobs of a queue are due, and whether that is an estimate."""
        parts = [p for p in self.snapshot.partitions or () if p.state == "available" and p.queue == queue]
        return sum(part.due for part in parts), any(part.estimated for part in parts)

    def longest_run(self, kind: str) -> float | None:
        """Seconds of the longest completed run of a kind, in any queue; None where none was completed."""
        return max((row.longest for row in self.worked if row.kind == kind and row.longest is not None), default=None)

    def is_usual(self, kind: str, seconds: float) -> bool:
        """Whether completed runs of the kind explain a run of this many seconds."""
        longest = self.longest_run(kind)
        return seconds <= (NEW_KIND if longest is None else USUAL * longest)

    def gone_workers(self) -> Iterator[RunningJob]:
        """Running jobs whose client has a successor on its host, and that run for unusually long."""
        verdicts = self.snapshot.verdicts
        for found in verdicts.suspected if verdicts else ():
            job = found.job
            if found.verdict.reason is Reason.WORKER_SUSPECT and not self.is_usual(job.kind, self.now - job.claimed_at):
                yield job
