"""Problems at this moment: jobs, kinds and queues without a worker, and River's own services. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from riverkeeper.formats import span
from riverkeeper.look.finding import Certainty, Finding, ReportPart, count_noun, describe_jobs, find_in_jobs, join_names
from riverkeeper.look.traces import Traces
from riverkeeper.river.facts import Queue
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.verdict.verdict import Reason, StuckJob

RIVER_LIMIT = 3600.0  # River's RescueStuckJobsAfter, unless configured otherwise
UNWORKED = 600.0  # jobs are due for so long, and none was claimed meanwhile
SLOW = 300.0  # a wait that needs attention
CANCEL_GRACE = 120.0  # River repeats a lost cancel message once a minute
PRODUCER_STALE = 1500.0  # River for Go writes the row of a queue every ten minutes: two writes and a half were missed
RETENTION = {"cancelled": 86_400.0, "completed": 86_400.0, "discarded": 7 * 86_400.0}  # River's defaults
CLEANER_GRACE = 3600.0


@dataclass(frozen=True, slots=True)
class DueKind:
    """Due jobs of one kind in one queue."""

    queue: str
    kind: str
    jobs: int
    first_at: float  # scheduled_at of the job that waits longest
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WorkedKind:
    """A kind in one queue, some of whose jobs ended lately."""

    queue: str
    kind: str
    last_claim: float
    longest: float | None  # seconds of the longest run; None: no job was completed


@dataclass(frozen=True, slots=True)
class Present:
    """The facts of this moment."""

    snapshot: Snapshot
    traces: Traces
    due: tuple[DueKind, ...]
    worked: tuple[WorkedKind, ...]
    now: float  # the database's clock
    poison: tuple[int, ...] = ()  # ids of running jobs that stop River's rescuer

    def last_claim(self, queue: str, kind: str | None = None) -> float:
        """When a job of the queue (and kind) was last claimed; 0.0 where no claim is known."""
        pairs = self.snapshot.running.pairs if self.snapshot.running else ()
        claims = [pair.last_claim for pair in pairs if pair.queue == queue and kind in {None, pair.kind}]
        claims += [row.last_claim for row in self.worked if row.queue == queue and kind in {None, row.kind}]
        waiting = self.snapshot.waiting_kinds or ()
        claims += [row.last_claim for row in waiting if row.queue == queue and kind in {None, row.kind}]
        return max((claim for claim in claims if claim is not None), default=0.0)


def findings_now(present: Present) -> Iterator[Finding]:
    """Findings about this moment, the gravest first."""
    for check in (
        find_stuck, find_suspected, find_gone_workers, find_poison, find_long_running, find_ignored_cancels,
        find_missing_leader, find_stalled_scheduler, find_still_queues, find_unworked_kinds, find_slow_queues,
        find_late_cleaner,
    ):  # fmt: skip
        yield from check(present)


@dataclass(frozen=True, slots=True)
class _Suspect:
    """A stuck or suspected job, as a finding shows it."""

    id: int
    queue: str
    kind: str


def find_stuck(present: Present) -> Iterator[Finding]:
    """Jobs that heartbeats or limits prove to be stuck, by reason."""
    verdicts = present.snapshot.verdicts
    found = verdicts.stuck if verdicts else ()
    for reason, jobs in _group_by_reason(found):
        suspects = _suspects_of(jobs)
        yield find_in_jobs(
            suspects,
            "stuck",
            ReportPart.NOW,
            f"{describe_jobs(suspects)} stuck: {reason}",
            "Heartbeats or a limit of the kind prove it: `riverkeeper stuck` shows value and limit of each job.",
            Certainty.PROVEN,
            "The tier of each job decides what the rescuer does.",
        )


def find_suspected(present: Present) -> Iterator[Finding]:
    """Jobs that may be stuck, and the missing proof. Workers without heartbeats have their own finding."""
    verdicts = present.snapshot.verdicts
    found = verdicts.suspected if verdicts else ()
    for reason, jobs in _group_by_reason(job for job in found if job.verdict.reason is not Reason.WORKER_SUSPECT):
        suspects = _suspects_of(jobs)
        yield find_in_jobs(
            suspects,
            "suspected",
            ReportPart.NOW,
            f"{describe_jobs(suspects)} suspected to be stuck: {reason}",
            f"What is missing: {jobs[0].verdict.missing}",
            Certainty.POSSIBLE,
            "The rescuer waits for proof: `riverkeeper stuck` shows each job.",
        )


def _group_by_reason(jobs: Iterable[StuckJob]) -> list[tuple[Reason, list[StuckJob]]]:
    groups: dict[Reason, list[StuckJob]] = {}
    for job in jobs:
        groups.setdefault(job.verdict.reason, []).append(job)
    return sorted(groups.items())


def _suspects_of(jobs: Sequence[StuckJob]) -> list[_Suspect]:
    return [_Suspect(job.job.claim.job_id, job.job.queue, job.job.kind) for job in jobs]


def find_gone_workers(present: Present) -> Iterator[Finding]:
    """Running jobs of a client that has claimed nothing since a newer process started on its host."""
    verdicts = present.snapshot.verdicts
    every = verdicts.suspected if verdicts else ()
    found = {job.job.claim.job_id for job in every if job.verdict.reason is Reason.WORKER_SUSPECT}
    jobs = [claim for claim in present.traces.running if claim.id in found]
    if jobs:
        oldest = present.now - min(job.attempted_at for job in jobs)
        yield find_in_jobs(
            jobs,
            "worker_gone",
            ReportPart.NOW,
            f"{describe_jobs(jobs)} of workers that seem to be gone",
            f"Clients: {join_names(job.client_id or '?' for job in jobs)}"
            ". A newer process runs on their host, and since then they have claimed no job."
            f" The oldest claim is {span(oldest)} old.",
            Certainty.LIKELY,
            "River's own rescuer takes the jobs an hour after their claim, or never where the worker has no timeout."
            " Heartbeats would find them at once.",
        )


def find_long_running(present: Present) -> Iterator[Finding]:
    """Jobs that have run for longer than the limit of River's rescuer."""
    jobs = [claim for claim in present.traces.running if present.now - claim.attempted_at > RIVER_LIMIT]
    if jobs:
        oldest = max(present.now - job.attempted_at for job in jobs)
        yield find_in_jobs(
            jobs,
            "running_past_the_limit",
            ReportPart.NOW,
            f"{describe_jobs(jobs)} running for more than an hour, the oldest for {span(oldest)}",
            "River's rescuer takes jobs after an hour, unless their worker's timeout is longer or off.",
            Certainty.POSSIBLE,
            "In the table, long jobs look like jobs whose worker died. Heartbeats tell them apart.",
        )


def find_ignored_cancels(present: Present) -> Iterator[Finding]:
    """Jobs that were cancelled and still run."""
    jobs = [
        claim
        for claim in present.traces.running
        if claim.cancel_at is not None
        and present.now - claim.cancel_at > CANCEL_GRACE
        and claim.cancel_at > claim.attempted_at
    ]
    if jobs:
        yield find_in_jobs(
            jobs,
            "cancel_not_obeyed",
            ReportPart.NOW,
            f"{describe_jobs(jobs)} cancelled, and still running",
            f"metadata.cancel_attempted_at is more than {span(CANCEL_GRACE)} old.",
            Certainty.LIKELY,
            "Their worker is dead, or its code ignores its context.",
        )


def find_poison(present: Present) -> Iterator[Finding]:
    """A job with such metadata stops River's rescuer for every job of the schema."""
    jobs = [claim for claim in present.traces.running if claim.id in present.poison]
    if jobs:
        yield find_in_jobs(
            jobs,
            "rescuer_stopped_by_a_row",
            ReportPart.NOW,
            f"{count_noun(len(jobs), 'row')} stopped River's own rescuer: it rescues no job at all",
            "The metadata has a river:rescue_count or cancel_attempted_at that River cannot read.",
            Certainty.PROVEN,
            "`riverkeeper check` prints the statement that repairs each row.",
        )


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
    for queue in sorted({kind.queue for kind in present.due}):
        due = [kind for kind in present.due if kind.queue == queue]
        waited, jobs = present.now - min(kind.first_at for kind in due), sum(kind.jobs for kind in due)
        if min(waited, present.now - present.last_claim(queue)) < UNWORKED:
            continue
        cause, advice = _why_still(rows.get(queue), present.now)
        yield Finding(
            "queue_stands_still",
            ReportPart.NOW,
            f"Queue {queue} stands still: {count_noun(jobs, 'job')} due, the first for {span(waited)}",
            f"No job was claimed for {span(UNWORKED)} or more; {cause}.",
            Certainty.PROVEN,
            advice,
            jobs=jobs, queues=(queue,), kinds=tuple(sorted({kind.kind for kind in due})),
        )  # fmt: skip


def _why_still(row: Queue | None, now: float) -> tuple[str, str]:
    """What the row of the queue shows, and what to do."""
    if row is None:
        return "no client has a row for this queue", "Start workers for this queue."
    if row.paused:
        return "the queue is paused", "Find out why it was paused, and resume it."
    refreshed = f"a client refreshed its row {span(now - row.updated_at)} ago"
    if now - row.updated_at > PRODUCER_STALE:
        return refreshed, "Its clients are gone: start workers for this queue."
    return refreshed, "Its clients run and claim no job: read their log, and check whether hung jobs take every slot."


def find_unworked_kinds(present: Present) -> Iterator[Finding]:
    """Kinds without a worker, in a queue whose other kinds are worked."""
    for due in sorted(present.due, key=lambda kind: kind.first_at):
        waited = present.now - due.first_at
        queue_works = present.now - present.last_claim(due.queue) < UNWORKED
        if queue_works and min(waited, present.now - present.last_claim(due.queue, due.kind)) >= UNWORKED:
            yield Finding(
                "kind_not_worked",
                ReportPart.NOW,
                f"No worker for {due.kind} in queue {due.queue}: {count_noun(due.jobs, 'job')} due, for {span(waited)}",
                f"Jobs of other kinds in the queue were claimed in the last {span(UNWORKED)}, and no job of this kind.",
                Certainty.LIKELY,
                "Deploy a worker for the kind, or check whether more urgent jobs take every slot.",
                jobs=due.jobs, queues=(due.queue,), kinds=(due.kind,), job_ids=due.ids,
            )  # fmt: skip


def find_slow_queues(present: Present) -> Iterator[Finding]:
    """Queues with workers whose jobs wait long."""
    for queue in sorted({kind.queue for kind in present.due}):
        due = [
            kind
            for kind in present.due
            if kind.queue == queue and present.now - present.last_claim(queue, kind.kind) < UNWORKED
        ]
        waited = max((present.now - kind.first_at for kind in due), default=0.0)
        if waited > SLOW:
            yield Finding(
                "waits_long",
                ReportPart.NOW,
                f"Queue {queue} is slow: a job has waited {span(waited)}",
                f"{count_noun(sum(kind.jobs for kind in due), 'job')} due in a queue with workers.",
                Certainty.PROVEN,
                "Add workers, or make jobs shorter.",
                jobs=sum(kind.jobs for kind in due), queues=(queue,), kinds=tuple(sorted({kind.kind for kind in due})),
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
