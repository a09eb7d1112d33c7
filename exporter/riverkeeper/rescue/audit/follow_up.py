"""Watches what became of old workers: reads the open rows of the audit, and writes what is news."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.rescue.audit.outcome import Became, OldWorker, Seen, became
from riverkeeper.rescue.decision import Act
from riverkeeper.verdict.verdict import Reason

MOST_ROWS = 1_000  # in one transaction


@dataclass(frozen=True, slots=True)
class Late:
    """A rescue that proved false just now: the old worker was alive. In a dry run, one that would have been."""

    queue: str
    kind: str
    reason: Reason
    dry_run: bool
    old_worker: OldWorker


@dataclass(frozen=True, slots=True)
class Followed:
    """What one pass found; `next_after` is where the next one goes on, 0 at the end."""

    late: tuple[Late, ...]
    next_after: int


def follow(tx: Transaction, after: int = 0, most: int = MOST_ROWS) -> Followed:
    """Look at open rows from id `after` on, at most `most`, in a writing transaction. Raises DatabaseError.

    Each false rescue is told once, by the keeper whose transaction commits.
    """
    rows = tx.query("rescue/audit/read_open", {"after": after, "most": most})
    found = [(row, _seen(row)) for row in rows]
    news = [(row, seen, what) for row, seen in found if _is_news(row, what := became(seen))]
    written = _write(tx, [(row.id, what) for row, _, what in news])
    late = (
        Late(row.queue, row.kind, seen.reason, seen.dry_run, what.old_worker)
        for row, seen, what in news
        if row.id in written and row.was_false is not True and what.was_false and what.old_worker
    )
    return Followed(tuple(late), rows[-1].id if len(rows) == most else 0)


def _seen(row: Row) -> Seen:
    return Seen(
        dry_run=row.dry_run,
        reason=Reason(row.reason),
        act=Act(row.action),
        at=row.at,
        now=row.now,
        beats=row.beats,
        ended_at=row.ended_at,
        outcome=row.outcome,
        heard_at=row.heard_at,
        state=row.state,
        is_claim=bool(row.is_claim),
        is_rescued=bool(row.is_rescued),
        leased=row.leased,
        late_at=row.late_at,
        late_outcome=row.late_outcome,
    )


def _is_news(row: Row, what: Became) -> bool:
    if row.closed_at is not None:  # looked at again because of a late result
        return bool(what.was_false) and row.was_false is not True
    return what.closed or (what.old_worker is not None and what.old_worker != row.old_worker)


def _write(tx: Transaction, news: Sequence[tuple[int, Became]]) -> set[int]:
    if not news:
        return set()
    values = {
        "ids": [one for one, _ in news],
        "old_workers": [what.old_worker for _, what in news],
        "ats": [what.at for _, what in news],
        "outcomes": [what.outcome for _, what in news],
        "closed": [what.closed for _, what in news],
        "was_false": [what.was_false for _, what in news],
    }
    return {row.id for row in tx.query("rescue/audit/write_outcomes", values)}
