"""Finds the clients that hold running jobs and whose process has ended, by proof from Kubernetes.

Costs one query, and only while a container is known to have ended whose jobs may not have been taken yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from riverkeeper.evidence.pod_evidence import PodEvidence
from riverkeeper.evidence.proof import Holder, NoEvidence, Terminated
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.river.bounds import MAX_RUNNING
from riverkeeper.verdict.client_ids import parse_client_id

Group = tuple[str, str, int]  # queue, kind, priority


@dataclass(frozen=True, slots=True)
class DeadWorkers:
    """The clients of ended processes that hold jobs, and the groups of these jobs."""

    clients: frozenset[str] = frozenset()
    groups: frozenset[Group] = frozenset()
    last_claims: Mapping[str, float] = field(default_factory=dict)  # newest claim of every client that holds a job


NONE_DEAD = DeadWorkers()


def find_dead_workers(tx: Transaction, evidence: PodEvidence, now: float) -> DeadWorkers:
    """`now`: the database's clock. Raises DatabaseError."""
    rows = tx.query("river/read_claimants", {"max_rows": MAX_RUNNING})
    last_claims: dict[str, float] = {}
    for row in rows:
        last_claims[row.client] = max(row.last_claim, last_claims.get(row.client, row.last_claim))
    found = {client: evidence.find(holder_of(client, at, at), now) for client, at in last_claims.items()}
    dead = {client: end for client, end in found.items() if isinstance(end, Terminated)}
    evidence.settle({end.pod_uid for end in dead.values()})
    groups = frozenset((row.queue, row.kind, row.priority) for row in rows if row.client in dead)
    return DeadWorkers(frozenset(dead), groups, last_claims)


def holder_of(client_id: str | None, claimed_at: float, last_claim_at: float | None) -> Holder:
    """The process behind a claim, as far as its client id names it."""
    known = parse_client_id(client_id) if client_id is not None else None
    if known is None:
        return Holder(None, None, claimed_at, last_claim_at)
    return Holder(known.host, known.started_at, claimed_at, last_claim_at)


def find_proof(
    evidence: PodEvidence | None, dead: DeadWorkers, client_id: str | None, claimed_at: float, now: float
) -> tuple[Terminated | None, str]:
    """Proof that the process of a claim has ended; or why there is none, "" where nobody asks Kubernetes."""
    if evidence is None:
        return None, ""
    found = evidence.find(holder_of(client_id, claimed_at, dead.last_claims.get(client_id or "")), now)
    return (None, found.why) if isinstance(found, NoEvidence) else (found, "")
