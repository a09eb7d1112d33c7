"""Reads all that is known of one job: each row by a key, so the cost does not depend on how many jobs there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.rescue.audit.history import STACKED_REASONS, AuditRecord, claim_of, record_of
from riverkeeper.rescue.locks import latest_beat, metadata_beat_of
from riverkeeper.rescue.stacks import WHOLE, read_stacks
from riverkeeper.river.bounds import METADATA_LARGE
from riverkeeper.river.failures import Failure, parse_moment
from riverkeeper.river.longest import read_notes, with_note
from riverkeeper.river.running import beat_of, running_job_of
from riverkeeper.schema.layout import FENCE_VERSION, KeeperSchema
from riverkeeper.schema.schemas import inspect_keeper, open_schemas
from riverkeeper.scrape.dead_workers import reported_pod
from riverkeeper.scrape.job_facts import (
    ClaimBeats,
    JobError,
    JobFacts,
    JobRow,
    LateResult,
    NewestCheckpoint,
    ResumedClaim,
)
from riverkeeper.scrape.suspects import RESCUE
from riverkeeper.verdict.clocks import is_cancel_of_claim, latest_claim_at
from riverkeeper.verdict.job import JobClaim, RunningJob
from riverkeeper.verdict.stack import JobStack
from riverkeeper.verdict.suspects import WorkerInstance, WorkerInstances

MOST_ERRORS = 20  # entries of river_job.errors, the newest
MOST_LETTERS = 4_000  # of one error's text, and of its trace
MOST_ERROR_BYTES = 20_000_000  # of all errors as stored: a tenth of a second
MOST_ROWS = 50  # claims, rescues and late results
CHECKPOINT_FIELDS = ("attempt", "bytes", "saved_at", "resumes", "resumed_at")
UNREADABLE = frozenset({ErrorKind.FORBIDDEN, ErrorKind.MISSING})
Value = TypeVar("Value")


def read_job_facts(
    url: str, river_schema: str | None, keeper_schema: str | None, job_id: int, metadata_interval: float, seconds: float
) -> JobFacts:
    """All that is known of the job, on a connection of its own. Raises DatabaseError."""
    with open_schemas(url, river_schema, keeper_schema, seconds) as (tx, schemas):
        now = tx.query("river/open_transaction")[0].now
        return _read(tx, inspect_keeper(tx, schemas), job_id, now, metadata_interval)


def _read(tx: Transaction, keeper: KeeperSchema, job_id: int, now: float, metadata_interval: float) -> JobFacts:
    rows = tx.query("river/read_job", _parameters(job_id), without=() if keeper.audit else (RESCUE,))
    by_job: dict[str, object] = {"job_id": job_id, "most_rows": MOST_ROWS}
    beats = _read_beats(tx, by_job) if keeper.heartbeat is not None else None
    row = rows[0] if rows else None
    workers = _read_workers(tx, row, beats or ()) if keeper.heartbeat is not None else WorkerInstances()
    may_have_late = (keeper.version or 0) >= FENCE_VERSION
    running = _running_job(row, beats or (), workers, now, metadata_interval) if row and _runs(row) else None
    notes = read_notes(tx, [running], keeper.heartbeat) if running is not None else {}
    sent = [JobClaim(job_id, each.attempt, each.attempted_at) for each in beats or () if each.beat.stack_at is not None]
    saved = tx.query("river/read_job_checkpoints", by_job) if keeper.checkpoints else []
    rescues = _readable(lambda: tx.query("rescue/audit/read_job_rescues", by_job)) if keeper.audit else None
    sent += [
        claim_of(each) for each in rescues or () if each.reason in STACKED_REASONS
    ]  # they outlive their heartbeats
    stacks = _readable(lambda: read_stacks(tx, [*dict.fromkeys(sent)], WHOLE))
    facts = JobFacts(
        job_id=job_id,
        now=now,
        row=_job_row(row) if row else None,
        beats=beats,
        workers=workers,
        rescues=None if rescues is None else _records(rescues, stacks or {}),
        late=_readable(lambda: _read_late_results(tx, by_job)) if may_have_late else None,
        running=with_note(running, notes or {}) if running is not None else None,
        checkpoint=_newest(saved[0]) if saved else None,
        resumed=tuple(ResumedClaim(each.resumed_at, each.attempt) for each in saved if each.resumed_at is not None),
        stacks=stacks or {},
    )
    seen = {
        "heartbeats": facts.beats is not None, "notes of progress": notes is not None,
        "rescues": facts.rescues is not None, "late results": facts.late is not None,
        "checkpoints": keeper.checkpoints, "stacks": stacks is not None,
    }  # fmt: skip
    return replace(facts, unreadable=tuple(name for name, is_seen in seen.items() if not is_seen))


def _newest(row: Row) -> NewestCheckpoint:
    return NewestCheckpoint(*(getattr(row, name) for name in CHECKPOINT_FIELDS))


def _parameters(job_id: int) -> dict[str, object]:
    return {
        "job_id": job_id, "most_bytes": METADATA_LARGE, "most_error_bytes": MOST_ERROR_BYTES,
        "most_letters": MOST_LETTERS, "most_errors": MOST_ERRORS,
    }  # fmt: skip


def _readable(read: Callable[[], Value]) -> Value | None:
    """None where this login may not read the table; what cannot be read is not empty."""
    try:
        return read()
    except DatabaseError as error:
        if error.kind not in UNREADABLE:
            raise
        return None


def _runs(row: Row | None) -> bool:
    return row is not None and row.state == "running" and row.attempted_at is not None


def _job_row(row: Row) -> JobRow:
    return JobRow(
        row.id, row.state, row.queue, row.kind, row.priority, row.attempt, row.max_attempts, row.client_id,
        row.attempted_at, row.claimed_at, row.scheduled_at, row.finalized_at, tuple(map(_error, row.errors or ())),
        row.error_count, row.unread,
    )  # fmt: skip


def _error(entry: dict[str, object]) -> JobError:
    attempt = entry["attempt"]
    failure = Failure(
        attempt if isinstance(attempt, int) else None, parse_moment(entry["at"]), str(entry["error"] or "")
    )
    return JobError(failure, str(entry["trace"] or ""))


def _read_beats(tx: Transaction, by_job: dict[str, object]) -> tuple[ClaimBeats, ...]:
    return tuple(
        ClaimBeats(
            row.attempt, row.attempted_at, row.claimed_at, beat_of(row, fences=False, lost_at=row.lost_at), row.instance
        )
        for row in tx.query("river/read_job_beats", by_job)
    )


def _read_workers(tx: Transaction, row: Row | None, beats: Iterable[ClaimBeats]) -> WorkerInstances:
    """The processes that beat or have beaten for the job, and those of the client that claimed it last."""
    values = {"client_id": row.client_id if row else None, "instances": [claim.instance for claim in beats]}
    found: defaultdict[str, list[WorkerInstance]] = defaultdict(list)
    for each in tx.query("river/read_job_processes", values):
        kinds = None if each.kinds is None else frozenset(each.kinds)
        found[each.client_id].append(
            WorkerInstance(
                each.instance, each.beat_at, each.beat_interval, each.started_at, kinds, each.fences, each.software,
                reported_pod(each),
            )
        )  # fmt: skip
    return WorkerInstances({client: tuple(processes) for client, processes in found.items()})


def _records(rows: Sequence[Row], stacks: Mapping[JobClaim, JobStack]) -> tuple[AuditRecord, ...]:
    return tuple(replace(record_of(row), stack=stacks.get(claim_of(row))) for row in rows)


def _read_late_results(tx: Transaction, by_job: dict[str, object]) -> tuple[LateResult, ...]:
    rows = tx.query("rescue/audit/read_job_late_results", by_job)
    return tuple(LateResult(row.at, row.claimed_at, row.outcome) for row in rows)


def _running_job(
    row: Row, beats: Iterable[ClaimBeats], workers: WorkerInstances, now: float, metadata_interval: float
) -> RunningJob:
    """As a scrape reads it, without what only a reading of all clients shows (successors, claims seen by River)."""
    claim = JobClaim(row.id, row.attempt, row.attempted_at)
    own = next(
        (each for each in beats if (each.attempted_at, each.attempt) == (claim.attempted_at, claim.attempt)), None
    )
    beat = latest_beat(own.beat if own else None, metadata_beat_of(row, now, metadata_interval))
    claimed_before = None
    if workers.claims_by_own_clock(row.client_id):
        claimed_before = latest_claim_at(row.claimed_at, now, beat.first_at if beat else None)
    return running_job_of(
        row,
        claim,
        beat,
        cancel_requested=is_cancel_of_claim(parse_moment(row.cancel_at), row.claimed_at, claimed_before),
        instances=() if row.unread else workers.of(row.client_id, row.kind),
        claimed_before=claimed_before,
    )
