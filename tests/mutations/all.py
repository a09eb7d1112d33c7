"""Every mutation, for every hazard of docs/reliability.md that concerns Riverkeeper or a client."""

from __future__ import annotations

from mutations import (
    attempts,
    brakes,
    checkpoints,
    decisions,
    evidence,
    fence,
    go_client,
    heartbeats,
    js_client,
    ledger,
    locks,
    pages,
    rust_client,
    search_path,
    service,
    transaction,
    verdicts,
    web,
)

FILES = (
    locks, transaction, decisions, verdicts, brakes, heartbeats, checkpoints, ledger, service, search_path, web, pages,
    fence, attempts, go_client, js_client, rust_client, evidence,
)  # fmt: skip
MUTATIONS = tuple(mutation for file in FILES for mutation in file.MUTATIONS)
