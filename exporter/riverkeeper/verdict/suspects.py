"""Judges the jobs that may be past a limit, by what is known of the worker processes behind them. Pure.

A client can be suspect: River names a client by its host and the start of its process, unless the user names it. A
client whose host runs a younger one, and that has claimed no job since that one began, may be gone. Or it is busy, with
every slot taken, beside a second process. So this is never more than a suspicion, and the start is the host's clock.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

from riverkeeper.config.policy import Policy
from riverkeeper.verdict.job import Instance, RunningJob
from riverkeeper.verdict.judge import judge
from riverkeeper.verdict.limits import Learned, limits_of
from riverkeeper.verdict.tiers import tier_of
from riverkeeper.verdict.verdict import StuckJob

LATE_INTERVALS = 2  # a client is late after so many of its own intervals: one beat may be lost on the way


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

    def of(self, client_id: str | None, kind: str) -> tuple[Instance, ...]:
        """The processes that a client id may mean, as a job of this kind sees them."""
        return tuple(
            Instance(process.beat_at, process.interval, process.started_at, process.beats_for(kind))
            for process in self.by_client.get(client_id or "", ())
        )

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
        """Whether the database would drop late results of the process that beats."""
        processes = self.by_client.get(client_id or "", ())
        return self.fenced and any(process.fences for process in processes if process.instance == instance)


_NAME = re.compile(r"(?P<host>.+)_(?P<start>\d{4}_\d{2}_\d{2}T\d{2}_\d{2}_\d{2}_\d{6})", re.ASCII | re.DOTALL)


def parse_client_id(client_id: str) -> tuple[str, float] | None:
    """Host and start (Unix seconds) of a name such as `web-7d9f_2026_08_07T14_32_57_123456`; None for any other."""
    match = _NAME.fullmatch(client_id)
    if match is None:
        return None
    try:
        start = datetime.strptime(match["start"], "%Y_%m_%dT%H_%M_%S_%f").replace(tzinfo=UTC)
    except ValueError:  # the 31st of February
        return None
    return match["host"], start.timestamp()


def find_succeeded(last_claims: Mapping[str, float | None]) -> dict[str, float]:
    """Client -> since when it has a successor, of those that have claimed nothing since; from clients' last claims."""
    by_host: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
    for client_id in last_claims:
        if found := parse_client_id(client_id):
            by_host[found[0]].append((found[1], client_id))
    since: dict[str, float] = {}
    for clients in by_host.values():
        clients.sort()
        for (start, client_id), (next_start, _) in pairwise(clients):
            last = last_claims[client_id]
            if start < next_start and last is not None and last < next_start:
                since[client_id] = next_start
    return since
