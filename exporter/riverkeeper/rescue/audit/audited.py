"""Rescues as the audit has them: done, or in a dry run only written down; and what became of the old worker. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from riverkeeper.rescue.audit.outcome import OldWorker


@dataclass(frozen=True, slots=True)
class Audited:
    """One row of the audit. Moments are Unix seconds of the database's clock."""

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
    closed_at: float | None = None  # followed up to the end
    was_false: bool | None = None  # a mistake, or would have been; None: not known, or not yet

    @property
    def aftermath(self) -> str:
        """What became of the old worker, in words."""
        if self.old_worker == OldWorker.SILENT:
            return "was not heard of again"
        if self.old_worker == OldWorker.BEAT:
            return "was alive: it beat afterwards" if self.was_false else "its process beat afterwards"
        if self.old_worker == OldWorker.FINISHED:
            ended = f"ended the work afterwards{f' ({self.old_outcome})' if self.old_outcome else ''}"
            return f"was alive: it {ended}" if self.was_false else ended
        return "is still watched" if self.closed_at is None else "cannot be known: it does not beat"

    def seconds(self, fact: str) -> float | None:
        """A number of the evidence; None where it is missing."""
        value = self.evidence.get(fact)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    @property
    def judged_by(self) -> str:
        """Which value passed which limit, in words; empty where there was none."""
        value, limit = self.seconds("value"), self.seconds("limit_seconds")
        if value is None or limit is None:
            return ""
        return f"{value:.1f} s, limit {limit:g} s ({self.evidence.get('limit_origin', 'origin not known')})"
