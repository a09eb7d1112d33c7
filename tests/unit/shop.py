"""Snapshots of a small shop: one with everything in it, and one in which nothing happens."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from riverkeeper.brakes.state import Brake, Rescuing
from riverkeeper.ledger.buckets import RUN_EDGES, WAIT_EDGES
from riverkeeper.ledger.names import Names
from riverkeeper.ledger.totals import Finished, FinishedPair, Histogram
from riverkeeper.rescue.audit.report import Tally
from riverkeeper.river.edges import AGE_EDGES, BEAT_EDGES
from riverkeeper.river.facts import Ages, Leader, LiveKind, Queue, Running, TableSize
from riverkeeper.river.layout import FINAL_STATES
from riverkeeper.scrape.scrape import FenceState, QueryOutcome, Snapshot, Target
from riverkeeper.verdict.facts import Partition, RunningPair
from riverkeeper.verdict.judged import Judged, LimitInForce, LimitUsed
from riverkeeper.verdict.verdict import Limit
from riverkeeper.verdict.words import LimitName, Mode

NOW = 1_700_000_000.0
PAIR = ("default", "email")


def counts(edges: tuple[float, ...], *values: float) -> tuple[int, ...]:
    """Values by bucket."""
    bounds = (float("-inf"), *edges, float("inf"))
    return tuple(sum(low < value <= high for value in values) for low, high in pairwise(bounds))


RUNNING = Running(
    pairs=(
        RunningPair(
            queue="default",
            kind="email",
            priority=1,
            jobs=3,
            beating=2,
            failing=1,
            last_attempt=0,
            cancel_pending=1,
            oldest_claim=NOW - 400,
            last_claim=NOW - 2,
            oldest_beat=NOW - 31,
            oldest_progress=NOW - 90,
            oldest_unbeaten=NOW - 2,
            longest_interval=10.0,
            longest_lease=25.0,
        ),
    ),
    ages={"default": Ages(counts(AGE_EDGES, 2, 60, 400), 462.0)},
    beat_ages={"default": Ages(counts(BEAT_EDGES, 0.5, 31), 31.5)},
    clients={"default": 2},
    poison=1,
    unreadable_beats=1,
    unread=0,
)
FINISHED = Finished(
    pairs=(
        FinishedPair(
            queue="default",
            kind="email",
            outcomes={"completed": 5, "discarded": 1, "cancelled": 0},
            attempts=9,
            run=Histogram(counts(RUN_EDGES, 0.01, 0.2, 0.2, 3, 50_000), 50_003.41),
            last_finished=NOW - 1.5,
        ),
    ),
    waits={("default", 1): Histogram(counts(WAIT_EDGES, 0, 0.3, 7), 7.3)},
    last_claims={"default": NOW - 3},
    durable=True,
    late_rows=2,
    epoch=1,
)
HEARTBEAT = Limit(LimitName.HEARTBEAT, 45.0, "three declared intervals of 15 s", raised=True)
JUDGED = Judged(
    stuck=(),
    counts={("default", "email", "standard", "worker_lost"): 2},
    limits=(
        LimitInForce("email", "standard", HEARTBEAT),
        LimitInForce("", "standard", Limit(LimitName.WAIT, 300.0, "tier standard")),
    ),
    used=(
        LimitUsed("default", "email", "standard", LimitName.HEARTBEAT, 1.25),
        LimitUsed("default", "", "standard", LimitName.WAIT, 0.5),
    ),
    raised=frozenset({("standard", "heartbeat")}),
    path_ok_since=NOW - 3600,
)
RESCUING = Rescuing(
    modes={"standard": Mode.DRY_RUN},
    brakes={Brake.GRACE: "the keeper started 12 s ago"},
    wakes_open=1,
    last_rescue_at=NOW - 7200,
    claims=(Tally("standard", "email", True, claims=9, false_ones=1, right_ones=5, open=2),),
)
FULL = Snapshot(
    up=True,
    taken_at=NOW + 0.25,
    now=NOW,
    queries=(QueryOutcome("partitions", 0.004), QueryOutcome("queues", 0.002, "permission denied")),
    target=Target("orders", "public", "riverkeeper", standby=False, server_version=180006),
    partitions=(
        Partition("available", "default", 1, due=7, later=1, first_at=NOW - 95),
        Partition("available", "default", 2, due=0, later=2, first_at=NOW + 5),
        Partition("retryable", "default", 1, due=4, later=1, first_at=NOW - 60),
    ),
    waiting_kinds=(
        LiveKind("available", "default", "email", 10, failing=2, last_attempt=1, last_claim=NOW - 70, complete=True),
        LiveKind("retryable", "default", "email", 5, failing=5, last_attempt=2, last_claim=NOW - 80, complete=True),
    ),
    running=RUNNING,
    beating_clients=4,
    queues=(Queue("default", paused=True, updated_at=NOW - 300),),
    leader=Leader("host-a", NOW - 86_400, NOW + 10),
    fence=FenceState(True, "the fence is in force", ""),
    oldest_finalized={"completed": NOW - 3600},
    migrations={"main": 7},
    tables=(TableSize("river_job", 81_920, 3, 40),),
    finished=FINISHED,
    judged=JUDGED,
    rescuing=RESCUING,
    names=Names({"default": NOW}, {PAIR: NOW}),
    clock_skew=0.125,
    replay_lag=2.5,
)
NOTHING = Histogram(counts(RUN_EDGES), 0.0)
# Up, and its one kind was seen within the hour, but nothing is there now.
IDLE = Snapshot(
    up=True,
    taken_at=NOW,
    now=NOW,
    queries=FULL.queries,
    target=FULL.target,
    partitions=(),
    waiting_kinds=(),
    running=Running((), {}, {}, {}, 0, 0, 0),
    queues=(),
    oldest_finalized={},
    migrations={},
    tables=FULL.tables,
    judged=replace(JUDGED, counts={}, used=()),
    rescuing=replace(RESCUING, brakes={}, last_rescue_at=None),
    finished=Finished(
        (FinishedPair("default", "email", dict.fromkeys(FINAL_STATES, 0), 0, NOTHING, None),), {}, {}, True, 0, 1
    ),
    names=FULL.names,
    clock_skew=0.0,
)
DOWN = Snapshot(up=False, taken_at=NOW, error="connect: refused (unreachable: check host)")
