"""What is known of each worker: whether it beats, its runtime, its level, its fence, and how it ended. Pure.

Only what the tables hold is shown. A process that stopped cleanly without a job leaves the same rows as one that was
killed without a job, so how it ended is then not known.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from riverkeeper.evidence.proof import ReportedPod
from riverkeeper.verdict.client_ids import Runtime, drops_late_results, parse_client_id, runtime_of, software_name
from riverkeeper.verdict.limits import MISSED_BEATS
from riverkeeper.verdict.suspects import WorkerInstance

# Heartbeat clients that can report progress and hold leases, whatever their user's code does with that.
_LEASING = frozenset({"riverbeat-go", "riverbeat-rust", "riverbeat-js", "riverkeeper-python"})
TRACE_SECONDS = 600.0  # heartbeats of a claim are kept this long after its last one (sweep_heartbeats.sql)


class Presence(StrEnum):
    """Whether a worker beats."""

    BEATING = "beating"
    STALE = "stale"  # it beat, and has missed three of its own intervals
    NO_HEARTBEATS = "no_heartbeats"  # known from claims only


class WorkerFence(StrEnum):
    """What keeps a late result of the worker out of the next attempt."""

    DATABASE = "yes"  # the database drops it, by the token that its results carry
    NATIVE = "native guard"  # its River drops it
    NONE = "no"
    UNKNOWN = "unknown"  # its results carry the token; this login cannot see whether the fence is in force


class WorkerEnding(StrEnum):
    """How a stale process ended, as far as the tables show it."""

    TERMINATED = "terminated"  # its orchestrator proves it
    GAVE_UP = "gave_up"  # it reported that it gave jobs up
    HELD_JOBS = "held_jobs"  # it held jobs at its last beat, and reported nothing
    HELD_NONE = "held_none"  # all of its claims ended: a clean stop, or killed while idle
    UNKNOWN = "unknown"  # the heartbeats of its claims are deleted, or cannot be read


@dataclass(frozen=True, slots=True)
class ClientWork:
    """The jobs of one client and process (read_clients_at_work.sql). `instance` None: jobs that do not beat."""

    client_id: str
    instance: str | None
    jobs: int
    fitting: int  # of the kind and queue that are filtered by
    oldest_claim: float | None  # attempted_at of the running ones
    last_claim: float | None


@dataclass(frozen=True, slots=True)
class LeftClaims:
    """The outcome of the claims of a stale process."""

    traced: bool = False  # the heartbeats of its claims are still there, so that the numbers below are known
    rescued: int = 0  # by the audit, or taken by a rescue as the heartbeat shows
    recorded: int = 0  # a dry run recorded that it would have rescued them
    completed: int = 0
    ended: int = 0  # otherwise: failed, snoozed, cancelled or given up
    unknown: int = 0  # the job was claimed again or is deleted, and nobody reported how the work ended
    gave_up: int = 0


@dataclass(frozen=True, slots=True)
class Worker:
    """One process that beats or has beaten; or one client that is known from its claims alone."""

    client_id: str
    presence: Presence
    runtime: Runtime | None
    fence: WorkerFence
    instance: str | None = None  # None: known from claims alone
    software: str = ""
    host: str | None = None  # or pod: what the client id holds
    started_at: float | None = None
    started_by_database: bool = False  # else by the clock of the worker's host
    beat_at: float | None = None
    interval: float | None = None
    last_claim: float | None = None  # attempted_at
    oldest_claim: float | None = None
    jobs: int = 0
    unbeaten: int = 0  # of them, those that do not beat; where several processes share the id, it may be another's
    fitting: int = 0
    kinds: tuple[str, ...] = ()  # of its running jobs
    queues: tuple[str, ...] = ()
    beats_for: frozenset[str] | None = None  # None: for every kind, or it does not beat
    fences: bool = False
    left: LeftClaims = field(default_factory=LeftClaims)
    is_watched: bool | None = None  # its orchestrator could prove its end; None: none is asked
    proof: str = ""  # of its end, in a sentence without its full stop
    process: WorkerInstance | None = None  # None: known from claims alone

    @property
    def pod(self) -> ReportedPod | None:
        """As the process reports it."""
        return self.process.pod if self.process else None

    @property
    def level(self) -> str | None:
        """The contract's level that its client row shows; None: not known."""
        if self.instance is None:
            return None
        if software_name(self.software) == "plain":
            return "plain"
        if self.fences:
            return "full"
        return "leasing" if software_name(self.software) in _LEASING else None

    @property
    def ending(self) -> WorkerEnding | None:
        """None: it is not stale."""
        if self.presence is not Presence.STALE:
            return None
        if self.proof:
            return WorkerEnding.TERMINATED
        if self.left.gave_up:
            return WorkerEnding.GAVE_UP
        if self.jobs or self.left.rescued or self.left.recorded:
            return WorkerEnding.HELD_JOBS
        if not self.left.traced or self.left.unknown:
            return WorkerEnding.UNKNOWN
        return WorkerEnding.HELD_NONE


def list_workers(
    instances: Mapping[str, Sequence[WorkerInstance]], work: Iterable[ClientWork], now: float, *, fenced: bool | None
) -> list[Worker]:
    """Every worker that is known. `fenced` None: whether the fence is in force cannot be seen."""
    by_client: defaultdict[str, dict[str | None, ClientWork]] = defaultdict(dict)
    for each in work:
        by_client[each.client_id][each.instance] = each
    found = [
        worker
        for client_id, processes in instances.items()
        for worker in _of_processes(client_id, processes, by_client.pop(client_id, {}), now, fenced)
    ]
    return found + [_of_claims(client_id, list(jobs.values())) for client_id, jobs in by_client.items()]


def _of_processes(
    client_id: str,
    processes: Sequence[WorkerInstance],
    jobs: Mapping[str | None, ClientWork],
    now: float,
    fenced: bool | None,
) -> Iterable[Worker]:
    """Jobs that do not beat are counted with the process of the id that beat last."""
    latest = max(processes, key=lambda process: process.beat_at)
    for process in processes:
        own = [jobs[process.instance]] if process.instance in jobs else []
        unbeaten = [each for name, each in jobs.items() if name is None and process is latest]
        yield _of_process(client_id, process, own, unbeaten, now, fenced)


def _of_process(
    client_id: str,
    process: WorkerInstance,
    own: list[ClientWork],
    unbeaten: list[ClientWork],
    now: float,
    fenced: bool | None,
) -> Worker:
    is_stale = now - process.beat_at > MISSED_BEATS * process.interval
    known, both = parse_client_id(client_id), [*own, *unbeaten]
    return Worker(
        client_id=client_id,
        presence=Presence.STALE if is_stale else Presence.BEATING,
        runtime=runtime_of(client_id, process.software),
        fence=_fence_of(client_id, process, fenced),
        instance=process.instance,
        software=process.software,
        host=known.host if known else process.pod.host if process.pod else None,
        started_at=process.started_at,
        started_by_database=software_name(process.software) == "plain",  # its statement writes now()
        beat_at=process.beat_at,
        interval=process.interval,
        last_claim=_latest(both),
        oldest_claim=_oldest(both),
        jobs=sum(each.jobs for each in both),
        unbeaten=sum(each.jobs for each in unbeaten),
        fitting=sum(each.fitting for each in both),
        beats_for=process.kinds,
        fences=process.fences,
        process=process,
    )


def _of_claims(client_id: str, work: list[ClientWork]) -> Worker:
    known = parse_client_id(client_id)
    native = drops_late_results(client_id, None)
    return Worker(
        client_id=client_id,
        presence=Presence.NO_HEARTBEATS,
        runtime=known.runtime if known else None,
        fence=WorkerFence.NATIVE if native else WorkerFence.NONE,
        host=known.host if known else None,
        started_at=known.started_at if known else None,
        last_claim=_latest(work),
        oldest_claim=_oldest(work),
        jobs=sum(each.jobs for each in work),
        unbeaten=sum(each.jobs for each in work),
        fitting=sum(each.fitting for each in work),
    )


def _fence_of(client_id: str, process: WorkerInstance, fenced: bool | None) -> WorkerFence:
    if drops_late_results(client_id, process.software):
        return WorkerFence.NATIVE
    if not process.fences:
        return WorkerFence.NONE
    return WorkerFence.UNKNOWN if fenced is None else WorkerFence.DATABASE if fenced else WorkerFence.NONE


def _latest(work: Iterable[ClientWork]) -> float | None:
    return max((each.last_claim for each in work if each.last_claim is not None), default=None)


def _oldest(work: Iterable[ClientWork]) -> float | None:
    return min((each.oldest_claim for each in work if each.oldest_claim is not None), default=None)


def order_workers(workers: Iterable[Worker]) -> list[Worker]:
    """Those that stopped beating first, among them those that hold jobs; then those that never beat; then the rest."""

    def place(worker: Worker) -> tuple[int, int, float, str]:
        group = {Presence.STALE: 0 if worker.jobs else 1, Presence.NO_HEARTBEATS: 2 if worker.jobs else 4}
        last = worker.beat_at if worker.beat_at is not None else worker.last_claim
        return group.get(worker.presence, 3), -worker.jobs, -(last or 0.0), worker.client_id

    return sorted(workers, key=place)


@dataclass(frozen=True, slots=True)
class RuntimeRow:
    """What Riverkeeper has of the workers of one runtime that are there: how many, and how many of them beat, …"""

    runtime: Runtime | None
    workers: int  # stale ones are not counted: they are gone, or cannot be seen
    beating: int
    fenced: int  # by the token
    guarded: int  # by River itself
    watched: int | None  # their orchestrator could prove their end; None: none is asked


def count_runtimes(workers: Iterable[Worker]) -> tuple[RuntimeRow, ...]:
    """A row for each runtime that is there, the most workers first."""
    there = [worker for worker in workers if worker.presence is not Presence.STALE]
    counts = Counter(worker.runtime for worker in there)
    return tuple(
        RuntimeRow(
            runtime,
            workers=number,
            beating=sum(each.runtime is runtime and each.presence is Presence.BEATING for each in there),
            fenced=sum(each.runtime is runtime and each.fence is WorkerFence.DATABASE for each in there),
            guarded=sum(each.runtime is runtime and each.fence is WorkerFence.NATIVE for each in there),
            watched=_count_watched(each for each in there if each.runtime is runtime),
        )
        for runtime, number in counts.most_common()
    )


def _count_watched(workers: Iterable[Worker]) -> int | None:
    watched = [worker.is_watched for worker in workers]
    return None if None in watched else sum(map(bool, watched))
