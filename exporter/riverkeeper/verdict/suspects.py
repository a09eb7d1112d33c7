"""Judges the jobs that may be past a limit, by what is known of the worker processes behind them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from riverkeeper.config.policy import Policy
from riverkeeper.evidence.proof import ReportedPod
from riverkeeper.verdict.client_ids import drops_late_results, parse_client_id
from riverkeeper.verdict.clocks import claims_by_own_clock
from riverkeeper.verdict.job import Instance, RunningJob
from riverkeeper.verdict.judge import judge
from riverkeeper.verdict.limits import Learned, limits_of
from riverkeeper.verdict.tiers import tier_of
from riverkeeper.verdict.verdict import StuckJob

LATE_INTERVALS = 2  # a client is late after this many of its own intervals: one beat may be lost on the way


@dataclass(frozen=True, slots=True)
class Suspects:
    """The verdicts of the jobs that were read one by one."""

    stuck: tuple[StuckJob, ...]
    complete: bool  # False: there are more jobs than one reading judges
    path_ok_since: float | None
    suspected: tuple[StuckJob, ...] = ()


def judge_suspects(
    policy: Policy,
    learned: Mapping[str, Learned],
    jobs: Iterable[RunningJob],
    now: float,
    path_ok_since: float | None,
    *,
    complete: bool = True,
) -> Suspects:
    """The verdicts at `now`, the database's clock. `complete`: `jobs` are all that may be past a limit."""
    judged = [_judge(policy, learned, job, now, path_ok_since) for job in jobs]
    return Suspects(
        tuple(job for job in judged if job.verdict.reason.is_stuck),
        complete,
        path_ok_since,
        tuple(job for job in judged if job.verdict.reason.is_suspected),
    )


def _judge(
    policy: Policy, learned: Mapping[str, Learned], job: RunningJob, now: float, path_ok_since: float | None
) -> StuckJob:
    tier = tier_of(policy, job.queue, job.kind, job.priority)
    limits = limits_of(policy, tier, job.kind, learned.get(job.kind))
    return StuckJob(job, judge(job, policy, limits, now, path_ok_since))


@dataclass(frozen=True, slots=True)
class WorkerInstance:
    """One process that beats, a row of keeper.client. Moments are the database's clock, `interval` is seconds."""

    instance: str  # its uuid
    beat_at: float
    interval: float
    started_at: float
    kinds: frozenset[str] | None = None  # for which it beats; None: for all
    fences: bool = False  # its results carry the fencing token
    software: str = ""  # name and version of its heartbeat client; "": not known
    pod: ReportedPod | None = None  # None: it reports none

    def beats_for(self, kind: str) -> bool:
        return self.kinds is None or kind in self.kinds


@dataclass(frozen=True, slots=True)
class WorkerInstances:
    """What is known of the processes that may hold jobs, by client id."""

    by_client: Mapping[str, tuple[WorkerInstance, ...]] = field(default_factory=dict)
    suspect_since: Mapping[str, float] = field(default_factory=dict)  # database's clock
    seen_by_river: Mapping[str, float] = field(default_factory=dict)  # database's clock
    fenced: bool = False  # the fence is in force

    @property
    def client_ids(self) -> list[str]:
        """The clients of which something is known: a job of any other client that never beat has no verdict."""
        return sorted(self.by_client.keys() | self.suspect_since.keys())

    def has_instance_for(self, kind: str) -> bool:
        """Whether anything is known of any process that may hold a job of this kind."""
        return bool(self.suspect_since) or any(
            instance.beats_for(kind) for instances in self.by_client.values() for instance in instances
        )

    def process_of(self, client_id: str | None, instance: str | None) -> WorkerInstance | None:
        """The process that beats for a claim of this client id.

        Of a claim that never beat it is known where the id is one of River's own, which no two processes share.
        """
        processes = self.by_client.get(client_id or "", ())
        if instance is not None:
            return next((each for each in processes if each.instance == instance), None)
        return processes[0] if len(processes) == 1 and client_id and parse_client_id(client_id) is not None else None

    def of(self, client_id: str | None, kind: str) -> tuple[Instance, ...]:
        """The processes that a client id may mean, as a job of this kind sees them."""
        return tuple(
            Instance(process.beat_at, process.interval, process.started_at, process.beats_for(kind))
            for process in self.by_client.get(client_id or "", ())
        )

    def claims_by_own_clock(self, client_id: str | None) -> bool:
        """Whether attempted_at of the client's claims may be by its own clock (verdict/clocks.py)."""
        processes = self.by_client.get(client_id or "", ())
        return claims_by_own_clock(client_id, [process.software for process in processes])

    def seen_at(self, client_id: str | None) -> float | None:
        """When River last saw a client at work that had stopped beating before; None where the two agree.

        A claim or a renewal soon after the last heartbeat shows nothing: the process may have died right after it.
        Where several processes share an id, the youngest heartbeat counts: River may see the one that beats.
        """
        processes, seen = self.by_client.get(client_id or ""), self.seen_by_river.get(client_id or "")
        if not processes or seen is None:
            return None
        last = max(processes, key=lambda process: process.beat_at)
        return seen if seen > last.beat_at + LATE_INTERVALS * last.interval else None

    def fences(self, client_id: str | None, instance: str | None) -> bool:
        """Whether the database, or River itself, would drop late results of the process that beats."""
        processes = (each for each in self.by_client.get(client_id or "", ()) if each.instance == instance)
        return any(
            (self.fenced and process.fences) or drops_late_results(client_id, process.software) for process in processes
        )
