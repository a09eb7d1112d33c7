"""Live jobs that wait: how many in each part of the queue, exactly or estimated, and of which kinds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.river.bounds import MAX_PARTITIONS, first_count, kind_bounds, second_count
from riverkeeper.river.estimate import estimate, key_of
from riverkeeper.river.facts import LiveKind
from riverkeeper.verdict.job import Partition

OVERDUE_SECONDS = 30.0  # River's scheduler runs every 5 s; six missed runs are no coincidence


def read_partitions(tx: Transaction, states: Sequence[str], now: float) -> tuple[Partition, ...]:
    """Every (state, queue, priority) of the given states with its counts. Raises DatabaseError."""
    found = tx.query("river/list_live_partitions", {"states": list(states), "max_partitions": MAX_PARTITIONS})
    first = first_count(len(found))
    counted = _count(tx, [_empty(row) for row in found], now, first)
    longer = _reaching(first, counted)
    bound = second_count(len(longer), first)
    recounted = _count(tx, longer, now, bound) if bound > first else longer
    parts = {key_of(part): part for part in (*counted, *recounted)}
    return tuple((parts | estimate(tx, _reaching(bound, recounted), list(parts.values()), bound)).values())


def read_waiting_kinds(tx: Transaction, partitions: Sequence[Partition]) -> tuple[LiveKind, ...]:
    """Kinds of the waiting jobs of each (state, queue), exact where the queue is short. Raises DatabaseError."""
    counts: Counter[tuple[str, str]] = Counter()
    for part in partitions:
        counts[part.state, part.queue] += part.jobs
    bounds = kind_bounds(counts)
    rows = tx.query(
        "river/count_live_kinds",
        {
            "states": [state for state, _ in bounds],
            "queues": [queue for _, queue in bounds],
            "bounds": list(bounds.values()),
        },
    )
    read: Counter[tuple[str, str]] = Counter()
    for row in rows:
        read[row.state, row.queue] += row.jobs
    return tuple(_kind(row, complete=read[row.state, row.queue] < bounds[row.state, row.queue]) for row in rows)


def _kind(row: Row, *, complete: bool) -> LiveKind:
    return LiveKind(
        row.state, row.queue, row.kind, row.jobs, row.failing, row.last_attempt, row.last_claim, complete=complete
    )


def _empty(row: Row) -> Partition:
    return Partition(row.state, row.queue, row.priority, 0, 0, row.first_at)


def _reaching(bound: int, parts: Sequence[Partition]) -> list[Partition]:
    """The parts whose count ended at its bound: they may hold any number more."""
    return [part for part in parts if max(part.due, part.later) >= bound]


def _count(tx: Transaction, parts: Sequence[Partition], now: float, bound: int) -> list[Partition]:
    if not parts:
        return []
    rows = tx.query(
        "river/count_live_partitions",
        {
            "states": [part.state for part in parts],
            "queues": [part.queue for part in parts],
            "priorities": [part.priority for part in parts],
            "moments": [now if part.state == "available" else now - OVERDUE_SECONDS for part in parts],
            "bounds": [bound] * len(parts),
        },
    )
    counts = {(row.state, row.queue, row.priority): row for row in rows}
    return [replace(part, due=counts[key_of(part)].due, later=counts[key_of(part)].later) for part in parts]
