"""/rescues: what the rescuer did, or in a dry run would have done, newest first, and whether it was right."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from riverkeeper.formats import moment, rfc3339, span
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.rescue.audit.history import AuditRecord, RescueHistory
from riverkeeper.service import Service
from riverkeeper.verdict.verdict import STUCK
from riverkeeper.web.pages.query import MOST_SHOWN, Asked, BadQuestion, asked, choices
from riverkeeper.web.pages.render import Pages

ANSWER_SECONDS = 10.0
_LATE = DatabaseError(ErrorKind.TIMED_OUT, f"no answer within {ANSWER_SECONDS:.0f} s")


class History:
    """The page and its JSON, read from the audit at each request."""

    def __init__(self, service: Service, pages: Pages, seconds: float = ANSWER_SECONDS) -> None:
        self._service = service
        self._pages = pages
        self._seconds = seconds

    async def page(self, request: Request) -> Response:
        """HTML; 503 with the cure where the audit cannot be read, 400 for a question that cannot be answered."""
        question = Asked()
        try:
            question = asked(request.query_params)
            found = await self._found(question)
        except BadQuestion as error:
            return self._html(400, question, error=str(error), cure="correct the address, or use the form")
        except DatabaseError as error:
            return self._html(503, question, error=error.message, cure=error.fix)
        rows = [row(one, found.now, self._service.river_job_url(one.job_id)) for one in found.rows]
        return self._html(200, question, found=found, rows=rows)

    async def json(self, request: Request) -> Response:
        """The same for scripts; keys are only ever added."""
        try:
            question = asked(request.query_params)
            found = await self._found(question)
        except BadQuestion as error:
            return JSONResponse({"error": str(error), "cure": "correct the query string"}, 400)
        except DatabaseError as error:
            return JSONResponse({"error": error.message, "cure": error.fix}, 503)
        return JSONResponse(document(question, found))

    async def _found(self, question: Asked) -> RescueHistory:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._service.rescues(question.scope, question.limit, question.job_id)
        except TimeoutError:
            raise _LATE from None

    def _html(self, status: int, question: Asked, **facts: object) -> Response:
        absent: dict[str, object] = {"found": None, "rows": [], "error": None, "cure": None}
        offered = {
            "tiers": choices(list(self._service.policy().tiers), question.scope.tier),
            "reasons": choices([reason.value for reason in STUCK], question.scope.reason),
        }
        return self._pages.html("rescues.html", status, asked=question, most=MOST_SHOWN, **offered, **absent | facts)


def document(question: Asked, found: RescueHistory) -> dict[str, object]:
    """What /rescues.json and `riverkeeper rescue list --json` answer."""
    return {
        **{name: getattr(question.scope, name) for name in ("queue", "kind", "tier", "reason")},
        "job": question.job_id,
        "limit": question.limit,
        "now": rfc3339(found.now),
        "rescues": [_rescue(one) for one in found.rows],
    }


def _rescue(one: AuditRecord) -> dict[str, object]:
    return {
        "id": one.id,
        "at": rfc3339(one.at),
        "dry_run": one.dry_run,
        "job_id": one.job_id,
        "attempt": one.attempt,
        "queue": one.queue,
        "kind": one.kind,
        "tier": one.tier,
        "reason": one.reason,
        "action": one.action,
        "state_after": one.state_after,
        "scheduled_at": rfc3339(one.scheduled_at),
        "evidence": one.evidence,
        "woken_by": one.woken_by,
        "late_seconds": one.late_seconds,
        "old_worker": one.old_worker,
        "old_worker_at": rfc3339(one.old_worker_at),
        "old_outcome": one.old_outcome,
        "was_false": one.was_false,
        "closed_at": rfc3339(one.closed_at),
    }


@dataclass(frozen=True, slots=True)
class Row:
    """A rescue as the table shows it."""

    rescue: AuditRecord
    url: str | None  # of River UI's page of the job
    ago: str
    at: str | None  # RFC 3339
    words: str | None
    done: str


def row(one: AuditRecord, now: float, url: str | None) -> Row:
    """`now` is the database's."""
    return Row(one, url, f"{span(now - one.at)} ago", rfc3339(one.at), moment(one.at), did(one))


def did(one: AuditRecord) -> str:
    """The act and its effect on the job, in words."""
    if one.action == "stop":
        return "asked to stop"
    after = f", next attempt after {span(one.scheduled_at - one.at)}" if one.scheduled_at is not None else ""
    return f"{one.action}{f' → {one.state_after}' if one.state_after else ''}{after}"
