"""/failing: which live jobs have failed, nearest to being discarded first."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from riverkeeper.formats import moment, rfc3339, span
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.river.failing import FailingJob, FailingJobs
from riverkeeper.service import Service
from riverkeeper.web.pages.query import MOST_SHOWN, SHOWN, BadQuestion
from riverkeeper.web.pages.render import Pages

ANSWER_SECONDS = 10.0
_LATE = DatabaseError(ErrorKind.TIMED_OUT, f"no answer within {ANSWER_SECONDS:.0f} s")
_SHORT_ERROR = 160  # characters that stand in the table; the rest unfolds
_WAITING = frozenset({"available", "retryable", "scheduled"})


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for; None is any."""

    queue: str | None = None
    kind: str | None = None
    limit: int = SHOWN


class Failing:
    """The page and its JSON."""

    def __init__(self, service: Service, pages: Pages, seconds: float = ANSWER_SECONDS) -> None:
        self._service = service
        self._pages = pages
        self._seconds = seconds

    async def page(self, request: Request) -> Response:
        """HTML; 503 with the cure where the database does not answer, 400 for a question it cannot be asked."""
        question = Question()
        try:
            question = asked(request)
            found = await self._found(question)
        except BadQuestion as error:
            return self._html(400, question, error=str(error), cure="correct the address, or use the form")
        except DatabaseError as error:
            return self._html(503, question, error=error.message, cure=error.fix)
        rows = [row(job, found.now, self._service.river_job_url(job.id)) for job in found.jobs]
        return self._html(200, question, found=found, rows=rows)

    async def json(self, request: Request) -> Response:
        """The same for scripts; keys are only ever added."""
        try:
            question = asked(request)
            found = await self._found(question)
        except BadQuestion as error:
            return JSONResponse({"error": str(error), "cure": "correct the query string"}, 400)
        except DatabaseError as error:
            return JSONResponse({"error": error.message, "cure": error.fix}, 503)
        return JSONResponse(document(question, found))

    async def _found(self, question: Question) -> FailingJobs:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._service.failing(question.queue, question.kind, question.limit)
        except TimeoutError:
            raise _LATE from None

    def _html(self, status: int, question: Question, **facts: object) -> Response:
        absent: dict[str, object] = {"found": None, "rows": [], "error": None, "cure": None}
        return self._pages.html("failing.html", status, question=question, most=MOST_SHOWN, **absent | facts)


def asked(request: Request) -> Question:
    """Raises BadQuestion. Unknown parameters are let pass: an alert's link may carry more labels."""
    queue, kind = (request.query_params.get(name) or None for name in ("queue", "kind"))
    if "\0" in f"{queue}{kind}":
        raise BadQuestion("a queue or a kind cannot hold a NUL character")
    limit = request.query_params.get("limit") or str(SHOWN)
    if not (limit.isascii() and limit.isdecimal() and len(limit) < 10 and 1 <= int(limit) <= MOST_SHOWN):
        raise BadQuestion(f"limit must be a whole number from 1 to {MOST_SHOWN}")
    return Question(queue, kind, int(limit))


def next_failure_discards(job: FailingJob) -> bool:
    """As river_jobs_last_attempt counts: the running attempt is the last, or the one to come."""
    return job.attempt + (job.state != "running") >= job.max_attempts


def document(question: Question, found: FailingJobs) -> dict[str, object]:
    """What /failing.json answers."""
    return {
        "queue": question.queue,
        "kind": question.kind,
        "limit": question.limit,
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
class Row:
    """A job as the table shows it."""

    job: FailingJob
    discards: bool
    next_try: str
    next_try_at: str | None  # RFC 3339, and in words
    next_try_words: str | None
    error: str
    error_rest: str
    url: str | None  # of River UI's page of the job


def row(job: FailingJob, now: float, url: str | None = None) -> Row:
    """`now` is the database's."""
    at = job.attempted_at if job.state == "running" else job.scheduled_at
    error = job.last_error or ""
    cut = len(error) if len(error) <= _SHORT_ERROR + 40 else _SHORT_ERROR  # not worth unfolding a few letters
    return Row(
        job, next_failure_discards(job), _next_try(job, now), rfc3339(at), moment(at), error[:cut], error[cut:], url
    )


def _next_try(job: FailingJob, now: float) -> str:
    if job.state == "running":
        return f"running for {span(now - job.attempted_at)}" if job.attempted_at is not None else "running"
    if job.state not in _WAITING:
        return "when it is released"
    if job.scheduled_at > now:
        return f"in {span(job.scheduled_at - now)}"
    return f"due for {span(now - job.scheduled_at)}"
