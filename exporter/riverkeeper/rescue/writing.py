"""The writes of rescues that are decided: the arbiter's rows first, then the jobs, then the audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.audit.records import Entry, to_json
from riverkeeper.rescue.decision import Act
from riverkeeper.rescue.refusal import Refusal

Row = Mapping[str, object]


class Unwritten(Exception):
    """A row is not as we locked it: none of the writes may stand."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.sentence)
        self.refusal = refusal


def write(tx: Transaction, entries: Sequence[Entry]) -> None:
    """All of them in one message, inside `tx.whole`. Raises Unwritten, and DatabaseError."""
    writes = [(name, rows, refusal) for name, rows, refusal in _writes(entries) if rows]
    answers = tx.query_pipeline(*((name, {"rows": to_json(rows)}) for name, rows, _ in writes))
    for answer, (_, rows, refusal) in zip(answers, writes, strict=True):
        if len(answer) < len(rows):
            raise Unwritten(refusal)


def _writes(entries: Sequence[Entry]) -> list[tuple[str, list[Row], Refusal]]:
    """Each statement, its rows, and what it means where one of them was not written."""
    stops = [one for one in entries if one.plan.act is Act.STOP]
    others = [one for one in entries if one.plan.act is not Act.STOP]
    return [
        # Where there is no row stands a tombstone, which is lost from its first moment on.
        ("rescue/mark_lost", [asdict(one.job.claim) for one in others if one.job.has_row], Refusal.LOST_ALREADY),
        ("rescue/request_stop", [asdict(one.job.claim) for one in stops], Refusal.STOPPING),
        ("rescue/write_jobs", [_job(one) for one in others], Refusal.GONE),
        ("rescue/audit/write_audit", [one.values for one in entries], Refusal.RESCUED_ALREADY),
    ]


def _job(one: Entry) -> Row:
    what = one.plan
    return {
        **asdict(one.job.claim), "state": what.state, "scheduled_at": what.scheduled_at,
        "finalized_at": what.finalized_at, "error": what.error, "metadata": what.metadata,
    }  # fmt: skip
