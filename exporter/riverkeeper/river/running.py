"""Running attempts: one pass over their rows gives ages, clients, beats and what is wrong with their metadata."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator

from riverkeeper.evidence.proof import Terminated
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.river.bounds import (
    AGE_EDGES,
    BEAT_EDGES,
    MAX_RUNNING,
    METADATA_BUDGET,
    METADATA_INLINE,
    METADATA_LARGE,
)
from riverkeeper.river.facts import Ages, PoisonJob, Running
from riverkeeper.verdict.client_ids import OWN_CLOCK_IDS
from riverkeeper.verdict.clocks import MOST_SKEW
from riverkeeper.verdict.job import GAVE_UP, Beat, Instance, JobClaim, RunningJob, RunningPair


def _moment(year: str, leap_year: str) -> str:
    date = (
        rf"({year}-(0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|{year}-(0[469]|11)-(0[1-9]|[12]\d|30)"
        rf"|{year}-02-(0[1-9]|1\d|2[0-8])|{leap_year}-02-29)"
    )
    time = r"T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-](0\d|1[0-5]):[0-5]\d)"
    return (date + time).replace(r"\d", "[0-9]")  # under some locales \d is every digit of Unicode: a cast then fails


# RFC 3339 as Go's time.Time reads it, and as a cast to timestamptz cannot fail: only days that exist, years from 1,
# offsets under 16 hours. A cast that failed would hide every other row.
_CENTURY = r"0[48]|[2468][048]|[13579][26]"  # what divides by four, and is not 00
RFC3339 = "^(?!0000)" + _moment(r"\d{4}", rf"(\d\d({_CENTURY})|(00|{_CENTURY})00)") + "$"
# Many of them in one text, which Postgres reads eighty times faster than one by one: it makes its automaton anew for
# each text (8 µs). Years from 1000, because a look ahead would make it anew for each moment.
_RECENT = _moment(r"[1-9]\d{3}", rf"([1-9]\d({_CENTURY})|([2468][048]|[13579][26])00)")
RFC3339_LIST = f"^{_RECENT}( {_RECENT})*$"


def read_running(tx: Transaction, metadata_interval: float, *, heartbeats: bool, many: bool = False) -> Running:
    """Everything about running attempts. Raises DatabaseError, also where there are more than MAX_RUNNING.

    `metadata_interval` is what a beat in the metadata declares, in seconds. Without `heartbeats` no other is read.
    `many` means that tens of thousands are likely to run: it changes only the cost.
    """
    parameters = PARAMETERS | {"metadata_interval": metadata_interval}
    with bitmaps(tx) if many else contextlib.nullcontext():
        rows = tx.query("river/read_running", parameters, without=() if heartbeats else (HEARTBEAT,))
    parts: dict[str, list[Row]] = {"pair": [], "age": [], "beat": [], "client": []}
    for row in rows:
        parts[row.part].append(row)
    if sum(row.jobs for row in parts["pair"]) > MAX_RUNNING:
        raise DatabaseError(ErrorKind.OTHER, f"read_running: more than {MAX_RUNNING:,} jobs are running")
    return Running(
        pairs=tuple(_pair(row) for row in parts["pair"]),
        ages=_ages(parts["age"], AGE_EDGES, "age_seconds"),
        beat_ages=_ages(parts["beat"], BEAT_EDGES, "beat_age_seconds"),
        clients={row.queue: row.jobs for row in parts["client"]},
        poison=sum(row.poison for row in parts["pair"]),
        unreadable_beats=sum(row.unreadable_beats for row in parts["pair"]),
        unread=sum(row.unread for row in parts["pair"]),
    )


def read_poison(tx: Transaction, most: int) -> tuple[PoisonJob, ...]:
    """Running jobs that stop River's own rescuer, at most `most`. Raises DatabaseError."""
    rows = tx.query("river/read_poison", {"rfc3339": RFC3339, "most_bytes": METADATA_LARGE, "most_rows": most})
    return tuple(PoisonJob(row.id, row.queue, row.kind, tuple(row.faults)) for row in rows)


METADATA_INTERVAL = 30.0  # seconds; what a beat in the metadata declares, unless configured otherwise
HEARTBEAT = "keeper.heartbeat"
KEYLESS_BYTES = 16  # as stored: metadata this short has room for none of the keys that we look for
PARAMETERS: dict[str, object] = {
    "age_edges": list(AGE_EDGES),
    "beat_edges": list(BEAT_EDGES),
    "age_buckets": len(AGE_EDGES),
    "beat_buckets": len(BEAT_EDGES),
    "rfc3339": RFC3339,
    "rfc3339_list": RFC3339_LIST,
    "max_rows": MAX_RUNNING,
    "metadata_interval": METADATA_INTERVAL,
    "inline_bytes": METADATA_INLINE,
    "keyless_bytes": KEYLESS_BYTES,
    "most_bytes": METADATA_LARGE,
    "most_bytes_together": METADATA_BUDGET,
    "gave_up": list(GAVE_UP),
    "own_clock_ids": OWN_CLOCK_IDS,
    "most_skew": MOST_SKEW,
}


@contextlib.contextmanager
def bitmaps(tx: Transaction) -> Iterator[None]:
    """With many rows in any order, much of the cost is to find the page of each; a bitmap visits every page once.

    With few rows it costs more than it saves: it also looks at all that ended since the last vacuum, each time anew.
    """
    tx.query("river/set_bitmaps", {"allowed": "on"})
    try:
        yield
    finally:
        tx.query("river/set_bitmaps", {"allowed": "off"})


def _pair(row: Row) -> RunningPair:
    return RunningPair(
        queue=row.queue,
        kind=row.kind,
        priority=row.priority,
        jobs=row.jobs,
        beating=row.beating,
        failing=row.failing,
        last_attempt=row.last_attempt,
        cancel_pending=row.cancel_pending,
        oldest_claim=row.oldest_claim,
        last_claim=row.last_claim,
        oldest_beat=row.oldest_beat,
        oldest_progress=row.oldest_progress,
        oldest_unbeaten=row.oldest_unbeaten,
        longest_interval=row.longest_interval,
        longest_lease=row.longest_lease,
        oldest_given_up=row.oldest_given_up,
        undeclared=row.undeclared,
    )


def _ages(rows: Iterable[Row], edges: tuple[float, ...], seconds: str) -> dict[str, Ages]:
    counts: dict[str, list[int]] = {}
    sums: defaultdict[str, float] = defaultdict(float)
    for row in rows:
        if row.bucket is not None:  # rows of the group without the moment that makes an age
            counts.setdefault(row.queue, [0] * (len(edges) + 1))[row.bucket] += row.jobs
            sums[row.queue] += getattr(row, seconds) or 0.0
    return {queue: Ages(tuple(numbers), sums[queue]) for queue, numbers in counts.items()}


def running_job_of(
    row: Row,
    claim: JobClaim,
    beat: Beat | None,
    *,
    cancel_requested: bool | None,
    instances: tuple[Instance, ...] = (),
    suspect_since: float | None = None,
    seen_at: float | None = None,
    claimed_before: float | None = None,
    terminated: Terminated | None = None,
) -> RunningJob:
    """Of river/read_suspects, or rescue/read_jobs and rescue/lock_jobs; the beat is of the same claim.

    A claim that beat was made before its first heartbeat, whatever a clock that is ahead dated it by.
    """
    first_beat_at = beat.first_at if beat is not None else None
    return RunningJob(
        claim=claim,
        queue=row.queue,
        kind=row.kind,
        priority=row.priority,
        max_attempts=row.max_attempts,
        claimed_at=row.claimed_at if first_beat_at is None else min(row.claimed_at, first_beat_at),
        client_id=row.client_id,
        beat=beat,
        instances=instances,
        cancel_requested=cancel_requested,
        rescues=row.rescues,
        suspect_since=suspect_since,
        seen_at=seen_at,
        claimed_before=claimed_before,
        terminated=terminated,
    )


def beat_of(row: Row, *, fences: bool, note: str | None = None, lost_at: float | None = None) -> Beat:
    """Of river/read_suspects or rescue/lock_beats; the first reads no notes, and no claims that were taken away."""
    return Beat(
        beat_at=row.beat_at,
        interval=row.interval,
        lease=row.lease,
        progress_at=row.progress_at,
        progress=None if row.progress is None else round(row.progress, 6),  # a `real` holds 0.4 as 0.4000000059604645
        note=note,
        lost_at=lost_at,
        stop_requested_at=row.stop_requested_at,
        stack_requested_at=row.stack_requested_at,
        stack_at=row.stack_at,
        ended_at=row.ended_at,
        outcome=row.outcome,
        first_at=row.first_beat_at,
        fences=fences,
    )
