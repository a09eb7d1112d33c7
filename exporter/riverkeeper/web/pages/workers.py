"""/workers: which processes work, which beat, which stopped, and the outcome of the jobs of those that stopped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from riverkeeper.formats import count_noun, moment, rfc3339, span
from riverkeeper.rescue.wakes.wake import Scope
from riverkeeper.scrape.workers import RUNTIMES, STATUSES, WorkerFilter, Workers
from riverkeeper.verdict.client_ids import is_pod
from riverkeeper.verdict.workers import Presence, RuntimeRow, Worker, WorkerEnding, WorkerFence
from riverkeeper.web.pages.filters import BadQuery, describe_known
from riverkeeper.web.pages.job_list import JobListPage, JobQuery

OWN_FILTERS = ("client", "status", "runtime")
STATUS_WORDS: Mapping[str, str] = {
    Presence.BEATING: "beating",
    Presence.STALE: "stopped beating",
    Presence.NO_HEARTBEATS: "without heartbeats",
}
KINDS_SHOWN = 4
LONG_KIND = 24  # letters that a column of the table has room for


class WorkersPage(JobListPage[Workers]):
    """/workers and /workers.json: every request reads the tables, and writes nothing."""

    template = "workers.html"
    names = ("queue", "kind")
    own_names = OWN_FILTERS

    async def _find(self, query: JobQuery) -> Workers:
        return await self._in_time(self._service.workers(make_filter(query), query.limit))

    def _is_empty(self, result: Workers) -> bool:
        return not result.shown

    def _show(self, query: JobQuery, result: Workers) -> dict[str, object]:
        return {
            "found": result,
            "rows": [make_row(worker, result.now) for worker in result.shown],
            "matrix": [describe_runtime(row) for row in result.runtimes],
            "nobody_beats": nobody_beats(result),
            "without": explain_no_heartbeats(result),
        }

    def _document(self, query: JobQuery, result: Workers) -> dict[str, object]:
        return document(query, result)

    def _form(self, query: JobQuery) -> dict[str, object]:
        return super()._form(query) | {"statuses": STATUS_WORDS, "runtimes": RUNTIMES}


def make_filter(query: JobQuery) -> WorkerFilter:
    """Raises BadQuery where a choice does not exist."""
    for name, known in (("status", STATUSES), ("runtime", RUNTIMES)):
        given = query.own.get(name)
        if given is not None and given not in known:
            raise BadQuery(f'there is no {name} "{given}"; {describe_known(given, known)}')
    return WorkerFilter(query.scope.queue, query.scope.kind, **dict(query.own))


def make_query(scope: Scope, limit: int, own: Mapping[str, str | None]) -> JobQuery:
    """The query of the command."""
    return JobQuery(scope, limit, own={name: value for name, value in own.items() if value})


def nobody_beats(found: Workers) -> bool:
    """Whether processes beat a short time ago, and none does now: they are gone, or their heartbeats do not arrive."""
    return found.known.get(Presence.STALE, 0) > 0 and not found.known.get(Presence.BEATING, 0)


def explain_no_heartbeats(found: Workers) -> str | None:
    """Why no process can be seen to beat; None where the tables can be read."""
    if found.heartbeats:
        return None
    return (
        "There is no heartbeat table that this login may read, so nobody can be seen to beat: these clients are known "
        "from their jobs alone."
    )


def document(query: JobQuery, found: Workers) -> dict[str, object]:
    """What /workers.json and `riverkeeper workers --json` answer."""
    return {
        "queue": query.scope.queue,
        "kind": query.scope.kind,
        **{name: query.own.get(name) for name in OWN_FILTERS},
        "limit": query.limit,
        "now": rfc3339(found.now),
        "found": found.found,
        "complete": found.complete,
        "heartbeats_readable": found.heartbeats,
        "fence_in_force": found.fenced,
        "known": {presence.value: found.known.get(presence, 0) for presence in Presence},
        "runtimes": [_runtime(row) for row in found.runtimes],
        "workers": [_worker(worker, found.now) for worker in found.shown],
    }


def _runtime(row: RuntimeRow) -> dict[str, object]:
    return {
        "runtime": row.runtime.value if row.runtime else None,
        "workers": row.workers,
        "beating": row.beating,
        "fenced": row.fenced,
        "native_guard": row.guarded,
        "evidence": row.watched or 0,
    }


def _worker(worker: Worker, now: float) -> dict[str, object]:
    return {
        "client_id": worker.client_id,
        "instance": worker.instance,
        "status": worker.presence.value,
        "runtime": worker.runtime.value if worker.runtime else None,
        "software": worker.software or None,
        "level": worker.level,
        "fence": worker.fence.value,
        "host": worker.host,
        "pod": pod_name(worker),
        "pod_namespace": worker.pod.namespace if worker.pod else None,
        "pod_uid": worker.pod.uid if worker.pod else None,
        "started_at": rfc3339(worker.started_at),
        "started_at_clock": None if worker.started_at is None else started_clock(worker),
        "last_beat_at": rfc3339(worker.beat_at),
        "beat_age_seconds": None if worker.beat_at is None else now - worker.beat_at,
        "beat_interval_seconds": worker.interval,
        "last_claim_at": rfc3339(worker.last_claim),
        "last_claim_clock": None if worker.last_claim is None else claim_clock(worker),
        "running": worker.jobs,
        "running_without_beats": worker.unbeaten,
        "kinds": list(worker.kinds),
        "queues": list(worker.queues),
        "beats_for": None if worker.beats_for is None else sorted(worker.beats_for),
        "end": _end(worker),
    }


def _end(worker: Worker) -> dict[str, object] | None:
    left, ending = worker.left, worker.ending
    if ending is None:
        return None
    return {
        "how": ending.value,
        "running": worker.jobs,
        "rescued": left.rescued,
        "recorded_in_dry_run": left.recorded,
        "completed": left.completed if left.traced else None,
        "ended_otherwise": left.ended if left.traced else None,
        "unknown": left.unknown if left.traced else None,
    }


def started_clock(worker: Worker) -> str:
    return "database" if worker.started_by_database else "worker"


def claim_clock(worker: Worker) -> str:
    """Whose clock dates its claims, as far as its runtime is known."""
    if worker.runtime is None:
        return "unknown"
    return "worker" if worker.runtime.claims_by_own_clock else "database"


@dataclass(frozen=True, slots=True)
class RuntimeCells:
    """A line of the table of runtimes, in words."""

    runtime: str
    workers: int
    metrics: str
    beats: str
    fence: str
    evidence: str


def describe_runtime(row: RuntimeRow) -> RuntimeCells:
    """What Riverkeeper has of the workers of a runtime; "no" where it has nothing."""
    own_clock = row.runtime is not None and row.runtime.claims_by_own_clock
    return RuntimeCells(
        runtime=row.runtime.value if row.runtime else "unknown",
        workers=row.workers,
        metrics="yes, without waits" if own_clock else "yes",
        beats=_share(row.beating, row.workers),
        fence="native guard" if row.guarded == row.workers else _share(row.fenced + row.guarded, row.workers),
        evidence="no" if row.watched is None else _share(row.watched, row.workers),
    )


def _share(part: int, whole: int) -> str:
    return "yes" if part == whole else f"{part} of {whole}" if part else "no"


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A worker as the table shows it."""

    worker: Worker
    anchor: str  # by which a refresh finds the row again
    status: str
    runtime: str
    software: str
    host: str  # with the word for it: a pod's name has a form of its own
    started: Mapping[str, str | None] | None  # `ago`, `at` RFC 3339, `words`
    seen: Mapping[str, str | None] | None  # the last beat, or the last claim
    seen_by: str  # "beat" or "claim"
    kinds: str
    has_long_kind: bool  # which may break inside of a word
    fence: str
    end: tuple[str, ...]  # how it ended and the outcome of its jobs


def make_row(worker: Worker, now: float) -> WorkerRow:
    """`now` is the database's."""
    beats = worker.beat_at is not None
    return WorkerRow(
        worker,
        anchor=f"worker-{worker.instance or worker.client_id.encode().hex()}",
        status=STATUS_WORDS[worker.presence],
        runtime=worker.runtime.value if worker.runtime else "unknown",
        software=describe_software(worker),
        host=describe_place(worker),
        started=_since(worker.started_at, now),
        seen=_since(worker.beat_at if beats else worker.last_claim, now),
        seen_by="beat" if beats else "claim",
        kinds=describe_kinds(worker),
        has_long_kind=any(len(kind) > LONG_KIND for kind in (*worker.kinds, *(worker.beats_for or ()))),
        fence=describe_fence(worker),
        end=tuple(describe_end(worker)),
    )


def _since(at: float | None, now: float) -> dict[str, str | None] | None:
    return None if at is None else {"ago": f"{span(now - at)} ago", "at": rfc3339(at), "words": moment(at)}


def pod_name(worker: Worker) -> str | None:
    """As the process reports it, else where its host name has the form of one."""
    if worker.pod is not None and worker.pod.name is not None:
        return worker.pod.name
    return worker.host if worker.host and is_pod(worker.host) else None


def describe_place(worker: Worker) -> str:
    """The pod that the process reports, with its namespace; else what its client id shows."""
    pod = worker.pod
    if pod is None or pod.name is None:
        return describe_host(worker.host)
    return f"pod {pod.namespace}/{pod.name}" if pod.namespace else f"pod {pod.name}"


def describe_host(host: str | None) -> str:
    """Where it runs, as far as its client id shows it."""
    if host is None:
        return "host or pod: not known"
    return f"pod {host}" if is_pod(host) else f"host {host}"


def describe_software(worker: Worker) -> str:
    """The heartbeat client with its version, and its level."""
    if worker.instance is None:
        return "no heartbeat client"
    return f"{worker.software or 'not named'}, level {worker.level or 'unknown'}"


def describe_kinds(worker: Worker) -> str:
    """Those that it works now, else those that it beats for."""
    names = worker.kinds or tuple(sorted(worker.beats_for or ()))
    if not names:
        return "none now"
    more = f" and {len(names) - KINDS_SHOWN} more" if len(names) > KINDS_SHOWN else ""
    return ", ".join(names[:KINDS_SHOWN]) + more


def describe_fence(worker: Worker) -> str:
    """With the reason where it is no."""
    if worker.fence is not WorkerFence.NONE:
        return worker.fence.value
    if worker.fences:
        return "no: its results carry the token, but the fence is not in force"
    return "no: its results carry no token" if worker.instance else "no"


def describe_end(worker: Worker) -> Iterator[str]:
    """How a stale process ended, and the outcome of the jobs that it held; only what the tables show."""
    left = worker.left
    match worker.ending:
        case None:
            return
        case WorkerEnding.TERMINATED:
            yield worker.proof
        case WorkerEnding.GAVE_UP:
            yield f"ended in order: it gave up {count_noun(left.gave_up, 'job')} before"
        case WorkerEnding.HELD_JOBS:
            yield "killed, cut off or frozen at work"
        case WorkerEnding.HELD_NONE:
            yield "its jobs had ended: stopped in order, or killed while idle"
        case WorkerEnding.UNKNOWN:
            yield "how it ended is not known"
    dry = f" ({left.recorded} would be rescued: dry run)" if left.recorded else ""
    outcomes = [
        (worker.jobs, f"still running{dry}"),
        (left.rescued, "rescued"),
        (left.completed, "completed"),
        (left.ended, "failed, snoozed or cancelled"),
        (left.unknown, "not known"),
    ]
    numbers = ", ".join(f"{number} {words}" for number, words in outcomes if number)
    if numbers:
        yield f"jobs: {numbers}"
    elif not left.traced:
        yield "no job of it runs now; what it held is not known any more"
