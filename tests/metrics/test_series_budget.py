"""How many series a page has, and how long it takes to write: bounded, however many queues and kinds there are."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from riverkeeper.ledger.attempts import AttemptOutcome, RiverRescue
from riverkeeper.ledger.counts import RUN_EDGES, WAIT_EDGES
from riverkeeper.ledger.names import MAX_QUEUES, NO_NAMES, OTHER, Names, Pair, keep
from riverkeeper.ledger.totals import Finished, FinishedPair, Histogram, WorkTotals
from riverkeeper.metrics.catalogue.process import Process
from riverkeeper.metrics.exposition import Exposition
from riverkeeper.river.bounds import AGE_EDGES, BEAT_EDGES, KIND_BUDGET, SAMPLE_BUDGET
from riverkeeper.river.facts import Ages, Leader, LiveKind, Queue, Running, TableSize
from riverkeeper.river.layout import FINAL_STATES, LIVE_STATES
from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.verdict.job import Partition, RunningPair
from riverkeeper.verdict.verdict import STUCK, Limit, LimitInForce, LimitName, LimitUsed, VerdictSummary, WaitLimit

NOW = 1_800_000_000.0
MAX_PAIRS = 1000  # collect.max_pairs, as shipped
PRIORITIES = (1, 2, 3, 4)
TIERS = ("standard", "patient")
USUAL = (LimitName.HEARTBEAT, LimitName.RUN)  # what every kind has; the others are for those who ask for them
WORK = WorkTotals(resumed=1, measured=1, lost_seconds=1.0)
LIMITS = (*USUAL, LimitName.PROGRESS, LimitName.SILENCE)


def test_fifty_queues_of_two_thousand_kinds_fit_on_a_page() -> None:
    """A hundred thousand pairs stay under 80,000 series."""
    assert page(whole_shop([(f"queue {q}", f"kind {k}") for q in range(50) for k in range(2000)])) < 80_000


def test_more_queues_than_have_names_fit_on_a_page() -> None:
    """What is beyond the named queues folds as well: a thousand queues do not cost more than two hundred."""
    # Without ended attempts, rescues by River, slots and limits of waits: with them it has 91,015 series.
    assert page(shop([(f"queue {q}", f"kind {k}") for q in range(1000) for k in range(10)])) < 85_000


def test_an_ordinary_shop_is_small() -> None:
    """Sixty pairs in eight queues, with every metric there is and all four priorities: under 6,000 series."""
    assert page(whole_shop([(f"queue {n % 8}", f"kind {n}") for n in range(60)])) < 6_000


def page(snapshot: Snapshot) -> int:
    """Series on the page."""
    process = Process()
    Exposition().page(snapshot, process, "", frozenset())
    return process.series


def whole_shop(pairs: list[Pair]) -> Snapshot:
    """The same with the facts of a current keeper schema and of River Pro."""
    snapshot, queues = shop(pairs), sorted({queue for queue, _ in pairs})
    assert snapshot.finished
    assert snapshot.verdicts
    finished = (
        replace(pair, ended=dict.fromkeys(AttemptOutcome, 1), rescued=dict.fromkeys(RiverRescue, 1), work=WORK)
        for pair in snapshot.finished.pairs
    )
    wait_limits = (WaitLimit(*part, TIERS[0], 300.0) for part in product(queues, PRIORITIES))
    return replace(
        snapshot,
        finished=replace(snapshot.finished, pairs=tuple(finished)),
        verdicts=replace(snapshot.verdicts, wait_limits=tuple(wait_limits)),
        slots=dict.fromkeys(queues, 1),
        tables=tuple(TableSize(table, 1, 1, 1, 1) for table in ("river_job", "heartbeat")),
    )


def shop(pairs: list[Pair]) -> Snapshot:
    """A snapshot in which every pair is live, as many of them waiting as one reading looks at, the rest running."""
    queues = sorted({queue for queue, _ in pairs})
    names = keep(NO_NAMES, dict.fromkeys(pairs, 1), dict.fromkeys(pairs, NOW), NOW, MAX_PAIRS)
    waiting = [state for state in LIVE_STATES if state != "running"]
    looked_at = min(len(pairs) // 2 + 1, KIND_BUDGET + SAMPLE_BUDGET)
    return Snapshot(
        up=True,
        taken_at=NOW,
        now=NOW,
        partitions=tuple(Partition(*part, 1, 1, NOW) for part in product(waiting, queues, PRIORITIES)),
        waiting_kinds=tuple(
            LiveKind(waiting[number % 4], *pair, 1, 1, 1, NOW, complete=True)
            for number, pair in enumerate(pairs[:looked_at])
        ),
        running=_running(queues, pairs[looked_at:]),
        beating_clients=1,
        leader=Leader("host-a", NOW, NOW),
        queues=tuple(Queue(queue, paused=False, updated_at=NOW) for queue in queues),
        oldest_finalized=dict.fromkeys(FINAL_STATES, NOW),
        migrations={"main": 7},
        finished=_finished(queues, names),
        verdicts=_verdicts(pairs, pairs[looked_at:]),
        names=names,
    )


def _running(queues: list[str], pairs: list[Pair]) -> Running:
    return Running(
        pairs=tuple(RunningPair(*pair, 1, 1, 1, 1, 1, 1, NOW, NOW, NOW, NOW) for pair in pairs),
        ages=dict.fromkeys(queues, Ages((1,) * (len(AGE_EDGES) + 1), 1.0)),
        beat_ages=dict.fromkeys(queues, Ages((1,) * (len(BEAT_EDGES) + 1), 1.0)),
        clients=dict.fromkeys(queues, 1),
        poison=0,
        unreadable_beats=0,
        unread=0,
    )


def _finished(queues: list[str], names: Names) -> Finished:
    run, wait = (Histogram((1,) * (len(edges) + 1), 1.0) for edges in (RUN_EDGES, WAIT_EDGES))
    shown = {names.queue(queue) for queue in queues}
    return Finished(
        pairs=tuple(
            FinishedPair(*pair, outcomes=dict.fromkeys(FINAL_STATES, 1), run=run, last_finished=NOW)
            for pair in sorted({*names.pairs, *((queue, OTHER) for queue in shown)})
        ),
        waits=dict.fromkeys(product(shown, PRIORITIES), wait),
        last_claims=dict.fromkeys(queues[:MAX_QUEUES], NOW),
        durable=True,
        late_rows=0,
        epoch=1,
    )


def _verdicts(pairs: list[Pair], running: list[Pair]) -> VerdictSummary:
    return VerdictSummary(
        stuck=(),
        counts={(*pair, TIERS[0], reason.value): 1 for pair in running for reason in STUCK},
        limits=tuple(
            LimitInForce(kind, tier, Limit(limit, 35.0, "tier"))
            for number, kind in enumerate(sorted({kind for _, kind in pairs}))
            for tier in _tiers_of(number)
            for limit in LimitName
        ),
        used=tuple(
            LimitUsed(*pair, TIERS[0], limit, 0.5)
            for number, pair in enumerate(pairs)
            for limit in (USUAL if number % 10 else LIMITS)
        ),
        raised=frozenset({(tier, "heartbeat") for tier in TIERS}),
        path_ok_since=NOW,
        pair_tiers=frozenset((*pair, tier) for number, pair in enumerate(pairs) for tier in _tiers_of(number)),
    )


def _tiers_of(number: int) -> tuple[str, ...]:
    """Few kinds have jobs of two priorities."""
    return TIERS[: 1 if number % 10 else 2]
