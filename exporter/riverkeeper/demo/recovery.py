"""What happened to the jobs whose worker was killed, or that hung: rescued, when, and why not. Pure.

All moments are Unix seconds of the database's clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from riverkeeper.formats import count_noun

PATIENCE_SECONDS = 20.0  # a job that is not rescued by then says why: the demo's longest way back takes 17 s


class Fault(StrEnum):
    """What happened to a running job."""

    KILLED = "worker killed"
    HUNG = "hung"


@dataclass(frozen=True, slots=True)
class LostClaim:
    """A claim that nobody will end. `claimed_at` is its attempted_at, as the database writes it."""

    job_id: int
    kind: str
    claimed_at: str
    fault: Fault
    at: float


@dataclass(frozen=True, slots=True)
class Recovery:
    """What the tables hold about a lost claim (read_recoveries.sql); None: it has not happened."""

    noticed_at: float | None = None  # of a hung job: it was requested to stop
    rescued_at: float | None = None
    again_at: float | None = None  # the next attempt began
    progress_at: float | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True)
class LostJob:
    """A lost claim and its recovery so far."""

    lost: LostClaim
    recovery: Recovery

    @property
    def since(self) -> float:
        """When it was killed, or made its last progress."""
        progress_at = self.recovery.progress_at
        return progress_at if self.lost.fault is Fault.HUNG and progress_at is not None else self.lost.at

    @property
    def name(self) -> str:
        return f"{self.lost.kind} {self.lost.job_id}: {self.lost.fault}"

    @property
    def sentence(self) -> str | None:
        """One line when it is over; None: not yet."""
        found = self.recovery
        noticed = "" if found.noticed_at is None else f"noticed after {found.noticed_at - self.since:.0f} s, "
        if found.again_at is not None:
            whose = "" if found.rescued_at is not None else " (not by Riverkeeper)"
            return f"{self.name}, {noticed}running again after {found.again_at - self.since:.0f} s{whose}"
        if found.state in {"cancelled", "completed", "discarded"}:
            return f"{self.name}, {noticed}now {found.state}"
        if found.state is None:
            return f"{self.name}, deleted"
        return None


def explain_wait(job: LostJob, page: Mapping[str, object] | None) -> str:
    """Why a lost job has not come back, in the words of /stuck.json; None: that page does not answer."""
    if page is None:
        return f"{job.name}, not rescued: Riverkeeper's page does not answer"
    entry = _find(page.get("jobs"), job.lost.job_id)
    if entry is not None:
        held = entry.get("held_by")
        why = "; ".join(map(str, held)) if isinstance(held, list) and held else str(entry.get("plan"))
        return f"{job.name}, not rescued: {why}"
    entry = _find(page.get("suspected"), job.lost.job_id)
    if entry is not None:
        return f"{job.name}, not rescued: {entry.get('missing')}"
    return f"{job.name}, not noticed yet: its limit has not passed"


def _find(rows: object, job_id: int) -> Mapping[str, object] | None:
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and row.get("id") == job_id:
            return row
    return None


@dataclass(frozen=True, slots=True)
class FalseRescues:
    """By the audit's own definition (audit/outcome.py)."""

    claims: int
    false: int
    known: int


def summarize_recoveries(jobs: Sequence[LostJob], workers_killed: int, audit: FalseRescues) -> list[str]:
    """The lines of the summary."""
    if not jobs:
        return ["No worker has died yet, and no job hangs: run longer to see a rescue."]
    killed = sum(job.lost.fault is Fault.KILLED for job in jobs)
    waits = [job.recovery.rescued_at - job.since for job in jobs if job.recovery.rescued_at is not None]
    returns = [
        job.recovery.again_at - job.since
        for job in jobs
        if job.recovery.rescued_at is not None and job.recovery.again_at is not None
    ]
    workers = f"{count_noun(workers_killed, 'worker')} killed with {count_noun(killed, 'job')}"
    lines = [f"{workers}, {count_noun(len(jobs) - killed, 'job')} hung. {count_noun(len(waits), 'job')} rescued."]
    if waits:
        lines.append(f"Time to the rescue: p50 {_median(waits)}. Time to the next attempt: p50 {_median(returns)}.")
    if audit.claims:
        known = f"{audit.known} can be known yet: a right one is known ten minutes after it"
        lines.append(f"False rescues: {audit.false} of {audit.claims}. {known}.")
    return lines + [f"Not rescued: {job.name}." for job in jobs if job.recovery.rescued_at is None]


def _median(seconds: Sequence[float]) -> str:
    return f"{median(seconds):.1f} s" if seconds else "not yet known"
