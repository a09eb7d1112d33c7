"""Problems of queues, kinds and River's own services at this moment. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from riverkeeper.formats import count_noun, span
from riverkeeper.look.finding import Certainty, Finding, ReportPart
from riverkeeper.look.present import DueKind, Present
from riverkeeper.river.facts import Queue

UNWORKED = 600.0  # jobs are due for this long, and none was claimed meanwhile
SLOW = 300.0  # a wait that needs attention
PRODUCER_STALE = 1500.0  # River for Go writes the row of a queue every ten minutes: two writes and a half were missed
RETENTION = {"cancelled": 86_400.0, "completed": 86_400.0, "discarded": 7 * 86_400.0}  # River's defaults
CLEANER_GRACE = 3600.0


def findings_of_services(present: Present) -> Iterator[Finding]:
    """Findings about queues, kinds, leader, scheduler and cleaner, the gravest first."""
    checks: tuple[Callable[[Present], Iterable[Finding]], ...] = (
        find_missing_leader, find_stalled_scheduler, find_still_queues, find_unworked_kinds, find_slow_queues,
        find_late_cleaner,
    )  # fmt: skip
    for check in checks:
        yield from check(present)


def find_missing_leader(present: Present) -> Iterator[Finding]:
    """Without a leader River schedules, retries, rescues and deletes nothing."""
    target, leader = present.snapshot.target, present.snapshot.leader
    if target is None or target.standby or not _was_queried(present, "leader"):
        return
    if leader is not None and leader.expires_at > present.now:
        return
    since = (
        f"The leadership of {leader.leader_id} ended {span(present.now - leader.expires_at)} ago."
        if leader
        else "river_leader has no row."
    )
    yield Finding(
        "leader_missing", ReportPart.NOW,
        "River has no leader: nothing is scheduled, retried, rescued or deleted", since,
        Certainty.PROVEN, "Start a client that works at least one queue. Jobs that are available still run.",
    )  # fmt: skip


def find_stalled_scheduler(present: Present) -> Iterator[Finding]:
    """River's scheduler makes retries and scheduled jobs available when they are due."""
    parts = [p for p in present.snapshot.partitions or () if p.state in {"scheduled", "retryable"} and p.due]
    if parts:
        late = present.now - min(part.first_at for part in parts)
        yield Finding(
            "scheduler_stalled",
            ReportPart.NOW,
            f"{count_noun(sum(part.due for part in parts), 'scheduled job')} overdue, the first by {span(late)}",
            "The jobs are due for more than 30 s, and are still scheduled or retryable.",
            Certainty.PROVEN,
            "River's leader makes them available: check that there is a leader, and read its log.",
            jobs=sum(part.due for part in parts),
            queues=tuple(sorted({part.queue for part in parts})),
        )


def find_still_queues(present: Present) -> Iterator[Finding]:
    """Queues with due jobs and without a claim for ten minutes."""
    rows = {queue.name: queue for queue in present.snapshot.queues or ()}
    for queue, due in _group_by_queue(present.due):
        waited = present.now - min(kind.first_at for kind in due)
        if waited < UNWORKED:
            continue
        row = rows.get(queue)
        paused = row is not None and row.paused  # also where jobs were claimed until a moment ago
        if not paused and present.now - present.last_claim(queue) < UNWORKED:
            continue
        name, title, cause, advice = _why_still(queue, rows, present)
        jobs, estimated = present.due_jobs(queue)
        yield Finding(
            name,
            ReportPart.NOW,
            f"{title}: {_count_jobs(jobs, estimated=estimated)} due, the first for {span(waited)}",
            f"{cause}.",
            Certainty.PROVEN,
            advice,
            jobs=jobs, queues=(queue,), kinds=tuple(sorted({kind.kind for kind in due})),
        )  # fmt: skip


def _group_by_queue(due: Iterable[DueKind]) -> list[tuple[str, list[DueKind]]]:
    """The kinds of each queue, the queue whose job waits longest first."""
    queues: dict[str, list[DueKind]] = {}
    for kind in sorted(due, key=lambda kind: (kind.first_at, kind.queue, kind.kind)):
        queues.setdefault(kind.queue, []).append(kind)
    return list(queues.items())


def _count_jobs(jobs: int, *, estimated: bool) -> str:
    return f"about {count_noun(jobs, 'job')}" if estimated else count_noun(jobs, "job")


def _why_still(queue: str, rows: Mapping[str, Queue], present: Present) -> tuple[str, str, str, str]:
    """Name and title of the finding, what the row of the queue shows, and what to do."""
    row, unclaimed = rows.get(queue), f"No job was claimed for {span(UNWORKED)} or more"
    if row is None and not _was_queried(present, "queues"):
        return (
            "queue_stands_still",
            f"Queue {queue} does not move",
            f"{unclaimed}; the table river_queue could not be read",
            "Check whether its clients run, and whether the queue is paused.",
        )  # fmt: skip
    if row is not None and row.paused:
        cause, advice = "river_queue.paused_at is set", "Find out why it was paused, and resume it."
        return "queue_paused", f"Queue {queue} is paused", cause, advice
    refreshed = f"{unclaimed}; no client has a row for it"
    if row is not None:
        refreshed = f"{unclaimed}; a client last refreshed its row {span(present.now - row.updated_at)} ago"
    if row is None or present.now - row.updated_at > PRODUCER_STALE:
        return "queue_without_worker", f"No worker for queue {queue}", refreshed, "Start workers for this queue."
    return (
        "queue_stands_still", f"Queue {queue} does not move", refreshed,
        "Its clients run and claim no job: read their log, and check whether hung jobs take every slot.",
    )  # fmt: skip


def find_unworked_kinds(present: Present) -> Iterator[Finding]:
    """Kinds without a worker, in a queue whose other kinds are worked."""
    paused = _paused_queues(present)
    for due in sorted(present.due, key=lambda kind: kind.first_at):
        if due.queue in paused:
            continue
        waited = present.now - due.first_at
        queue_works = present.now - present.last_claim(due.queue) < UNWORKED
        if queue_works and min(waited, present.now - present.last_claim(due.queue, due.kind)) >= UNWORKED:
            yield Finding(
                "kind_not_worked",
                ReportPart.NOW,
                f"No worker for {due.kind} in queue {due.queue}: {_count_read(due)} due, for {span(waited)}",
                f"Jobs of other kinds in the queue were claimed in the last {span(UNWORKED)}, and no job of this kind.",
                Certainty.LIKELY,
                "Deploy a worker for the kind, or check whether more urgent jobs take every slot.",
                jobs=due.jobs, queues=(due.queue,), kinds=(due.kind,), job_ids=due.ids,
            )  # fmt: skip


def _paused_queues(present: Present) -> set[str]:
    return {queue.name for queue in present.snapshot.queues or () if queue.paused}


def _count_read(due: DueKind) -> str:
    return count_noun(due.jobs, "job") if due.complete else f"{due.jobs:,} or more jobs"


def find_slow_queues(present: Present) -> Iterator[Finding]:
    """Queues with workers whose jobs wait long."""
    paused = _paused_queues(present)
    for queue, kinds in _group_by_queue(present.due):
        if queue in paused:
            continue
        due = [kind for kind in kinds if present.now - present.last_claim(queue, kind.kind) < UNWORKED]
        waited = max((present.now - kind.first_at for kind in due), default=0.0)
        if waited > SLOW:
            jobs, estimated = present.due_jobs(queue)
            yield Finding(
                "waits_long",
                ReportPart.NOW,
                f"Queue {queue} is slow: a job has waited {span(waited)}",
                f"{_count_jobs(jobs, estimated=estimated)} due, and jobs of these kinds were claimed in the last"
                f" {span(UNWORKED)}.",
                Certainty.PROVEN,
                "Add workers, or make jobs shorter.",
                jobs=jobs, queues=(queue,), kinds=tuple(sorted({kind.kind for kind in due})),
            )  # fmt: skip


def find_late_cleaner(present: Present) -> Iterator[Finding]:
    """River's cleaner deletes ended jobs after a day, and discarded jobs after seven days."""
    for state, first_at in sorted((present.snapshot.oldest_finalized or {}).items()):
        late = present.now - first_at - RETENTION[state]
        if late > CLEANER_GRACE:
            yield Finding(
                "cleaner_behind",
                ReportPart.NOW,
                f"River's cleaner is {span(late)} behind with {state} jobs",
                f"The oldest {state} job ended {span(present.now - first_at)} ago; River keeps them for"
                f" {span(RETENTION[state])}, unless configured otherwise.",
                Certainty.POSSIBLE,
                "A longer retention in River's configuration looks the same.",
            )


def _was_queried(present: Present, query: str) -> bool:
    """Whether the query worked; what could not be read is not reported as missing."""
    return any(outcome.name == query and outcome.error is None for outcome in present.snapshot.queries)
