"""Reads the limits in force for each kind, and where each comes from: for `riverkeeper limits`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from riverkeeper.config.policy import Policy
from riverkeeper.config.tiers import LearnedLimits
from riverkeeper.ledger.names import NO_NAMES, Names
from riverkeeper.ledger.store import KeeperStore, read_learned
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.river.running import read_running
from riverkeeper.schema.layout import KeeperSchema
from riverkeeper.schema.schemas import inspect_keeper, open_schemas
from riverkeeper.scrape.suspects import ReadableTables, SuspectReader
from riverkeeper.verdict.limits import Learned
from riverkeeper.verdict.summary import summarize
from riverkeeper.verdict.verdict import LimitInForce, LimitName, Reason, VerdictSummary

SECONDS = 10.0  # an operator waits
USUAL_QUEUE = "default"  # River's default, for a kind that is not known
_ORDER = list(LimitName)


@dataclass(frozen=True, slots=True)
class MissingLimit:
    """A kind that has no limit for its runs, and why."""

    kind: str
    tier: str
    why: str


@dataclass(frozen=True, slots=True)
class EffectiveLimits:
    """The limits in force by kind."""

    limits: tuple[LimitInForce, ...]
    missing: tuple[MissingLimit, ...]
    learned: Mapping[str, Learned]
    over_budget: Mapping[str, int]  # running jobs that are past the limit of their run, by kind
    durable: bool  # the keeper schema remembers runs; else each `serve` learns in its own memory
    known: bool = True  # the given kind runs, or its finished jobs were counted; False: it may be misspelt


def read_limits(
    url: str, river_schema: str | None, keeper_schema: str | None, policy: Policy, kind: str | None
) -> EffectiveLimits:
    """The limits in force, of one kind or of all known kinds. Raises DatabaseError."""
    with open_schemas(url, river_schema, keeper_schema, SECONDS) as (tx, schemas):
        now = tx.query("river/open_transaction")[0].now
        return _read(tx, inspect_keeper(tx, schemas), policy, kind, now)


def _read(tx: Transaction, keeper: KeeperSchema, policy: Policy, kind: str | None, now: float) -> EffectiveLimits:
    store, heartbeats = KeeperStore(), keeper.heartbeat is not None
    running = read_running(tx, policy.heartbeat.metadata_interval, heartbeats=heartbeats)
    learned = read_learned(tx, store, policy.learned_limits, now, audit=keeper.audit).limits if keeper.learns else {}
    readable = ReadableTables(heartbeats, keeper.audit)
    suspects = SuspectReader(policy).read(tx, running, learned, readable, now, None)
    kinds = {*learned, *({kind} if kind else ())}  # an unknown kind that is given has the limits that it would have
    counted = store.names(tx) if keeper.writable else NO_NAMES
    kinds_running = {pair.kind for pair in running.pairs}
    names = _add_kinds(counted, kinds, kinds_running)
    summary = summarize(policy, learned, running.pairs, now, suspects, pairs=names.pairs)
    limits = tuple(limit for limit in summary.limits if kind in (None, limit.kind))
    return EffectiveLimits(
        limits=tuple(sorted(limits, key=lambda limit: (limit.kind, limit.tier, _ORDER.index(limit.limit.name)))),
        missing=tuple(_find_missing(limits, learned, policy.learned_limits, durable=keeper.learns)),
        learned=learned,
        over_budget=_count_over_budget(summary),
        durable=keeper.learns,
        known=kind is None or kind in kinds_running | {*learned, *(name for _, name in counted.pairs)},
    )


def _add_kinds(names: Names, kinds: set[str], running: set[str]) -> Names:
    """The names, and pairs for the kinds that neither run nor have a name."""
    nameless = kinds - running - {name for _, name in names.pairs}
    return replace(names, pairs={**names.pairs, **{(USUAL_QUEUE, kind): 0.0 for kind in nameless}})


def _count_over_budget(summary: VerdictSummary) -> Counter[str]:
    jobs_by_kind: Counter[str] = Counter()
    for (_, kind, _, reason), jobs in summary.counts.items():
        if reason == Reason.OVER_BUDGET:
            jobs_by_kind[kind] += jobs
    return jobs_by_kind


def _find_missing(
    limits: tuple[LimitInForce, ...], learned: Mapping[str, Learned], learning: LearnedLimits, *, durable: bool
) -> Iterator[MissingLimit]:
    limited = {(limit.kind, limit.tier) for limit in limits if limit.limit.name is LimitName.RUN}
    for kind, tier in sorted({(limit.kind, limit.tier) for limit in limits if limit.kind} - limited):
        yield MissingLimit(kind, tier, _explain(learned.get(kind), learning, durable=durable))


def _explain(learned: Learned | None, learning: LearnedLimits, *, durable: bool) -> str:
    if not learning.enabled:
        return "none: its tier has no max_run, and learned_limits is not enabled"
    if not durable:
        return "not known here: without a keeper schema that it may write, each `serve` learns in its own memory"
    runs = learned.samples if learned else 0
    return f"none: its tier has no max_run, and only {runs} of the {learning.min_samples} runs to learn from are known"
