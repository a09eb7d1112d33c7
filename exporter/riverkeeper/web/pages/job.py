"""/jobs/ID: one job's life on one line, how it is, and what happens next and when. Never its arguments."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from riverkeeper.formats import count_noun, moment, rfc3339, span
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.scrape.job_facts import JobError, NewestCheckpoint
from riverkeeper.scrape.job_life import EventKind, JobLife, LifeEvent, compose_life
from riverkeeper.service import Service
from riverkeeper.verdict.client_ids import parse_client_id, runtime_of
from riverkeeper.verdict.job import JobClaim
from riverkeeper.verdict.verdict import Limit
from riverkeeper.web.pages.filters import BadQuery, ListError
from riverkeeper.web.pages.job_line import draw
from riverkeeper.web.pages.job_list import ANSWER_SECONDS, BIGGEST_ID
from riverkeeper.web.pages.job_words import explain, headline, list_next, urgency
from riverkeeper.web.pages.rescues import describe_record, make_row
from riverkeeper.web.pages.stack import NO_STACK, ShownStack, show_stack, stack_document
from riverkeeper.web.pages.templates import Templates

ROOT = "../"  # the page is one folder deeper than the others


class JobPage:
    """/jobs/ID and /jobs/ID.json: each request reads the job by its key, and writes nothing."""

    def __init__(self, service: Service, templates: Templates, seconds: float = ANSWER_SECONDS) -> None:
        self._service = service
        self._templates = templates
        self._seconds = seconds

    async def page(self, request: Request) -> Response:
        """HTML: 400 for a bad id, 404 where River's table has no such job, 503 where the database cannot be read."""
        facts: dict[str, object] = {"life": None, "job_id": request.path_params["job_id"]}
        try:
            life = await self._read(request)
        except ListError as error:
            facts |= {"error": error.message, "fix": error.fix}
            return self._templates.html("job.html", error.status, root=ROOT, **facts)
        facts = {"error": None, "job_id": life.facts.job_id, "url": self._service.river_job_url(life.facts.job_id)}
        return self._templates.html("job.html", _status(life), root=ROOT, **facts, **show(life))

    async def json(self, request: Request) -> Response:
        """The same for scripts. Later versions only add keys."""
        try:
            life = await self._read(request)
        except ListError as error:
            return JSONResponse({"error": error.message, "fix": error.fix}, error.status)
        return JSONResponse(document(life), _status(life))

    async def _read(self, request: Request) -> JobLife:
        job_id = read_job_id(str(request.path_params["job_id"]))
        try:
            async with asyncio.timeout(self._seconds):
                snapshot = await self._service.snapshot(self._seconds)
                facts = await self._service.job(job_id)
        except TimeoutError:
            late = DatabaseError(ErrorKind.TIMED_OUT, f"no answer within {self._seconds:.0f} s")
            raise ListError(503, late.message, late.fix) from None
        except DatabaseError as error:
            raise ListError(503, error.message, error.fix) from None
        skip_reason = self._service.skip_reason(facts.running.claim) if facts.running else None
        return compose_life(facts, snapshot, self._service.policy(), skip_reason)


def _status(life: JobLife) -> int:
    return 200 if life.facts.row is not None else 404


def read_job_id(text: str) -> int:
    """Raises BadQuery."""
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and 1 <= int(text) <= BIGGEST_ID):
        raise BadQuery(f"a job id must be a whole number from 1 to {BIGGEST_ID}")
    return int(text)


def show(life: JobLife) -> dict[str, object]:
    """The variables of the template."""
    now = life.facts.now
    return {
        "life": life,
        "row": life.facts.row,
        "now": now,
        "headline": headline(life),
        "urgency": urgency(life),
        "reasons": list(explain(life)),
        "next": list_next(life),
        "drawing": draw(life.events),
        "events": [make_event(event, now) for event in life.events],
        "stack": newest_stack(life),
        "about": list(describe_job(life)),
        "errors": [make_error(error, now) for error in life.facts.row.errors] if life.facts.row else [],
        "rescues": [make_row(record, now) for record in life.facts.rescues or ()],
        "checkpoint": _checkpoint(life.facts.checkpoint),
        "unreadable": list_unreadable(life),
    }


def newest_stack(life: JobLife) -> ShownStack:
    """Where the work stood last, of the newest claim that was requested to send its stack; or why there is none."""
    facts = life.facts
    for each in facts.beats or ():
        stack = facts.stacks.get(JobClaim(facts.job_id, each.attempt, each.attempted_at))
        if stack is not None or each.beat.stack_requested_at is not None:
            shown = show_stack(stack, each.beat, facts.now, f"attempt {each.attempt}")
            return replace(
                shown, is_past=facts.running is None or facts.running.claim.attempted_at != each.attempted_at
            )
    for record in facts.rescues or ():  # heartbeats are swept ten minutes after their claim; the audit keeps its stacks
        if record.stack is not None:
            return replace(show_stack(record.stack, None, facts.now, f"attempt {record.attempt}"), is_past=True)
    return NO_STACK


def list_unreadable(life: JobLife) -> list[str]:
    """What this login cannot see; it is not empty, it is not known."""
    return list(life.facts.unreadable)


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event as the list shows it."""

    kind: str
    at: str | None  # RFC 3339
    words: str | None
    distance: str
    text: str
    clock: str


def make_event(event: LifeEvent, now: float) -> EventRow:
    """`now` is the database's."""
    if event.kind is EventKind.NOW:
        distance = ""
    else:
        distance = f"in {span(event.at - now)}" if event.at > now else f"{span(now - event.at)} ago"
    clock = "by the worker's clock" if event.by_worker else ""
    return EventRow(event.kind.value, rfc3339(event.at), moment(event.at), distance, event.text, clock)


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """An error as the page shows it."""

    attempt: str
    at: str | None
    words: str
    text: str
    trace: str


def make_error(error: JobError, now: float) -> ErrorRow:
    """`now` is the database's."""
    failure = error.failure
    by = "" if failure.is_rescue or failure.is_riverkeeper_rescue else "attempt began "
    words = "moment not known" if failure.at is None else f"{by}{span(now - failure.at)} ago, {moment(failure.at)}"
    attempt = "attempt not known" if failure.attempt is None else f"attempt {failure.attempt}"
    return ErrorRow(attempt, rfc3339(failure.at), words, failure.text or "(no text)", error.trace)


def describe_job(life: JobLife) -> list[tuple[str, str]]:
    """Pairs of a name and a value."""
    row, now = life.facts.row, life.facts.now
    if row is None:
        return []
    pairs = [
        ("Kind", row.kind),
        ("Queue", f"{row.queue}, priority {row.priority}"),
        ("Tier", life.tier or "not known"),
        ("State", row.state),
        ("Attempt", f"{row.attempt} of {row.max_attempts}"),
    ]
    if row.claimed_at is not None:
        pairs.append(("Claimed" if row.state == "running" else "Last claimed", ago(row.claimed_at, now)))
        pairs.append(("Worker", describe_worker(life)))
    running = life.facts.running
    if running is not None:
        beat = running.beat
        pairs.append(("Last heartbeat", ago(beat.beat_at, now) if beat else "none came"))
        if beat is not None and beat.progress_at is not None:
            share = "" if beat.progress is None else f"{beat.progress:.0%}, "
            pairs.append(("Progress", f"{share}reported {ago(beat.progress_at, now)}"))
        if beat is not None and beat.note:
            pairs.append(("Note", beat.note))
    if (saved := life.facts.checkpoint) is not None:
        pairs.append(("Checkpoint", describe_checkpoint(saved, now)))
    if life.limits is not None:
        limits = (("heartbeat", life.limits.heartbeat), ("progress", life.limits.progress), ("run", life.limits.run))
        pairs += [(f"Limit {name}", describe_limit(limit)) for name, limit in limits]
    return pairs


def describe_checkpoint(saved: NewestCheckpoint, now: float) -> str:
    """Its size and age, and who resumed from it; never its value."""
    resumed = "no attempt has resumed from it yet"
    if saved.resumed_at is not None:
        resumed = f"resumed {count_noun(saved.resumes, 'time')}, last by the attempt of {ago(saved.resumed_at, now)}"
    size = f"{saved.bytes} bytes"
    return f"{size}, saved {ago(saved.saved_at, now)}, by attempt {saved.attempt}; {resumed}"


def describe_limit(limit: Limit | None) -> str:
    return "none" if limit is None else f"{span(limit.seconds)}: {limit.origin}"


def ago(at: float, now: float) -> str:
    return f"{span(now - at)} ago, {moment(at)}"


def describe_worker(life: JobLife) -> str:
    """The client that claimed it last, with the runtime and host as far as they are known."""
    row = life.facts.row
    if row is None or row.client_id is None:
        return "not known"
    processes = life.facts.workers.by_client.get(row.client_id, ())
    runtime = runtime_of(row.client_id, processes[0].software if processes else "")
    known = parse_client_id(row.client_id)
    host = f", host or pod {known.host}" if known and known.host else ""
    return f"{row.client_id} (runtime {runtime or 'unknown'}{host})"


def document(life: JobLife) -> dict[str, object]:
    """What /jobs/ID.json and `riverkeeper job ID --json` answer."""
    facts, verdict = life.facts, life.verdict
    return {
        "id": facts.job_id,
        "now": rfc3339(facts.now),
        "job": _job(life),
        "headline": headline(life),
        "verdict": verdict.reason.value if verdict else None,
        "underlying_reason": verdict.underlying.value if verdict and verdict.underlying else None,
        "value_seconds": verdict.value if verdict else None,
        "limit_seconds": verdict.limit.seconds if verdict and verdict.limit else None,
        "missing": (verdict.missing or None) if verdict else None,
        "explained": list(explain(life)),
        "next": list_next(life),
        "changes": [
            {"at": rfc3339(each.at), "verdict": each.verdict.reason.value, "if": each.course.value}
            for each in life.changes
        ],
        "plan": life.forecast.plan if life.forecast else None,
        "held_by": list(life.forecast.held_by) if life.forecast else [],
        "events": [_event(event) for event in life.events],
        "rescues": None if facts.rescues is None else [describe_record(record) for record in facts.rescues],
        "checkpoint": _checkpoint(life.facts.checkpoint),
        "stacks": [
            {"attempt": claim.attempt, **(stack_document(stack) or {})} for claim, stack in facts.stacks.items()
        ],
        "unreadable": list_unreadable(life),
    }


def _event(event: LifeEvent) -> dict[str, object]:
    clock = "worker" if event.by_worker else "database"
    at = rfc3339(event.at)
    return {"at": at, "kind": event.kind.value, "text": event.text, "attempt": event.attempt, "clock": clock}


def _checkpoint(saved: NewestCheckpoint | None) -> dict[str, object] | None:
    if saved is None:
        return None
    return {
        "attempt": saved.attempt,
        "bytes": saved.bytes,
        "resumes": saved.resumes,
        "saved_at": rfc3339(saved.saved_at),
        "resumed_at": rfc3339(saved.resumed_at),
    }


def _job(life: JobLife) -> dict[str, object] | None:
    row, running = life.facts.row, life.facts.running
    if row is None:
        return None
    beat = running.beat if running else None
    return {
        "kind": row.kind,
        "queue": row.queue,
        "tier": life.tier,
        "priority": row.priority,
        "state": row.state,
        "attempt": row.attempt,
        "max_attempts": row.max_attempts,
        "client_id": row.client_id,
        "claimed_at": rfc3339(row.claimed_at),
        "scheduled_at": rfc3339(row.scheduled_at),
        "finalized_at": rfc3339(row.finalized_at),
        "last_beat_at": rfc3339(beat.beat_at) if beat else None,
        "progress": beat.progress if beat else None,
        "progress_at": rfc3339(beat.progress_at) if beat else None,
        "note": beat.note if beat else None,
        "error_count": row.error_count,
        "errors": [
            {
                "attempt": each.failure.attempt,
                "at": rfc3339(each.failure.at),
                "error": each.failure.text,
                "trace": each.trace,
            }
            for each in row.errors
        ],
    }
