"""Reads the audit: single rescues for the page and for `rescue list`, counts of claims for `rescue report`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from riverkeeper.formats import span
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.rescue.audit.outcome import DRY_WATCH_SECONDS, WATCH_SECONDS, PreviousWorker
from riverkeeper.rescue.audit.report import ClaimCounts
from riverkeeper.rescue.stacks import MOST_IN_A_LIST, read_stacks
from riverkeeper.rescue.wakes.wake import Scope
from riverkeeper.verdict.job import JobClaim
from riverkeeper.verdict.stack import STACKED, JobStack
from riverkeeper.verdict.verdict import Reason

SAME_TICK = 1.0  # seconds: a checkpoint follows the heartbeat of its tick in a statement of its own
STACKED_REASONS = {*(reason.value for reason in STACKED), Reason.RESCUE_LOOP.value}


@dataclass(frozen=True, slots=True)
class ResumedCheckpoint:
    """The checkpoint from which a later attempt resumed. Its value is never read."""

    attempt: int  # which saved it
    number: int  # among the checkpoints of that attempt, from 1
    saved_at: float
    at: float  # when the attempt began that resumed from it


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One row of the audit; the fields are its columns. Moments are Unix seconds of the database's clock."""

    id: int
    at: float
    dry_run: bool
    job_id: int
    attempt: int
    queue: str
    kind: str
    tier: str
    reason: str
    action: str
    state_after: str | None  # None: dry run, or a request to stop
    scheduled_at: float | None  # when the next attempt may begin; None: there is none
    evidence: Mapping[str, object]
    woken_by: str
    late_seconds: float | None  # since the limit was passed
    old_worker: str | None = None
    old_worker_at: float | None = None
    old_outcome: str | None = None
    closed_at: float | None = None  # the follow-up ended
    was_false: bool | None = None  # the rescue was false, or would have been; None: not known, or not yet
    resumed: ResumedCheckpoint | None = None  # None: no attempt resumed, or it is not counted yet
    stack: JobStack | None = None  # where the work hung; None: its client sent none, or this login may not read it

    @property
    def outcome_sentence(self) -> str:
        """What the previous worker did afterwards."""
        if self.old_worker == PreviousWorker.SILENT:
            is_lost = self.reason in {Reason.WORKER_LOST, Reason.WORKER_DEAD}  # else its process may beat on
            return "was not seen again" if is_lost else "did not report the end of its work"
        if self.old_worker == PreviousWorker.BEAT:
            return "was alive: it beat afterwards" if self.was_false else "its process beat afterwards"
        if self.old_worker == PreviousWorker.FINISHED:
            ended = f"ended the work afterwards{f' ({self.old_outcome})' if self.old_outcome else ''}"
            return f"was alive: it {ended}" if self.was_false else ended
        return "is not known yet" if self.closed_at is None else "cannot be known: it does not beat"

    @property
    def cause(self) -> str:
        """Why the worker's container ended, by proof from its pod; empty where there was none."""
        return str(self.evidence.get("cause", ""))

    @property
    def limit_sentence(self) -> str:
        """Which value passed which limit; empty where there was no limit."""
        value, limit = self._seconds("value"), self._seconds("limit_seconds")
        if value is None or limit is None:
            return ""
        if self.reason == Reason.WORKER_DEAD:
            return str(self.evidence.get("limit_origin", "what ended is not known"))
        return f"{value:.1f} s, limit {limit:g} s ({self.evidence.get('limit_origin', 'origin not known')})"

    @property
    def work_sentence(self) -> str:
        """How far the work was, and where a later attempt went on; empty where neither is known."""
        progress, acts = self._seconds("progress"), not self.dry_run and self.action != "stop"
        how_far = "" if progress is None else f"{'rescued ' if acts else ''}at {progress:.0%}"
        return ", ".join(filter(None, (how_far, self._resumed_words())))

    def _resumed_words(self) -> str:
        saved = self.resumed
        if saved is None:
            return ""
        words, beat_at = f"resumed from checkpoint {saved.number}", self._seconds("beat_at")
        if saved.attempt != self.attempt or beat_at is None:
            return f"{words} of attempt {saved.attempt}, saved {span(self.at - saved.saved_at)} before the rescue"
        before = beat_at - saved.saved_at
        if abs(before) < SAME_TICK:
            return f"{words}, saved with its last heartbeat"
        return f"{words}, saved {span(before)} {'before' if before > 0 else 'after'} its last heartbeat"

    def _seconds(self, fact: str) -> float | None:
        """A number of the evidence; None where it is missing."""
        value = self.evidence.get(fact)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


@dataclass(frozen=True, slots=True)
class RescueHistory:
    """The newest rescues that a query found."""

    rows: tuple[AuditRecord, ...]
    now: float  # the database's clock


def read_rescues(tx: Transaction, scope: Scope, shown: int, job_id: int | None = None) -> RescueHistory:
    """Newest first, at most `shown`, dry runs among them. Raises DatabaseError."""
    now = tx.query("river/open_transaction")[0].now
    values = {
        "queue": scope.queue, "kind": scope.kind, "tier": scope.tier, "reason": scope.reason,
        "job_id": job_id, "shown": shown,
    }  # fmt: skip
    rows = tx.find("rescue/audit/read_rescues", values)
    stacks = _read_stacks(tx, rows)
    return RescueHistory(tuple(replace(record_of(row), stack=stacks.get(claim_of(row))) for row in rows), now)


def _read_stacks(tx: Transaction, rows: Sequence[Row]) -> Mapping[JobClaim, JobStack]:
    """Of the newest rescues whose worker was alive. None for a login that may read the audit and no stacks."""
    claims = [*dict.fromkeys(claim_of(row) for row in rows if row.reason in STACKED_REASONS)]
    if not claims:
        return {}
    try:
        return read_stacks(tx, claims[:MOST_IN_A_LIST])
    except DatabaseError as error:
        if error.kind is not ErrorKind.FORBIDDEN:
            raise
        return {}


def claim_of(row: Row) -> JobClaim:
    """Of read_rescues.sql or read_job_rescues.sql."""
    return JobClaim(row.job_id, row.attempt, row.attempted_at)


def read_report(tx: Transaction, since: float) -> tuple[ClaimCounts, ...]:
    """Claims of the last `since` seconds by tier, kind and whether they were dry runs. Raises DatabaseError."""
    values = {"since": since, "live": WATCH_SECONDS, "dry": DRY_WATCH_SECONDS}
    return tuple(
        ClaimCounts(
            tier=row.tier,
            kind=row.kind,
            dry_run=row.dry_run,
            claims=row.claims,
            false_claims=row.false_claims,
            right_claims=row.right_claims,
            open=row.open,
            rated=row.rated,
            rated_false=row.rated_false,
        )
        for row in tx.query("rescue/audit/read_report", values)
    )


def record_of(row: Row) -> AuditRecord:
    """Of read_rescues.sql or read_job_rescues.sql."""
    return AuditRecord(
        row.id, row.at, row.dry_run, row.job_id, row.attempt, row.queue, row.kind, row.tier, row.reason, row.action,
        row.state_after, row.scheduled_at, row.evidence if isinstance(row.evidence, dict) else {}, row.woken_by,
        row.late_seconds, row.old_worker, row.old_worker_at, row.old_outcome, row.closed_at, row.was_false,
        _resumed_of(row.resumed),
    )  # fmt: skip


def _resumed_of(document: object) -> ResumedCheckpoint | None:
    """Of the column `resumed`, as count_resumes.sql writes it."""
    return ResumedCheckpoint(**document) if isinstance(document, dict) else None
