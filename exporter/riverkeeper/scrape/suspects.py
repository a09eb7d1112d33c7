"""Reads the jobs that may be past a limit and what is known of their workers, for verdicts.

A healthy fleet costs no query here: jobs are read only where a group of running jobs holds one that is old enough.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from riverkeeper.config.policy import Policy
from riverkeeper.evidence.pod_evidence import PodEvidence
from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.river.bounds import MAX_RUNNING, METADATA_LARGE
from riverkeeper.river.facts import Leader, Running
from riverkeeper.river.running import HEARTBEAT, RFC3339, beat_of, running_job_of
from riverkeeper.scrape.dead_workers import NONE_DEAD, DeadWorkers, find_proof, reported_pod
from riverkeeper.verdict.client_ids import ClaimTimes, find_succeeded
from riverkeeper.verdict.clocks import SeenClaims, is_cancel_of_claim, latest_claim_at
from riverkeeper.verdict.job import GAVE_UP, Beat, JobClaim, RunningJob
from riverkeeper.verdict.limits import Learned
from riverkeeper.verdict.screening import Thresholds, group_jobs, screen_group
from riverkeeper.verdict.suspects import Suspects, WorkerInstance, WorkerInstances, judge_suspects

MAX_SUSPECTS = 20_000  # rows judged one by one; where more is stuck, an exact count is not what is missing
MAX_INSTANCES = 20_000  # processes that beat
RECENT_FINISHED = 500  # newest finished jobs, which show the clients that still claim
CLAIMS_SECONDS = 10.0  # old claims are read this often, where no heartbeats have stopped
CLIENTS_SECONDS = 30.0  # successors are looked for this often: no suspicion leads to a rescue
LEADER_SECONDS = 15.0  # River's leader renews its lead every five seconds, for fifteen
PRODUCER_STALE = 90.0  # River Pro's producers write every 30 s
RESCUE = "keeper.rescue"


@dataclass(frozen=True, slots=True)
class ReadableTables:
    """Which tables beside River's own can be read."""

    heartbeats: bool = False
    audit: bool = False
    producers: bool = False  # River Pro's
    fenced: bool = False  # the fence is in force


def read_path(tx: Transaction, patience: float) -> float | None:
    """Since when the heartbeat path is verified, by the database's clock; None: it is not. Raises DatabaseError.

    `patience`: how old the last probe may be, in seconds.
    """
    since: float | None = tx.query("brakes/read_path", {"patience": patience})[0].path_ok_since
    return since


@dataclass(slots=True)
class SuspectReader:
    """Reads and judges suspects, by one policy. Remembers for some seconds what it read of River's clients."""

    policy: Policy
    evidence: PodEvidence | None = None
    dead: DeadWorkers = NONE_DEAD
    claims: dict[str, ClaimTimes] = field(default_factory=dict)  # by client
    seen_claims: SeenClaims = field(default_factory=SeenClaims)
    _seen: Mapping[str, float] = field(default_factory=dict)  # newest claim by client, the database's clock
    _suspect_since: Mapping[str, float] = field(default_factory=dict)
    _clients_due_at: float = 0.0  # our monotonic clock
    _claims_due_at: float = 0.0

    def read(
        self,
        tx: Transaction,
        running: Running,
        learned: Mapping[str, Learned],
        readable: ReadableTables,
        now: float,
        path_ok_since: float | None,
        leader: Leader | None = None,
        dead: DeadWorkers = NONE_DEAD,
    ) -> Suspects:
        """The stuck and suspected jobs at `now`, the database's clock. Raises DatabaseError."""
        self.dead = dead
        self.seen_claims.look(running.pairs, (leader.leader_id, leader.expires_at) if leader else None, now)
        groups = [screen_group(group, now, path_ok_since) for group in group_jobs(self.policy, learned, running.pairs)]
        groups = [replace(each, dead=(each.queue, each.kind, each.priority) in dead.groups) for each in groups]
        workers = self._read_workers(tx, [group for group in groups if group.any_passed], readable, leader, now)
        groups = [
            group if workers.has_instance_for(group.kind) else replace(group, never_beat=None) for group in groups
        ]
        rows = self.read_rows(tx, [group for group in groups if group.any_passed], workers, readable)
        jobs = [self.running_job(row, workers, now) for row in rows[:MAX_SUSPECTS]]
        self.seen_claims.claims.update(_dated_by_other_clocks(jobs), now)
        return judge_suspects(self.policy, learned, jobs, now, path_ok_since, complete=len(rows) <= MAX_SUSPECTS)

    def _read_workers(
        self,
        tx: Transaction,
        groups: Sequence[Thresholds],
        readable: ReadableTables,
        leader: Leader | None,
        now: float,
    ) -> WorkerInstances:
        if not groups:
            return WorkerInstances()
        known = WorkerInstances(read_instances(tx) if readable.heartbeats else {}, fenced=readable.fenced)
        if all(group.never_beat is None and group.heartbeat is None for group in groups):
            return known
        stale = any(group.heartbeat is not None for group in groups)
        suspect_since = self.read_clients(tx, readable, known, now, anew=stale)
        return replace(known, suspect_since=suspect_since, seen_by_river=self._seen_by_river(known, leader))

    def read_clients(
        self, tx: Transaction, readable: ReadableTables, known: WorkerInstances, now: float, *, anew: bool = True
    ) -> Mapping[str, float]:
        """Client -> since when it is suspect. Reads River Pro's producers where they are. Raises DatabaseError.

        `anew`: read the newest claims now, because heartbeats have stopped. That reads every running row.
        """
        clock = time.monotonic()
        if anew or clock >= self._claims_due_at:
            self._read_claims(tx, readable, known, now)
            self._claims_due_at = clock + CLAIMS_SECONDS
        if clock >= self._clients_due_at:
            since = find_succeeded(self.claims)
            if readable.producers:
                stale = tx.query("river/read_producers", {"stale_seconds": PRODUCER_STALE})
                since |= {row.client: row.last_seen_at for row in stale}
            self._suspect_since, self._clients_due_at = since, clock + CLIENTS_SECONDS
        return self._suspect_since

    def _read_claims(self, tx: Transaction, readable: ReadableTables, known: WorkerInstances, now: float) -> None:
        """The newest claims. Of a client that dates them by its own clock: when they were made at the latest."""
        own = [client for client in known.by_client if known.claims_by_own_clock(client)]
        parameters = {"max_rows": MAX_RUNNING, "recent": RECENT_FINISHED, "own_clocks": own}
        rows = tx.query("river/read_claims", parameters, without=() if readable.heartbeats else (HEARTBEAT,))
        self.claims = {
            row.client: ClaimTimes(row.first_claim, row.last_claim).after(self.claims.get(row.client)) for row in rows
        }
        newest, own_clocks = self.seen_claims.newest, frozenset(own)
        unbeaten = {row.client: row.last_unbeaten for row in rows if row.client in own_clocks}
        newest.update(((client, at) for client, at in unbeaten.items() if at is not None), now)
        seen = {row.client: row.last_first_beat if row.client in own_clocks else row.last_claim for row in rows}
        for client, at in newest.since:
            latest_at = latest_claim_at(at, newest.since[client, at])
            seen[client] = max(seen[client] or latest_at, latest_at)
        self._seen = {client: at for client, at in seen.items() if at is not None}

    def _seen_by_river(self, known: WorkerInstances, leader: Leader | None) -> Mapping[str, float]:
        """When River last saw each client: its newest claim, and the leader's last renewal of its lead."""
        if leader is None:
            return self._seen
        renewed_at = leader.expires_at - LEADER_SECONDS
        if known.claims_by_own_clock(leader.leader_id):
            renewed_at = self.seen_claims.leader.since[leader.leader_id, leader.expires_at]
        return {**self._seen, leader.leader_id: max(self._seen.get(leader.leader_id, renewed_at), renewed_at)}

    def read_rows(
        self, tx: Transaction, groups: Sequence[Thresholds], workers: WorkerInstances, readable: ReadableTables
    ) -> list[Row]:
        """Rows of river/read_suspects, at most one more than MAX_SUSPECTS. Raises DatabaseError."""
        if not groups:
            return []
        missing = [table for table, there in ((HEARTBEAT, readable.heartbeats), (RESCUE, readable.audit)) if not there]
        parameters = {
            **_columns(groups),
            "clients": workers.client_ids,
            "dead_clients": sorted(self.dead.clients),
            "metadata_interval": self.policy.heartbeat.metadata_interval,
            "most_bytes": METADATA_LARGE,
            "rfc3339": RFC3339,
            "gave_up": list(GAVE_UP),
            "max_rows": MAX_SUSPECTS,
        }
        return tx.query("river/read_suspects", parameters, without=tuple(missing))

    def running_job(self, row: Row, workers: WorkerInstances, now: float) -> RunningJob:
        """A row of river/read_suspects. Where its metadata is too large to read, whether it beats is not known."""
        beat = self._beat(row, workers)
        claimed_before = self._claimed_before(row, beat, now) if workers.claims_by_own_clock(row.client_id) else None
        job = running_job_of(
            row,
            JobClaim(row.id, row.attempt, row.attempted_at),
            beat,
            cancel_requested=is_cancel_of_claim(row.cancel_at, row.claimed_at, claimed_before),
            seen_at=workers.seen_at(row.client_id),
            claimed_before=claimed_before,
        )
        if row.unread:
            return job
        since = workers.suspect_since.get(row.client_id)
        process = workers.process_of(row.client_id, row.instance)
        terminated, why = find_proof(self.evidence, self.dead, row, process, now)
        return replace(
            job,
            instances=workers.of(row.client_id, row.kind),
            suspect_since=since,
            terminated=terminated,
            no_evidence=why,
        )

    def _claimed_before(self, row: Row, beat: Beat | None, now: float) -> float:
        group = (row.queue, row.kind, row.priority, row.claimed_at)
        seen_at = self.seen_claims.first_seen((row.id, row.attempted_at), group, now)
        return latest_claim_at(row.claimed_at, seen_at, beat.first_at if beat else None)

    def _beat(self, row: Row, workers: WorkerInstances) -> Beat | None:
        if row.beat_at is None:
            return None
        if row.by_metadata:
            return Beat(row.beat_at, self.policy.heartbeat.metadata_interval, by_metadata=True)
        return beat_of(row, fences=workers.fences(row.client_id, row.instance))


def read_instances(tx: Transaction) -> dict[str, tuple[WorkerInstance, ...]]:
    """The processes that beat, by client id. Raises DatabaseError."""
    found: defaultdict[str, list[WorkerInstance]] = defaultdict(list)
    for row in tx.query("river/read_worker_instances", {"max_rows": MAX_INSTANCES}):
        kinds = None if row.kinds is None else frozenset(row.kinds)
        process = WorkerInstance(
            row.instance, row.beat_at, row.beat_interval, row.started_at, kinds, row.fences, row.software,
            reported_pod(row),
        )  # fmt: skip
        found[row.client_id].append(process)
    return {client_id: tuple(processes) for client_id, processes in found.items()}


def _dated_by_other_clocks(jobs: Iterable[RunningJob]) -> Iterator[tuple[int, str]]:
    return ((job.claim.job_id, job.claim.attempted_at) for job in jobs if job.claimed_before is not None)


def _columns(groups: Iterable[Thresholds]) -> dict[str, list[object]]:
    """The groups as parallel arrays."""
    names = {
        "queues": "queue", "kinds": "kind", "priorities": "priority", "drains": "drain",
        "heartbeat_limits": "heartbeat", "progress_limits": "progress", "never_beat_limits": "never_beat",
        "run_limits": "run", "result_limits": "result",
    }  # fmt: skip
    return {array: [getattr(group, name) for group in groups] for array, name in names.items()}
