"""Which limits hold for each kind, and how each of them came about: for a person who doubts one."""

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

SECONDS = 10.0  # for a person who waits
USUAL_QUEUE = "default"  # of a kind that nobody has seen: River's default


@dataclass(frozen=True, slots=True)
class Missing:
    """A kind without a limit of its run, and why."""

    kind: str
    tier: str
    why: str


@dataclass(frozen=True, slots=True)
class LimitsFound:
    """Limits by kind; `past` counts running jobs that are past the limit of their run."""

    limits: tuple[LimitInForce, ...]
    missing: tuple[Missing, ...]
    learned: Mapping[str, Learned]
    past: Mapping[str, int]
    remembered: bool  # there is a keeper schema that remembers runs; else `serve` learns in its memory


def read_limits(
    url: str, river_schema: str | None, keeper_schema: str | None, policy: Policy, kind: str | None
) -> LimitsFound:
    """The limits in force, of one kind or of all that are known. Raises DatabaseError."""
    with open_schemas(url, river_schema, keeper_schema, SECONDS) as (tx, schemas):
        now = tx.query("river/open_transaction")[0].now
        return _read(tx, inspect_keeper(tx, schemas), policy, kind, now)


def _read(tx: Transaction, keeper: KeeperSchema, policy: Policy, kind: str | None, now: float) -> LimitsFound:
    store, heartbeats = KeeperStore(), keeper.heartbeat is not None
    running = read_running(tx, policy.heartbeat.metadata_interval, heartbeats=heartbeats)
    past = read_learned(tx, store, policy.learned_limits, now, audit=keeper.audit) if keeper.learns else {}
    suspects = SuspectReader(policy).read(tx, running, past, ReadableTables(heartbeats, keeper.audit), now, None)
    known = {*past, *({kind} if kind else ())}  # whoever asks for a kind that nobody has seen sees what it would have
    names = _with(known, store.names(tx) if keeper.writable else NO_NAMES, {pair.kind for pair in running.pairs})
    found = summarize(policy, past, running.pairs, now, suspects, pairs=names.pairs)
    limits = tuple(one for one in found.limits if kind in (None, one.kind))
    return LimitsFound(
        limits=tuple(sorted(limits, key=lambda one: (one.kind, one.tier, list(LimitName).index(one.limit.name)))),
        missing=tuple(_missing(limits, past, policy.learned_limits, remembered=keeper.learns)),
        learned=past,
        past=_past(found),
        remembered=keeper.learns,
    )


def _with(kinds: set[str], names: Names, running: set[str]) -> Names:
    """The names, and kinds that have none."""
    nameless = kinds - running - {name for _, name in names.pairs}
    return replace(names, pairs={**names.pairs, **{(USUAL_QUEUE, kind): 0.0 for kind in nameless}})


def _past(found: VerdictSummary) -> Counter[str]:
    past: Counter[str] = Counter()
    for (_, kind, _, reason), jobs in found.counts.items():
        if reason == Reason.OVER_BUDGET:
            past[kind] += jobs
    return past


def _missing(
    limits: tuple[LimitInForce, ...], past: Mapping[str, Learned], learning: LearnedLimits, *, remembered: bool
) -> Iterator[Missing]:
    have = {(one.kind, one.tier) for one in limits if one.limit.name is LimitName.RUN}
    for kind, tier in sorted({(one.kind, one.tier) for one in limits if one.kind} - have):
        yield Missing(kind, tier, _why(past.get(kind), learning, remembered=remembered))


def _why(known: Learned | None, learning: LearnedLimits, *, remembered: bool) -> str:
    if not learning.enabled:
        return "none: its tier has no max_run, and learned_limits is not enabled"
    if not remembered:
        return "none that is known here: without a keeper schema to write, each serve learns in its own memory"
    runs = known.samples if known else 0
    return f"none: its tier has no max_run, and {runs} of the {learning.min_samples} runs to learn from are there"
