"""The running jobs that have run longest, by id, for the page and the command; metrics never have ids."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from riverkeeper.config.policy import Policy
from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.river.bounds import MAX_RUNNING, METADATA_LARGE
from riverkeeper.river.running import HEARTBEAT, RFC3339, beat_of, bitmaps, running_job_of
from riverkeeper.verdict.client_ids import ID_AFTER_HOST, OWN_CLOCK_IDS, parse_client_id
from riverkeeper.verdict.clocks import MOST_SKEW, claims_by_own_clock, latest_claim_at
from riverkeeper.verdict.job import Beat, JobClaim, RunningJob
from riverkeeper.verdict.tiers import tier_of

CLIENT, RESCUE = "keeper.client", "keeper.rescue"
MOST_CLIENTS = 20_000  # names among which a filter is looked for, where it selects nothing


@dataclass(frozen=True, slots=True)
class RunningFilter:
    """Which running jobs: of a queue, a kind, a worker (a client id, or the host of such ids), a tier. None: all."""

    queue: str | None = None
    kind: str | None = None
    worker: str | None = None
    tier: str | None = None


@dataclass(frozen=True, slots=True)
class JobCheckpoint:
    """The newest checkpoint of a running job."""

    saved_at: float
    resumed: bool  # the present claim began from a checkpoint, so its progress did not begin at 0


@dataclass(frozen=True, slots=True)
class LongestJobs:
    """The running jobs that have run longest. Times are Unix seconds of the database."""

    jobs: tuple[RunningJob, ...]  # the longest first; a job whose claim has no moment comes last
    found: int  # how many running jobs the filters select, with the shown ones
    bounded: bool  # True: some running jobs were not read
    now: float
    beats: bool = True  # False: there are no heartbeats that this login can read
    notes: bool = True  # False: this login may not read progress notes
    checkpoints: Mapping[int, JobCheckpoint] = field(default_factory=dict)  # by job


@dataclass(frozen=True, slots=True)
class ReadableBeats:
    """What this login may read of the keeper schema."""

    heartbeat: int | None = None  # oid of the heartbeat table; None: not readable
    audit: bool = False
    checkpoints: bool = False


def read_longest(
    tx: Transaction, wanted: RunningFilter, shown: int, readable: ReadableBeats, policy: Policy, *, many: bool
) -> LongestJobs:
    """At most `shown` running jobs, the longest first. Raises DatabaseError.

    `many`: tens of thousands are likely to run, which changes only the cost.
    """
    opened = tx.query("river/open_transaction")[0]
    now = opened.now if opened.data_at is None else opened.data_at  # of the data: a standby may lag
    missing = [] if readable.heartbeat else [HEARTBEAT, CLIENT]
    missing += [] if readable.audit else [RESCUE]
    values = {
        "queue": wanted.queue,
        "kind": wanted.kind,
        "worker": wanted.worker,
        "shown": shown,
        "max_rows": MAX_RUNNING,
        "own_clock_ids": OWN_CLOCK_IDS,
        "id_after_host": ID_AFTER_HOST,
        "most_skew": MOST_SKEW,
        "most_bytes": METADATA_LARGE,
        "rfc3339": RFC3339,
    }
    with bitmaps(tx) if many else contextlib.nullcontext():
        groups = _groups_of_tier(tx, wanted, policy)
        rows = tx.find("river/read_longest", values | groups, seconds=tx.remaining(), without=tuple(missing))
    jobs = [_job(row, now, policy.heartbeat.metadata_interval) for row in rows if row.id is not None]
    jobs.sort(key=lambda job: job.held_since if math.isfinite(job.held_since) else math.inf)
    notes = read_notes(tx, jobs, readable.heartbeat)
    return LongestJobs(
        tuple(with_note(job, notes or {}) for job in jobs),
        rows[0].found if rows else 0,
        bounded=any(row.bounded for row in rows),
        now=now,
        beats=readable.heartbeat is not None,
        notes=notes is not None,
        checkpoints=_read_checkpoints(tx, jobs) if readable.checkpoints else {},
    )


def _groups_of_tier(tx: Transaction, wanted: RunningFilter, policy: Policy) -> dict[str, object]:
    """The queues, kinds and priorities of running jobs that are of the tier: only `tier_of` knows which."""
    if wanted.tier is None:
        return dict.fromkeys(("queues", "kinds", "priorities"))
    values = {"queue": wanted.queue, "kind": wanted.kind, "max_rows": MAX_RUNNING}
    groups = [
        group
        for group in tx.query("river/read_running_groups", values)
        if tier_of(policy, group.queue, group.kind, group.priority).name == wanted.tier
    ]
    return {
        "queues": [group.queue for group in groups],
        "kinds": [group.kind for group in groups],
        "priorities": [group.priority for group in groups],
    }


def read_client_names(tx: Transaction, readable: ReadableBeats) -> frozenset[str]:
    """The client ids of running jobs and of processes that beat, and their hosts. Raises DatabaseError."""
    missing = () if readable.heartbeat else (CLIENT,)
    rows = tx.query("river/read_client_names", {"max_rows": MAX_RUNNING, "most": MOST_CLIENTS}, without=missing)
    ids = {row.client_id for row in rows}
    return frozenset(ids | {known.host for each in ids if (known := parse_client_id(each)) and known.host})


def _job(row: Row, now: float, metadata_interval: float) -> RunningJob:
    """Whose clock dated the claim decides how old it is, as for verdicts; here it is first seen now."""
    beat = None
    if row.beat_at is not None and row.by_metadata:
        beat = Beat(row.beat_at, metadata_interval, by_metadata=True)
    elif row.beat_at is not None:
        beat = beat_of(row, fences=False, lost_at=row.lost_at)
    own_clock = claims_by_own_clock(row.client_id, row.software or ())
    first_at = beat.first_at if beat else None
    return running_job_of(
        row,
        JobClaim(row.id, row.attempt, row.attempted_at or ""),
        beat,
        cancel_requested=False,
        claimed_before=latest_claim_at(row.claimed_at, now, first_at) if own_clock else None,
    )


def read_notes(tx: Transaction, jobs: Sequence[RunningJob], heartbeat: int | None) -> Mapping[int, str] | None:
    """Notes by job; None where this login may not read them."""
    if heartbeat is None:
        return {}
    if not tx.query("river/may_read_notes", {"heartbeat": heartbeat})[0].may_read:
        return None
    claims = [job.claim for job in jobs if job.has_row]
    values = {
        "job_ids": [claim.job_id for claim in claims],
        "claimed_at": [claim.attempted_at for claim in claims],
        "attempts": [claim.attempt for claim in claims],
    }
    return {row.job_id: row.note for row in tx.query("river/read_notes", values)} if claims else {}


def _read_checkpoints(tx: Transaction, jobs: Sequence[RunningJob]) -> Mapping[int, JobCheckpoint]:
    claims = [job.claim for job in jobs if job.claim.attempted_at]
    values = {
        "job_ids": [claim.job_id for claim in claims],
        "claimed_at": [claim.attempted_at for claim in claims],
    }
    rows = tx.query("river/read_checkpoints", values) if claims else ()
    return {row.job_id: JobCheckpoint(row.saved_at, row.resumed) for row in rows}


def with_note(job: RunningJob, notes: Mapping[int, str]) -> RunningJob:
    """The same with its note."""
    note = notes.get(job.claim.job_id)
    return replace(job, beat=replace(job.beat, note=note)) if job.beat and note else job
