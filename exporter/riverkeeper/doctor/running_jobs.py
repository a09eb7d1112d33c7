"""What `riverkeeper check` says of running jobs: the same verdicts as everybody's, judged in its own transaction."""

from __future__ import annotations

from collections.abc import Callable

from riverkeeper.brakes.facts import read_facts
from riverkeeper.brakes.heartbeat_path import NOBODY_VERIFIES, proven
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.rescue.rules import Rules
from riverkeeper.river.facts import Running
from riverkeeper.schema.fence import read_fence
from riverkeeper.schema.layout import FENCE_VERSION, RESCUE_VERSION, KeeperSchema
from riverkeeper.scrape.suspects import ReadableTables, SuspectReader
from riverkeeper.verdict.suspects import Suspects
from riverkeeper.verdict.verdict import Reason

Judge = Callable[[Running], tuple[Suspects, str | None]]


def judge_now(
    tx: Transaction, rules: Rules, keeper: KeeperSchema, now: float, running: Running, *, heartbeats: bool
) -> tuple[Suspects, str | None]:
    """The stuck and suspected jobs at `now`, the database's clock; and why the heartbeat path is not verified.

    Without learnt limits: how long a run may take is not the doctor's question. Raises DatabaseError.
    """
    since, why = None, NOBODY_VERIFIES
    if keeper.control and keeper.audit and (keeper.version or 0) >= RESCUE_VERSION:
        path = read_facts(tx, dry_run=not rules.is_live).path
        since = proven(path, now, rules.restraints.patience)
        why = path.why if path.ok_since is None and path.probe_at is not None else NOBODY_VERIFIES
    fenced = (keeper.version or 0) >= FENCE_VERSION and read_fence(tx).in_force
    readable = ReadableTables(heartbeats=heartbeats, audit=keeper.audit, fenced=fenced)
    found = SuspectReader(rules.policy).read(tx, running, {}, readable, now, since)
    beats = any(pair.beating for pair in running.pairs)
    return found, why if since is None and beats else None


def stopped(found: Suspects) -> int:
    """How many jobs have beaten, and stopped."""
    silent = {Reason.WORKER_LOST, Reason.PATH_UNVERIFIED, Reason.BEATS_MISSING}
    return sum(
        one.job.beat is not None and (one.verdict.underlying or one.verdict.reason) in silent
        for one in (*found.stuck, *found.suspected)
    )
