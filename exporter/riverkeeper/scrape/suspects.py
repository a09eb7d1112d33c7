"""Reads what verdicts need beyond the groups of running jobs, and judges the jobs that may be past a limit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from riverkeeper.postgres.connection import Row, Transaction
from riverkeeper.river.bounds import METADATA_LARGE
from riverkeeper.river.facts import Leader, Running
from riverkeeper.river.running import HEARTBEAT, RFC3339
from riverkeeper.scrape.worker_instances import Speakers, Successions, read_instances, seen_by_river
from riverkeeper.verdict.assign import tier_of
from riverkeeper.verdict.cells import cells
from riverkeeper.verdict.job import GAVE_UP, Beat, Claim, RunningJob
from riverkeeper.verdict.judge import judge
from riverkeeper.verdict.learned import Learned
from riverkeeper.verdict.limits import limits_of
from riverkeeper.verdict.screening import Sought, sought
from riverkeeper.verdict.summary import Suspects
from riverkeeper.verdict.tiers import Policy
from riverkeeper.verdict.verdict import StuckJob

MAX_SUSPECTS = 20_000  # rows judged one by one; where more is stuck, an exact count is not what is missing
RESCUE = "keeper.rescue"


@dataclass(frozen=True, slots=True)
class Readable:
    """Which tables beside River's own can be asked."""

    heartbeats: bool = False
    audit: bool = False
    producers: bool = False  # River Pro's
    fenced: bool = False  # the fence is in force


def read_path(tx: Transaction, patience: float) -> float | None:
    """Since when the way of a beat is proven open, by the database's clock; None: it is not. Raises DatabaseError.

    `patience`: how old the last probe may be, in seconds.
    """
    since: float | None = tx.query("brakes/read_path", {"patience": patience})[0].path_ok_since
    return since


@dataclass(slots=True)
class Judging:
    """Asks and judges, by one policy."""

    policy: Policy
    _successions: Successions = field(default_factory=Successions)

    def read(
        self,
        tx: Transaction,
        running: Running,
        learned: Mapping[str, Learned],
        readable: Readable,
        now: float,
        path_ok_since: float | None,
        leader: Leader | None = None,
    ) -> Suspects:
        """The stuck and suspected jobs at `now`, the database's clock. Asks nothing where no group is old enough.

        Raises DatabaseError.
        """
        groups = cells(self.policy, learned, running.pairs)
        found = [sought(cell, now, path_ok_since) for cell in groups]
        speakers = self._speakers(tx, [one for one in found if one.is_anything], readable, leader)
        found = [one if speakers.may_speak_for(one.kind) else replace(one, unbeaten=None) for one in found]
        rows = self._rows(tx, [one for one in found if one.is_anything], speakers, readable)
        judged = []
        for row in rows[:MAX_SUSPECTS]:
            job = self.job(row, speakers)
            tier = tier_of(self.policy, job.queue, job.kind, job.priority)
            limits = limits_of(self.policy, tier, job.kind, learned.get(job.kind))
            verdict = judge(job, self.policy, limits, now, path_ok_since)
            judged.append(StuckJob(job, verdict))
        return Suspects(
            tuple(one for one in judged if one.verdict.reason.is_stuck),
            len(rows) <= MAX_SUSPECTS,
            path_ok_since,
            tuple(one for one in judged if one.verdict.reason.is_suspected),
        )

    def _speakers(
        self, tx: Transaction, found: Sequence[Sought], readable: Readable, leader: Leader | None
    ) -> Speakers:
        if not found:
            return Speakers()
        instances = read_instances(tx) if readable.heartbeats else {}
        if all(one.unbeaten is None and one.silent is None for one in found):
            return Speakers(instances, fenced=readable.fenced)
        anew = any(one.silent is not None for one in found)
        suspect_since = self._successions.read(tx, producers=readable.producers, anew=anew)
        return Speakers(instances, suspect_since, seen_by_river(self._successions.last_claims, leader), readable.fenced)

    def _rows(self, tx: Transaction, found: Sequence[Sought], speakers: Speakers, readable: Readable) -> list[Row]:
        if not found:
            return []
        missing = [table for table, there in ((HEARTBEAT, readable.heartbeats), (RESCUE, readable.audit)) if not there]
        asked = {
            **_columns(found),
            "clients": speakers.client_ids,
            "metadata_interval": self.policy.metadata_interval,
            "most_bytes": METADATA_LARGE,
            "rfc3339": RFC3339,
            "gave_up": list(GAVE_UP),
            "max_rows": MAX_SUSPECTS,
        }
        return tx.query("river/read_suspects", asked, without=tuple(missing))

    def job(self, row: Row, speakers: Speakers) -> RunningJob:
        """A row of river/read_suspects. Where its metadata cannot be looked into, whether it beats is not known."""
        job = RunningJob(
            claim=Claim(row.id, row.attempt, row.attempted_at),
            queue=row.queue,
            kind=row.kind,
            priority=row.priority,
            max_attempts=row.max_attempts,
            claimed_at=row.claimed_at,
            client_id=row.client,
            beat=self._beat(row, speakers),
            cancel_requested=row.cancel_requested,
            rescues=row.rescues,
            seen_at=speakers.seen_at(row.client),
        )
        if row.unread:
            return job
        since = speakers.suspect_since.get(row.client)
        return replace(job, instances=speakers.of(row.client, row.kind), suspect_since=since)

    def _beat(self, row: Row, speakers: Speakers) -> Beat | None:
        if row.beat_at is None:
            return None
        if row.by_metadata:
            return Beat(row.beat_at, self.policy.metadata_interval, by_metadata=True)
        return Beat(
            beat_at=row.beat_at,
            interval=row.beat_interval,
            lease=row.lease,
            progress_at=row.progress_at,
            progress=row.progress,
            stop_requested_at=row.stop_requested_at,
            ended_at=row.ended_at,
            outcome=row.outcome,
            fences=speakers.fences(row.client, row.instance),
        )


def _columns(found: Iterable[Sought]) -> dict[str, list[object]]:
    """The groups as parallel arrays."""
    names = {
        "queues": "queue", "kinds": "kind", "priorities": "priority", "drains": "drain", "silent": "silent",
        "still": "still", "unbeaten": "unbeaten", "took": "took", "ended": "ended",
    }  # fmt: skip
    return {array: [getattr(one, name) for one in found] for array, name in names.items()}
