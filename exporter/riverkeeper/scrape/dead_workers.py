"""Finds the clients that hold running jobs and whose process has ended, by proof from Kubernetes.

Costs one query, and only while a container is known to have ended whose jobs may not have been taken yet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from riverkeeper.evidence.pod_evidence import PodEvidence
from riverkeeper.evidence.proof import Holder, NoEvidence, ReportedPod, Terminated
from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.river.bounds import MAX_RUNNING
from riverkeeper.verdict.client_ids import parse_client_id
from riverkeeper.verdict.suspects import WorkerInstance

Group = tuple[str, str, int]  # queue, kind, priority
CLIENT = "keeper.client"


@dataclass(frozen=True, slots=True)
class DeadWorkers:
    """The clients that may have an ended process which holds jobs, and the groups of their jobs."""

    clients: frozenset[str] = frozenset()
    groups: frozenset[Group] = frozenset()
    last_claims: Mapping[str, float] = field(default_factory=dict)  # newest claim of every client that holds a job


NONE_DEAD = DeadWorkers()


def find_dead_workers(tx: Transaction, evidence: PodEvidence, now: float, *, heartbeats: bool = True) -> DeadWorkers:
    """`now`: the database's clock. `heartbeats`: the table of processes can be read. Raises DatabaseError.

    Each of their jobs is judged for itself: several processes may share a client id that a user gave.
    """
    rows = tx.query("river/read_claimants", {"max_rows": MAX_RUNNING}, without=() if heartbeats else (CLIENT,))
    by_client: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_client[row.client].append(row)
    last_claims = {client: max(row.last_claim for row in found) for client, found in by_client.items()}
    found = {client: _find_end(evidence, client, rows, now) for client, rows in by_client.items()}
    evidence.settle({end.pod_uid for end in found.values() if isinstance(end, Terminated)})
    dead = frozenset(client for client, end in found.items() if end)
    groups = frozenset((row.queue, row.kind, row.priority) for row in rows if row.client in dead)
    return DeadWorkers(dead, groups, last_claims)


def _find_end(evidence: PodEvidence, client: str, rows: Sequence[Row], now: float) -> Terminated | bool:
    """Proof by the client id; else whether any process of the id reports a pod that has ended lately."""
    last_claim = max(row.last_claim for row in rows)
    end = evidence.find(holder_of(client, last_claim, last_claim), now)
    if isinstance(end, Terminated):
        return end
    return any(row.pod_uid is not None and evidence.has_ended_lately(row.pod_uid) for row in rows)


def reported_pod(row: Row) -> ReportedPod | None:
    """The pod in the row of a process."""
    return ReportedPod(row.pod_uid, row.pod_namespace, row.pod_name, row.host) if row.pod_uid is not None else None


def holder_of(
    client_id: str | None,
    claimed_at: float,
    last_claim_at: float | None,
    process: WorkerInstance | None = None,
    *,
    has_beaten: bool = False,
) -> Holder:
    """The process behind a claim, as far as its client id and its row name it."""
    known = parse_client_id(client_id) if client_id is not None else None
    host, started_at = (known.host, known.started_at) if known is not None else (None, None)
    # Where a user gave the id, another process may have it, and may claim on.
    newest = last_claim_at if known is not None or not has_beaten else None
    holder = Holder(host, started_at, claimed_at, newest, has_beaten=has_beaten)
    if process is None or process.pod is None:
        return holder
    return replace(holder, pod=process.pod, last_beat_at=process.beat_at, beat_interval=process.interval)


def find_proof(
    evidence: PodEvidence | None, dead: DeadWorkers, row: Row, process: WorkerInstance | None, now: float
) -> tuple[Terminated | None, str]:
    """Proof that the process of a claim has ended; or why there is none, "" where nobody asks Kubernetes.

    `row`: of river/read_suspects. `process`: the one that holds the claim, where it is known.
    """
    if evidence is None:
        return None, ""
    last_claim = dead.last_claims.get(row.client_id or "")
    holder = holder_of(row.client_id, row.claimed_at, last_claim, process, has_beaten=row.instance is not None)
    found = evidence.find(holder, now)
    return (None, found.why) if isinstance(found, NoEvidence) else (found, "")
