"""Reads the known workers, for a page and a command: processes that beat, and clients of running and recent jobs."""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from riverkeeper.evidence.pod_evidence import PodEvidence
from riverkeeper.evidence.proof import Terminated
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.river.bounds import MAX_RUNNING
from riverkeeper.river.running import HEARTBEAT, bitmaps
from riverkeeper.schema.fence import read_fence
from riverkeeper.schema.layout import FENCE_VERSION, KeeperSchema
from riverkeeper.schema.schemas import inspect_keeper, open_schemas
from riverkeeper.scrape.dead_workers import holder_of
from riverkeeper.scrape.suspects import MAX_INSTANCES, RECENT_FINISHED, read_instances
from riverkeeper.verdict.client_ids import Runtime
from riverkeeper.verdict.workers import (
    TRACE_SECONDS,
    ClientWork,
    LeftClaims,
    Presence,
    RuntimeRow,
    Worker,
    count_runtimes,
    list_workers,
    order_workers,
)

KEPT_SECONDS = 3600.0  # a process that does not beat is known for an hour (sweep_clients.sql)
MOST_NAMES = 12  # kinds and queues of one worker
MOST_RESCUES = 10_000  # rows of the audit that are searched for the jobs of stale processes
UNKNOWN = "unknown"  # the runtime, in filters


@dataclass(frozen=True, slots=True)
class WorkerFilter:
    """Which workers; None: any."""

    queue: str | None = None
    kind: str | None = None
    client: str | None = None  # a part of the client id
    status: str | None = None  # a Presence
    runtime: str | None = None  # a Runtime, or UNKNOWN

    def covers(self, worker: Worker) -> bool:
        return (
            self.status in (None, worker.presence.value)
            and self.runtime in (None, worker.runtime.value if worker.runtime else UNKNOWN)
            and (self.client is None or self.client in worker.client_id)
            and (not (self.queue or self.kind) or self._fits(worker))
        )

    def _fits(self, worker: Worker) -> bool:
        """Whether it holds such a job; or is idle and beats for this kind."""
        declared = self.queue is None and worker.beats_for is not None and self.kind in worker.beats_for
        return worker.fitting > 0 or declared


@dataclass(frozen=True, slots=True)
class Workers:
    """The workers that a filter selects."""

    shown: tuple[Worker, ...]
    found: int
    known: Mapping[Presence, int]  # of all that are known, whatever the filter
    runtimes: tuple[RuntimeRow, ...]  # of all that are known
    complete: bool  # False: there are more processes than one reading lists
    heartbeats: bool  # False: this login sees no heartbeat tables
    fenced: bool | None  # the fence is in force; None: it cannot be seen
    now: float  # the database's clock


def read_workers(
    url: str,
    river_schema: str | None,
    keeper_schema: str | None,
    wanted: WorkerFilter,
    limit: int,
    seconds: float,
    evidence: PodEvidence | None = None,
    *,
    many: bool = False,
) -> Workers:
    """The workers, on a connection of their own. Raises DatabaseError.

    `evidence`: what watched pods prove. `many`: tens of thousands of jobs are likely to run, which changes only the
    cost.
    """
    with open_schemas(url, river_schema, keeper_schema, seconds) as (tx, schemas):
        now = tx.query("river/open_transaction")[0].now
        keeper = inspect_keeper(tx, schemas)
        with bitmaps(tx) if many else contextlib.nullcontext():
            return _read(tx, keeper, wanted, limit, now, evidence)


def _read(
    tx: Transaction,
    keeper: KeeperSchema,
    wanted: WorkerFilter,
    limit: int,
    now: float,
    evidence: PodEvidence | None,
) -> Workers:
    heartbeats = keeper.heartbeat is not None
    fenced = read_fence(tx).in_force if (keeper.version or 0) >= FENCE_VERSION else False if heartbeats else None
    instances = read_instances(tx) if heartbeats else {}
    known = list_workers(instances, _read_work(tx, wanted, heartbeats=heartbeats), now, fenced=fenced)
    if evidence is not None:
        known = [_with_evidence(worker, evidence, now) for worker in known]
    found = [worker for worker in order_workers(known) if wanted.covers(worker)]
    shown = _with_names(tx, found[:limit], heartbeats=heartbeats)
    return Workers(
        shown=_follow(tx, shown, now, audit=keeper.audit),
        found=len(found),
        known=Counter(worker.presence for worker in known),
        runtimes=count_runtimes(known),
        complete=sum(map(len, instances.values())) < MAX_INSTANCES,
        heartbeats=heartbeats,
        fenced=fenced,
        now=now,
    )


def _read_work(tx: Transaction, wanted: WorkerFilter, *, heartbeats: bool) -> list[ClientWork]:
    """Of a kind or queue whose name this database's encoding lacks there can be no job."""
    without = () if heartbeats else (HEARTBEAT,)
    values = {"max_rows": MAX_RUNNING, "recent": RECENT_FINISHED}
    try:
        rows, fits = _query_work(tx, values | {"kind": wanted.kind, "queue": wanted.queue}, without), True
    except DatabaseError as error:
        if error.kind is not ErrorKind.NO_SUCH_TEXT:
            raise
        rows, fits = _query_work(tx, values | {"kind": None, "queue": None}, without), False
    return [
        ClientWork(
            row.client, row.instance and str(row.instance), row.jobs, row.fitting if fits else 0, row.oldest_claim,
            row.last_claim,
        )
        for row in rows
    ]  # fmt: skip


def _query_work(tx: Transaction, values: dict[str, object], without: tuple[str, ...]) -> list[Row]:
    return tx.query("river/read_clients_at_work", values, seconds=tx.remaining(), without=without)


def _with_names(tx: Transaction, workers: list[Worker], *, heartbeats: bool) -> list[Worker]:
    """The same, with the kinds and queues of their running jobs. Where no job runs it runs no query."""
    clients = sorted({worker.client_id for worker in workers if worker.jobs})
    if not clients:
        return workers
    values = {"max_rows": MAX_RUNNING, "names": MOST_NAMES, "clients": clients}
    without = () if heartbeats else (HEARTBEAT,)
    by_client: defaultdict[str, list[Row]] = defaultdict(list)
    for row in tx.query("river/read_kinds_of_clients", values, seconds=tx.remaining(), without=without):
        by_client[row.client].append(row)
    return [_with_names_of(worker, by_client[worker.client_id]) if worker.jobs else worker for worker in workers]


def _with_names_of(worker: Worker, rows: Iterable[Row]) -> Worker:
    """Jobs that do not beat are of the process with which `list_workers` has counted them."""
    own = [row for row in rows if worker.instance in (None, row.instance) or (row.instance is None and worker.unbeaten)]
    kinds = {kind for row in own for kind in row.kinds}
    queues = {queue for row in own for queue in row.queues}
    return replace(worker, kinds=tuple(sorted(kinds)), queues=tuple(sorted(queues)))


def _with_evidence(worker: Worker, evidence: PodEvidence, now: float) -> Worker:
    """With what its pod shows; its last sign of life stands for the claim that must have been made before its end."""
    alive_at = max((at for at in (worker.beat_at, worker.last_claim) if at is not None), default=None)
    if alive_at is None:
        return replace(worker, is_watched=False)
    beats = worker.instance is not None  # then it is known which process it is
    holder = holder_of(worker.client_id, alive_at, worker.last_claim, worker.process, has_beaten=beats)
    end = evidence.find(holder, now) if worker.presence is Presence.STALE else None
    return replace(worker, is_watched=evidence.sees(holder), proof=end.sentence if isinstance(end, Terminated) else "")


def _follow(tx: Transaction, workers: list[Worker], now: float, *, audit: bool) -> tuple[Worker, ...]:
    """The same, with the outcome of the jobs of the stale ones. Where none is stale it runs no query."""
    stale = [worker for worker in workers if worker.presence is Presence.STALE]
    if not stale:
        return tuple(workers)
    left = {row.instance: row for row in tx.query("river/read_left_claims", {"instances": _instances(stale)})}
    rescues = {row.instance: row for row in _read_rescues(tx, stale)} if audit else {}
    return tuple(
        replace(worker, left=_left(worker, left.get(worker.instance), rescues.get(worker.instance), now))
        if worker.presence is Presence.STALE
        else worker
        for worker in workers
    )


def _read_rescues(tx: Transaction, stale: list[Worker]) -> list[Row]:
    values = {
        "since": KEPT_SECONDS, "most_rows": MOST_RESCUES, "instances": _instances(stale),
        "clients": [worker.client_id for worker in stale],
        "beat_ats": [worker.beat_at for worker in stale],
        "intervals": [worker.interval for worker in stale],
    }  # fmt: skip
    return tx.query("rescue/audit/count_by_client", values)


def _instances(workers: Iterable[Worker]) -> list[str | None]:
    return [worker.instance for worker in workers]


def _left(worker: Worker, left: Row | None, rescues: Row | None, now: float) -> LeftClaims:
    """A rescued claim loses its heartbeats after ten minutes, and keeps its row in the audit: the larger counts."""
    return LeftClaims(
        traced=worker.beat_at is not None and now - worker.beat_at < TRACE_SECONDS,
        rescued=max(left.taken if left else 0, rescues.rescued if rescues else 0),
        recorded=rescues.recorded if rescues else 0,
        completed=left.completed if left else 0,
        ended=left.ended if left else 0,
        unknown=left.unknown if left else 0,
        gave_up=left.gave_up if left else 0,
    )


STATUSES = tuple(presence.value for presence in Presence)
RUNTIMES = (*(runtime.value for runtime in Runtime), UNKNOWN)
