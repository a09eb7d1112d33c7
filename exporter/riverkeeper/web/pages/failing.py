"""/failing: live jobs that have failed; the job with the fewest attempts left comes first."""

from __future__ import annotations

from dataclasses import dataclass

from riverkeeper.formats import moment, rfc3339, span
from riverkeeper.river.failing import FailingJob, FailingJobs
from riverkeeper.web.pages.job_list import JobListPage, JobQuery

_SHORT_ERROR = 160  # characters that stand in the table; the rest unfolds
_WAITING = frozenset({"available", "retryable", "scheduled"})


class FailingPage(JobListPage[FailingJobs]):
    """/failing and /failing.json."""

    template = "failing.html"
    names = ("queue", "kind")

    async def _find(self, query: JobQuery) -> FailingJobs:
        return await self._in_time(self._service.failing(query.scope.queue, query.scope.kind, query.limit))

    def _is_empty(self, result: FailingJobs) -> bool:
        return not result.jobs

    def _show(self, query: JobQuery, result: FailingJobs) -> dict[str, object]:
        rows = [make_row(job, result.now) for job in result.jobs]
        return {"found": result, "rows": rows}

    def _document(self, query: JobQuery, result: FailingJobs) -> dict[str, object]:
        return document(query, result)


def next_failure_discards(job: FailingJob) -> bool:
    """Whether the running attempt, or the next one, is the last. river_jobs_last_attempt counts the same."""
    return job.attempt + (job.state != "running") >= job.max_attempts


def document(query: JobQuery, found: FailingJobs) -> dict[str, object]:
    """What /failing.json and `riverkeeper failing --json` answer."""
    return {
        "queue": query.scope.queue,
        "kind": query.scope.kind,
        "limit": query.limit,
        "now": rfc3339(found.now),
        "found": found.found,
        "bounded": found.bounded,
        "jobs": [_job(job) for job in found.jobs],
    }


def _job(job: FailingJob) -> dict[str, object]:
    return {
        "id": job.id,
        "queue": job.queue,
        "kind": job.kind,
        "state": job.state,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "attempts_left": job.attempts_left,
        "next_failure_discards": next_failure_discards(job),
        "scheduled_at": rfc3339(job.scheduled_at),
        "attempted_at": rfc3339(job.attempted_at),
        "last_error": job.last_error,
    }


@dataclass(frozen=True, slots=True)
class FailingRow:
    """A job as the table shows it."""

    job: FailingJob
    discards: bool
    next_try: str
    next_try_at: str | None  # RFC 3339; the next line in words
    next_try_words: str | None
    error: str
    error_rest: str


def make_row(job: FailingJob, now: float) -> FailingRow:
    """`now` is the database's."""
    at = job.attempted_at if job.state == "running" else job.scheduled_at
    error = job.last_error or ""
    cut = len(error) if len(error) <= _SHORT_ERROR + 40 else _SHORT_ERROR  # not worth unfolding a few letters
    return FailingRow(
        job, next_failure_discards(job), _next_try(job, now), rfc3339(at), moment(at), error[:cut], error[cut:]
    )


def _next_try(job: FailingJob, now: float) -> str:
    if job.state == "running":
        return f"running for {span(now - job.attempted_at)}" if job.attempted_at is not None else "running"
    if job.state not in _WAITING:
        return "when it is released"
    if job.scheduled_at > now:
        return f"in {span(job.scheduled_at - now)}"
    return f"due for {span(now - job.scheduled_at)}"
