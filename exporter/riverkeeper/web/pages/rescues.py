"""/rescues: what the rescuer did, or in a dry run would have done, newest first, and whether it was right."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from riverkeeper.formats import moment, rfc3339, span
from riverkeeper.rescue.audit.history import AuditRecord, RescueHistory, ResumedCheckpoint
from riverkeeper.verdict.verdict import STUCK
from riverkeeper.web.pages.job_list import JobListPage, JobQuery
from riverkeeper.web.pages.stack import stack_document


class RescuesPage(JobListPage[RescueHistory]):
    """/rescues and /rescues.json: every request reads the audit."""

    template = "rescues.html"
    reasons = tuple(STUCK)

    async def _find(self, query: JobQuery) -> RescueHistory:
        return await self._in_time(self._service.rescues(query.scope, query.limit, query.job_id))

    def _is_empty(self, result: RescueHistory) -> bool:
        return not result.rows

    def _show(self, query: JobQuery, result: RescueHistory) -> dict[str, object]:
        rows = [make_row(each, result.now) for each in result.rows]
        return {"found": result, "rows": rows}

    def _document(self, query: JobQuery, result: RescueHistory) -> dict[str, object]:
        return document(query, result)


def document(query: JobQuery, found: RescueHistory) -> dict[str, object]:
    """What /rescues.json and `riverkeeper rescue list --json` answer."""
    return {
        **{name: getattr(query.scope, name) for name in ("queue", "kind", "tier", "reason")},
        "job": query.job_id,
        "limit": query.limit,
        "now": rfc3339(found.now),
        "rescues": [describe_record(record) for record in found.rows],
    }


def describe_record(record: AuditRecord) -> dict[str, object]:
    """One row of the audit, as JSON."""
    return {
        "id": record.id,
        "at": rfc3339(record.at),
        "dry_run": record.dry_run,
        "job_id": record.job_id,
        "attempt": record.attempt,
        "queue": record.queue,
        "kind": record.kind,
        "tier": record.tier,
        "reason": record.reason,
        "action": record.action,
        "state_after": record.state_after,
        "scheduled_at": rfc3339(record.scheduled_at),
        "evidence": record.evidence,
        "woken_by": record.woken_by,
        "late_seconds": record.late_seconds,
        "old_worker": record.old_worker,
        "old_worker_at": rfc3339(record.old_worker_at),
        "old_outcome": record.old_outcome,
        "was_false": record.was_false,
        "closed_at": rfc3339(record.closed_at),
        "resumed": _resumed(record.resumed),
        "stack": stack_document(record.stack),
    }


def _resumed(saved: ResumedCheckpoint | None) -> dict[str, object] | None:
    if saved is None:
        return None
    return asdict(saved) | {"saved_at": rfc3339(saved.saved_at), "at": rfc3339(saved.at)}


@dataclass(frozen=True, slots=True)
class RescueRow:
    """A rescue as the table shows it."""

    rescue: AuditRecord
    ago: str
    at: str | None  # RFC 3339
    words: str | None
    done: str


def make_row(record: AuditRecord, now: float) -> RescueRow:
    """`now` is the database's."""
    return RescueRow(
        record, f"{span(now - record.at)} ago", rfc3339(record.at), moment(record.at), describe_act(record)
    )


def describe_act(record: AuditRecord) -> str:
    """The act and its effect on the job, in words."""
    if record.action == "stop":
        return "stop requested"
    after = f", next attempt after {span(record.scheduled_at - record.at)}" if record.scheduled_at is not None else ""
    return f"{record.action}{f' → {record.state_after}' if record.state_after else ''}{after}"
