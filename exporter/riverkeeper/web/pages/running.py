"""/running: which jobs run now, the longest first; how far each is, when it is expected to end, and its verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from riverkeeper.config.policy import Policy
from riverkeeper.formats import moment_near, rfc3339, span
from riverkeeper.ledger.expected_end import Basis, ExpectedEnd, expect_end
from riverkeeper.postgres.errors import DatabaseError
from riverkeeper.river.longest import JobCheckpoint, LongestJobs, RunningFilter
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.verdict.client_ids import is_pod, parse_client_id
from riverkeeper.verdict.job import RunningJob
from riverkeeper.verdict.tiers import tier_of
from riverkeeper.verdict.verdict import Limit, LimitName, Reason, StuckJob
from riverkeeper.web.pages.filters import ListError, refuse_unknown_worker
from riverkeeper.web.pages.job_list import ANSWER_SECONDS, MOST_SHOWN, SHOWN, JobListPage, JobQuery
from riverkeeper.web.pages.status import FIRST_BEAT_SECONDS


class Word(StrEnum):
    """The verdict on a running job in one word."""

    OK = "ok"
    SUSPECTED = "suspected"
    STUCK = "stuck"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ListedJob:
    """A running job with all that the page shows of it."""

    job: RunningJob
    tier: str
    word: Word
    reason: Reason | None  # of a stuck or suspected job
    why: str  # of an unknown verdict: what is not known; of a suspected job: the missing evidence
    end: ExpectedEnd
    limit: Limit | None  # of its run
    age: float | None  # seconds; None where its claim has no moment
    checkpoint: JobCheckpoint | None = None  # None: there is none, or none can be read

    @property
    def used(self) -> float | None:
        """How much of its run limit is used: 1 = all."""
        return None if self.limit is None or self.age is None else self.age / self.limit.seconds

    @property
    def at_least(self) -> bool:
        """Whether the age is only known to be at least this: its worker's clock dated the claim, and it never beat."""
        return self.job.claimed_before is not None and self.job.beat is None

    @property
    def host(self) -> str | None:
        known = parse_client_id(self.job.client_id) if self.job.client_id else None
        return known.host if known else None


@dataclass(frozen=True, slots=True)
class RunningJobs:
    """The listed jobs, and what is known of all running ones."""

    found: LongestJobs
    jobs: tuple[ListedJob, ...]
    stuck: int | None  # of all running jobs, whatever the filters; None: they were not judged
    suspected: int | None

    @property
    def more(self) -> int:
        return max(self.found.found - len(self.jobs), 0)


class RunningPage(JobListPage[RunningJobs]):
    """/running and /running.json. The verdicts are those of the last scrape, as on /stuck."""

    template = "running.html"
    names = ("queue", "kind", "tier")
    own_names = ("worker",)

    async def _find(self, query: JobQuery) -> RunningJobs:
        snapshot = await self._service.snapshot(ANSWER_SECONDS)
        reading = self._service.running(make_filter(query), query.limit, many=snapshot.many_run)
        return list_running(await self._in_time(reading), snapshot, self._service.policy())

    def _is_empty(self, result: RunningJobs) -> bool:
        return not result.jobs

    async def _find_or_explain(self, query: JobQuery) -> RunningJobs:
        """A worker whose name does not exist is refused too."""
        result = await super()._find_or_explain(query)
        worker = query.own.get("worker")
        if worker and not result.jobs:
            refuse_unknown_worker(worker, await self._known_workers())
        return result

    async def _known_workers(self) -> frozenset[str]:
        try:
            return await self._in_time(self._service.client_names())
        except DatabaseError as error:
            raise ListError(503, error.message, error.fix) from None

    def _show(self, query: JobQuery, result: RunningJobs) -> dict[str, object]:
        now = result.found.now
        rows = [make_row(job, now) for job in result.jobs]
        next_limit = min(query.limit + SHOWN, MOST_SHOWN) if result.more and query.limit < MOST_SHOWN else None
        return {"found": result, "rows": rows, "next_limit": next_limit}

    def _document(self, query: JobQuery, result: RunningJobs) -> dict[str, object]:
        return document(query, result)


def make_filter(query: JobQuery) -> RunningFilter:
    """What the page and the command read."""
    return RunningFilter(query.scope.queue, query.scope.kind, query.own.get("worker"), query.scope.tier)


def list_running(found: LongestJobs, snapshot: Snapshot, policy: Policy) -> RunningJobs:
    """Each job with the verdict that the scrape holds of its claim, its limit, and its expected end."""
    judged = snapshot.verdicts
    known = {stuck.job.claim: stuck for stuck in (*judged.stuck, *judged.suspected)} if judged else {}
    limits = (
        {(each.kind, each.tier): each.limit for each in judged.limits if each.limit.name is LimitName.RUN}
        if judged
        else {}
    )
    jobs = []
    for job in found.jobs:
        tier, age = tier_of(policy, job.queue, job.kind, job.priority).name, found.now - job.held_since
        word, reason, why = _judge(job, known.get(job.claim), snapshot, found.now)
        checkpoint = found.checkpoints.get(job.claim.job_id)
        listed = ListedJob(
            job,
            tier,
            word,
            reason,
            why,
            end=_expect_end(job, reason, checkpoint, snapshot, found.now),
            limit=limits.get((job.kind, tier)),
            age=max(age, 0.0) if math.isfinite(age) else None,
            checkpoint=checkpoint,
        )
        jobs.append(listed)
    return RunningJobs(
        found,
        tuple(jobs),
        sum(judged.counts.values()) if judged else None,
        sum(judged.suspected_counts.values()) if judged else None,
    )


def _expect_end(
    job: RunningJob, reason: Reason | None, checkpoint: JobCheckpoint | None, snapshot: Snapshot, now: float
) -> ExpectedEnd:
    """A stuck job goes on no more; one over its budget does."""
    if reason is not None and reason.is_stuck and reason is not Reason.OVER_BUDGET:
        return ExpectedEnd(Basis.NONE, f"it is stuck: {reason}")
    resumed = checkpoint is not None and checkpoint.resumed
    return expect_end(job, snapshot.past_runs.get(job.kind), now, resumed=resumed)


def _judge(job: RunningJob, listed: StuckJob | None, snapshot: Snapshot, now: float) -> tuple[Word, Reason | None, str]:
    """A job that no scrape has called stuck is ok only if it beats: without heartbeats nobody knows."""
    if listed is not None:
        verdict = listed.verdict
        word = Word.STUCK if verdict.reason.is_stuck else Word.SUSPECTED
        return word, verdict.reason, verdict.missing
    if snapshot.verdicts is None:
        return Word.UNKNOWN, None, "running jobs were not judged in the last scrape"
    if not snapshot.verdicts.complete:
        return Word.UNKNOWN, None, "more jobs are stuck than a scrape lists"
    if job.beat is None:
        young = now - job.held_since <= FIRST_BEAT_SECONDS
        return Word.UNKNOWN, None, "no beat has come yet" if young else "it never beat"
    if job.beat.lost_at is not None:
        return Word.UNKNOWN, None, "a rescue took it from this worker"
    return Word.OK, None, ""


def document(query: JobQuery, result: RunningJobs) -> dict[str, object]:
    """What /running.json and `riverkeeper running --json` answer."""
    found = result.found
    return {
        "queue": query.scope.queue,
        "kind": query.scope.kind,
        "tier": query.scope.tier,
        "worker": query.own.get("worker"),
        "limit": query.limit,
        "now": rfc3339(found.now),
        "found": found.found,
        "bounded": found.bounded,
        "heartbeats": found.beats,
        "notes": found.notes,
        "stuck": result.stuck,
        "suspected": result.suspected,
        "jobs": [_job(listed, found.now) for listed in result.jobs],
    }


def _job(listed: ListedJob, now: float) -> dict[str, object]:
    job, beat, limit = listed.job, listed.job.beat, listed.limit
    return {
        "id": job.claim.job_id,
        "attempt": job.claim.attempt,
        "max_attempts": job.max_attempts,
        "queue": job.queue,
        "kind": job.kind,
        "priority": job.priority,
        "tier": listed.tier,
        "client_id": job.client_id,
        "host": listed.host,
        "claimed_at": rfc3339(None if listed.age is None else now - listed.age),
        "age_seconds": listed.age,
        "age_is_at_least": listed.at_least,
        "last_beat_at": rfc3339(beat.beat_at) if beat else None,
        "progress": beat.progress if beat else None,
        "progress_at": rfc3339(beat.progress_at) if beat else None,
        "note": beat.note if beat else None,
        "checkpoint_at": rfc3339(listed.checkpoint.saved_at) if listed.checkpoint else None,
        "resumed": listed.checkpoint.resumed if listed.checkpoint else None,
        "expected_end": {
            "basis": listed.end.basis.value,
            "at": rfc3339(listed.end.at),
            "earliest": rfc3339(listed.end.earliest),
            "latest": rfc3339(listed.end.latest),
            "why": listed.end.why,
        },
        "limit_seconds": limit.seconds if limit else None,
        "limit_origin": limit.origin if limit else None,
        "limit_used": listed.used,
        "verdict": listed.word.value,
        "reason": listed.reason.value if listed.reason else None,
        "why": listed.why or None,
        "rescues_in_a_day": job.rescues,
    }


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment as its distance from now and as itself."""

    ago: str
    at: str | None = None  # RFC 3339
    words: str | None = None


@dataclass(frozen=True, slots=True)
class RunningRow:
    """A running job as the table shows it."""

    listed: ListedJob
    worker: str  # its host or pod, else its client id
    worker_kind: str  # "pod", "host" or "client"
    running: Moment
    beat: Moment
    percent: int | None
    progress: Moment
    checkpoint: Moment | None
    end: str
    end_range: str  # the moment and its range; "" where the end is unknown
    limit: str
    stuck_filters: Mapping[str, str]  # of /stuck


def make_row(listed: ListedJob, now: float) -> RunningRow:
    """`now` is the database's."""
    job, beat = listed.job, listed.job.beat
    host = listed.host
    claimed_at = None if listed.age is None else now - listed.age
    return RunningRow(
        listed,
        worker=host or job.client_id or "unknown",
        worker_kind="client" if host is None else "pod" if is_pod(host) else "host",
        running=_running(listed, claimed_at, now),
        beat=_ago(beat.beat_at, now) if beat else Moment("never"),
        percent=None if beat is None or beat.progress is None else math.floor(round(beat.progress * 100, 4)),
        progress=_ago(beat.progress_at, now) if beat and beat.progress_at is not None else Moment("not reported"),
        checkpoint=_ago(listed.checkpoint.saved_at, now) if listed.checkpoint else None,
        end=describe_end(listed.end, now),
        end_range="; ".join(_describe_range(listed.end, now)),
        limit=_describe_limit(listed),
        stuck_filters={"queue": job.queue, "kind": job.kind},
    )


def _running(listed: ListedJob, claimed_at: float | None, now: float) -> Moment:
    if listed.age is None:
        return Moment("unknown")
    return Moment(
        f"{'at least ' if listed.at_least else ''}{span(listed.age)}", rfc3339(claimed_at), moment_near(claimed_at, now)
    )


def _ago(at: float, now: float) -> Moment:
    return Moment(f"{span(max(now - at, 0.0))} ago", rfc3339(at), moment_near(at, now))


def describe_end(end: ExpectedEnd, now: float) -> str:
    """How long it is expected to take from now on."""
    if end.at is None:
        return "unknown" if end.basis is Basis.NONE else "any moment"
    return f"in about {span(end.at - now)}" if end.at - now >= 1 else "any moment"


def _describe_range(end: ExpectedEnd, now: float) -> Iterator[str]:
    if end.at is None:
        return
    yield f"{moment_near(end.at, now)}"
    if end.earliest is not None and end.latest is not None:
        yield f"in {span(end.earliest - now)} to {span(end.latest - now)}"
    elif end.earliest is not None:
        yield f"in {span(end.earliest - now)} or later"


def _describe_limit(listed: ListedJob) -> str:
    if listed.limit is None:
        return "no limit"
    share = "" if listed.used is None else f"{listed.used:.0%} of "
    return f"{share}{span(listed.limit.seconds)}"
