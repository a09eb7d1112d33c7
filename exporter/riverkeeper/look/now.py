"""What stands still at this moment: jobs, kinds and queues that nobody works, and River's own services. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict

from riverkeeper.formats import span
from riverkeeper.look.finding import MOST_IDS, Certainty, Finding, Part, about, counted, listed
from riverkeeper.look.job_trace import Traces
from riverkeeper.river.facts import Queue
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.verdict.verdict import Reason, StuckJob

RIVER_LIMIT = 3600.0  # River's RescueStuckJobsAfter, unless configured otherwise
UNWORKED = 600.0  # a kind whose jobs are due for so long, and of which none was claimed meanwhile
SLOW = 300.0  # a wait that a person asks about
CANCEL_GRACE = 120.0  # River looks once a minute for cancels whose message was lost
PRODUCER_STALE = 1500.0  # River for Go writes a queue's row every ten minutes: two missed, and half of one
RETENTION = {"cancelled": 86_400.0, "completed": 86_400.0, "discarded": 7 * 86_400.0}  # River's defaults
CLEANER_GRACE = 3600.0


@dataclass(frozen=True, slots=True)
class DueKind:
    """Due jobs of one kind in one queue."""

    queue: str
    kind: str
    jobs: int
    first_at: float  # scheduled_at of the one that waits longest
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WorkedKind:
    """A kind of which jobs ended lately, in one queue."""

    queue: str
    kind: str
    last_claim: float
    longest: float | None  # seconds; None: none was completed


@dataclass(frozen=True, slots=True)
class Present:
    """Everything that `now` looks at."""

    snapshot: Snapshot
    traces: Traces
    due: tuple[DueKind, ...]
    worked: tuple[WorkedKind, ...]
    now: float  # the database's clock
    poison: tuple[int, ...] = ()  # ids of running rows that stop River's rescuer

    def last_claim(self, queue: str, kind: str | None = None) -> float:
        """When a job of the queue (and kind) was claimed last; 0.0 where no claim is known."""
        pairs = self.snapshot.running.pairs if self.snapshot.running else ()
        claims = [pair.last_claim for pair in pairs if pair.queue == queue and kind in {None, pair.kind}]
        claims += [one.last_claim for one in self.worked if one.queue == queue and kind in {None, one.kind}]
        waiting = self.snapshot.waiting_kinds or ()
        claims += [one.last_claim for one in waiting if one.queue == queue and kind in {None, one.kind}]
        return max((claim for claim in claims if claim is not None), default=0.0)


def findings_now(present: Present) -> Iterator[Finding]:
    """Findings about this moment, gravest first."""
    for check in (
        stuck, suspected, workers_gone, poisoned, running_past_the_limit, cancel_not_obeyed, leader_missing,
        scheduler_stalled, queues_stand_still, kinds_not_worked, slow_queues, cleaner_behind,
    ):  # fmt: skip
        yield from check(present)


def stuck(present: Present) -> Iterator[Finding]:
    """Jobs that heartbeats or learned limits prove to be stuck, by reason."""
    found = present.snapshot.verdicts.stuck if present.snapshot.verdicts else ()
    for reason in sorted({one.verdict.reason for one in found}):
        jobs = [one for one in found if one.verdict.reason is reason]
        yield Finding(
            "stuck",
            Part.NOW,
            f"{counted(len(jobs), 'job')} of {listed(one.job.kind for one in jobs)} stuck: {reason}",
            "Heartbeats or a limit of the kind prove it: `riverkeeper stuck` shows value, limit and origin of each.",
            Certainty.PROVEN,
            "The tier of each says what the rescuer does.",
            **_about(jobs),
        )


def suspected(present: Present) -> Iterator[Finding]:
    """Jobs that may be stuck, and the evidence that is missing. Workers without heartbeats have their own finding."""
    every = present.snapshot.verdicts.suspected if present.snapshot.verdicts else ()
    found = [one for one in every if one.verdict.reason is not Reason.WORKER_SUSPECT]
    for reason in sorted({one.verdict.reason for one in found}):
        jobs = [one for one in found if one.verdict.reason is reason]
        yield Finding(
            "suspected",
            Part.NOW,
            f"{counted(len(jobs), 'job')} of {listed(one.job.kind for one in jobs)} suspected to be stuck: {reason}",
            f"What is missing: {jobs[0].verdict.missing}",
            Certainty.POSSIBLE,
            "Nothing is done about them until it is proven: `riverkeeper stuck` shows each.",
            **_about(jobs),
        )


def _about(jobs: Sequence[StuckJob]) -> _About:
    ids = sorted(one.job.claim.job_id for one in jobs)
    return _About(
        jobs=len(jobs),
        kinds=tuple(sorted({one.job.kind for one in jobs})),
        queues=tuple(sorted({one.job.queue for one in jobs})),
        job_ids=tuple(ids[:MOST_IDS]),
    )


class _About(TypedDict):
    jobs: int
    kinds: tuple[str, ...]
    queues: tuple[str, ...]
    job_ids: tuple[int, ...]


def workers_gone(present: Present) -> Iterator[Finding]:
    """Running jobs whose client has a successor on its host, and has claimed nothing since."""
    every = present.snapshot.verdicts.suspected if present.snapshot.verdicts else ()
    found = {one.job.claim.job_id for one in every if one.verdict.reason is Reason.WORKER_SUSPECT}
    jobs = [claim for claim in present.traces.running if claim.id in found]
    if jobs:
        oldest = present.now - min(job.attempted_at for job in jobs)
        yield about(
            jobs,
            "worker_gone",
            Part.NOW,
            f"{counted(len(jobs), 'job')} of {listed(job.kind for job in jobs)} held by workers that seem to be gone",
            f"Clients: {listed(job.client_id or '?' for job in jobs)}. A younger process runs on their host, and they"
            f" have claimed nothing since. The oldest claim is {span(oldest)} old.",
            Certainty.LIKELY,
            "River's own rescuer takes them an hour after their claim, or never where the worker has no timeout."
            " Heartbeats would tell at once.",
        )


def running_past_the_limit(present: Present) -> Iterator[Finding]:
    """Running jobs that River's rescuer has left alone for longer than its limit."""
    jobs = [claim for claim in present.traces.running if present.now - claim.attempted_at > RIVER_LIMIT]
    if jobs:
        oldest = max(present.now - job.attempted_at for job in jobs)
        yield about(
            jobs,
            "running_past_the_limit",
            Part.NOW,
            f"{counted(len(jobs), 'job')} of {listed(job.kind for job in jobs)} running for more than an hour,"
            f" the oldest for {span(oldest)}",
            "River's rescuer takes jobs after an hour, unless their worker's timeout is longer or off.",
            Certainty.POSSIBLE,
            "Long jobs that are fine look the same as jobs whose worker died. Heartbeats tell them apart.",
        )


def cancel_not_obeyed(present: Present) -> Iterator[Finding]:
    """Jobs that somebody cancelled, and that go on."""
    jobs = [
        claim
        for claim in present.traces.running
        if claim.cancel_at is not None
        and present.now - claim.cancel_at > CANCEL_GRACE
        and claim.cancel_at > claim.attempted_at
    ]
    if jobs:
        yield about(
            jobs,
            "cancel_not_obeyed",
            Part.NOW,
            f"{counted(len(jobs), 'job')} of {listed(job.kind for job in jobs)} cancelled, and still running",
            f"metadata.cancel_attempted_at is more than {span(CANCEL_GRACE)} old.",
            Certainty.LIKELY,
            "Their worker is dead, or its code does not look at its context.",
        )


def poisoned(present: Present) -> Iterator[Finding]:
    """One such row stops River's rescuer for every job of the schema."""
    jobs = [claim for claim in present.traces.running if claim.id in present.poison]
    if jobs:
        yield about(
            jobs,
            "rescuer_stopped_by_a_row",
            Part.NOW,
            f"River's own rescuer is stopped by {counted(len(jobs), 'row')}: it rescues no job at all",
            "Their metadata holds a river:rescue_count or cancel_attempted_at that River cannot read.",
            Certainty.PROVEN,
            "`riverkeeper check` prints the statement that repairs each row.",
        )


def leader_missing(present: Present) -> Iterator[Finding]:
    """Without a leader nothing is scheduled, retried late, rescued or deleted."""
    target, leader = present.snapshot.target, present.snapshot.leader
    if target is None or target.standby or not _asked(present, "leader"):
        return
    if leader is not None and leader.expires_at > present.now:
        return
    since = (
        f"The term of {leader.leader_id} ended {span(present.now - leader.expires_at)} ago."
        if leader
        else ("river_leader has no row.")
    )
    yield Finding(
        "leader_missing", Part.NOW, "No River client leads: nothing is scheduled, retried, rescued or deleted", since,
        Certainty.PROVEN, "Start a client that works at least one queue. Ordinary jobs still run.",
    )  # fmt: skip


def scheduler_stalled(present: Present) -> Iterator[Finding]:
    """River's scheduler makes retries and scheduled jobs available when they are due."""
    parts = [p for p in present.snapshot.partitions or () if p.state in {"scheduled", "retryable"} and p.due]
    if parts:
        late = present.now - min(part.first_at for part in parts)
        yield Finding(
            "scheduler_stalled",
            Part.NOW,
            f"{counted(sum(part.due for part in parts), 'scheduled job')} overdue, the first by {span(late)}",
            "They are due for more than 30 s and still scheduled or retryable.",
            Certainty.PROVEN,
            "River's leader schedules: see whether one leads, and its log.",
            jobs=sum(part.due for part in parts),
            queues=tuple(sorted({part.queue for part in parts})),
        )


def queues_stand_still(present: Present) -> Iterator[Finding]:
    """Queues with due jobs from which nothing was claimed for ten minutes."""
    rows = {queue.name: queue for queue in present.snapshot.queues or ()}
    for queue in sorted({one.queue for one in present.due}):
        due = [one for one in present.due if one.queue == queue]
        waited, jobs = present.now - min(one.first_at for one in due), sum(one.jobs for one in due)
        if min(waited, present.now - present.last_claim(queue)) < UNWORKED:
            continue
        why, advice = _why_still(rows.get(queue), present.now)
        yield Finding(
            "queue_stands_still",
            Part.NOW,
            f"Queue {queue} stands still: {counted(jobs, 'job')} due, the first for {span(waited)}",
            f"Nothing was claimed for {span(UNWORKED)} or more; {why}.",
            Certainty.PROVEN,
            advice,
            jobs=jobs, queues=(queue,), kinds=tuple(sorted({one.kind for one in due})),
        )  # fmt: skip


def _why_still(row: Queue | None, now: float) -> tuple[str, str]:
    """What the queue's row says, and what to do."""
    if row is None:
        return "no client has announced that it works this queue", "Start workers for this queue."
    if row.paused:
        return "the queue is paused", "Find out who paused it and why, and resume it."
    refreshed = f"a client refreshed its row {span(now - row.updated_at)} ago"
    if now - row.updated_at > PRODUCER_STALE:
        return refreshed, "Its clients are gone: start workers for this queue."
    return refreshed, "Its clients are there and claim nothing: see their log, and whether every slot holds a hung job."


def kinds_not_worked(present: Present) -> Iterator[Finding]:
    """Kinds that wait in a queue whose other kinds are worked."""
    for one in sorted(present.due, key=lambda kind: kind.first_at):
        waited = present.now - one.first_at
        queue_works = present.now - present.last_claim(one.queue) < UNWORKED
        if queue_works and min(waited, present.now - present.last_claim(one.queue, one.kind)) >= UNWORKED:
            yield Finding(
                "kind_not_worked",
                Part.NOW,
                f"Nobody works {one.kind} in queue {one.queue}: {counted(one.jobs, 'job')} due, for {span(waited)}",
                f"Other kinds of the queue were claimed within {span(UNWORKED)}, none of this kind.",
                Certainty.LIKELY,
                "Deploy a worker that knows the kind, or see whether more urgent jobs keep the queue busy.",
                jobs=one.jobs, queues=(one.queue,), kinds=(one.kind,), job_ids=one.ids,
            )  # fmt: skip


def slow_queues(present: Present) -> Iterator[Finding]:
    """Queues that are worked, but whose jobs wait long."""
    for queue in sorted({one.queue for one in present.due}):
        due = [
            one
            for one in present.due
            if one.queue == queue and present.now - present.last_claim(queue, one.kind) < UNWORKED
        ]
        waited = max((present.now - one.first_at for one in due), default=0.0)
        if waited > SLOW:
            yield Finding(
                "waits_long",
                Part.NOW,
                f"Queue {queue} is slow: a job has waited {span(waited)}",
                f"{counted(sum(one.jobs for one in due), 'job')} due in a queue that is worked.",
                Certainty.PROVEN,
                "More workers, or less work for each.",
                jobs=sum(one.jobs for one in due), queues=(queue,), kinds=tuple(sorted({one.kind for one in due})),
            )  # fmt: skip


def cleaner_behind(present: Present) -> Iterator[Finding]:
    """River's cleaner deletes ended jobs after a day, discarded ones after seven."""
    for state, first_at in sorted((present.snapshot.oldest_finalized or {}).items()):
        late = present.now - first_at - RETENTION[state]
        if late > CLEANER_GRACE:
            yield Finding(
                "cleaner_behind",
                Part.NOW,
                f"River's cleaner is {span(late)} behind with {state} jobs",
                f"The oldest {state} job ended {span(present.now - first_at)} ago; River keeps them for"
                f" {span(RETENTION[state])}, unless configured otherwise.",
                Certainty.POSSIBLE,
                "Longer retention by configuration looks the same.",
            )


def _asked(present: Present, query: str) -> bool:
    """Whether the reading could ask this; what could not be asked is not found missing."""
    return any(one.name == query and one.error is None for one in present.snapshot.queries)
