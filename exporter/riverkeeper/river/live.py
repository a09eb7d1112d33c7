"""Live jobs that wait: how many in each part of the queue, exactly or estimated, and of which kinds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from riverkeeper.database import Row, Transaction
from riverkeeper.river.bounds import MAX_PARTITIONS, first_count, kind_bounds, second_count, spread
from riverkeeper.snapshot import LiveKind, Partition

PartKey = tuple[str, str, int]  # state, queue, priority
Shares = Mapping[tuple[str, str | None], float]  # column and value, None for any value that is rare

OVERDUE_SECONDS = 30.0  # River's scheduler runs every 5 s; six missed runs are no coincidence


def read_partitions(tx: Transaction, states: Sequence[str], now: float) -> tuple[Partition, ...]:
    """Every (state, queue, priority) of the given states with its counts. Raises DatabaseError."""
    found = tx.query("river/list_live_partitions", {"states": list(states), "max_partitions": MAX_PARTITIONS})
    first = first_count(len(found))
    counted = _count(tx, [_empty(row) for row in found], now, first)
    longer = _reaching(first, counted)
    bound = second_count(len(longer), first)
    recounted = _count(tx, longer, now, bound) if bound > first else longer
    parts = {_key(part): part for part in (*counted, *recounted)}
    return tuple((parts | _estimate(tx, _reaching(bound, recounted), list(parts.values()), bound)).values())


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


def _key(part: Partition) -> PartKey:
    return part.state, part.queue, part.priority


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
    return [replace(part, due=counts[_key(part)].due, later=counts[_key(part)].later) for part in parts]


def _estimate(
    tx: Transaction, over: Sequence[Partition], parts: Sequence[Partition], bound: int
) -> dict[PartKey, Partition]:
    """Estimates of the parts that are `over` the bound.

    The planner is good to a few percent for a state, but takes state, queue and priority for independent: so what it
    expects of the state beyond the counted parts is spread over the others.
    """
    shares = _shares(tx) if over else {}
    estimates: dict[PartKey, Partition] = {}
    for state in {part.state for part in over}:
        least = {_key(part): part.jobs for part in over if part.state == state}
        counted = sum(part.jobs for part in parts if part.state == state and _key(part) not in least)
        plan = tx.query("river/estimate_live_state", {"state": state})[0].QUERY_PLAN
        weights = {key: _share(shares, "queue", key[1]) * _share(shares, "priority", str(key[2])) for key in least}
        jobs = spread(plan[0]["Plan"]["Plan Rows"] - counted, least, weights)
        estimates |= {_key(part): _estimated(part, jobs[_key(part)], bound) for part in over if part.state == state}
    return estimates


def _estimated(part: Partition, jobs: int, bound: int) -> Partition:
    """The part that was counted to its end stays exact."""
    due = part.due if part.due < bound else jobs - part.later
    return replace(part, due=due, later=jobs - due, estimated=True)


def _shares(tx: Transaction) -> Shares:
    return {(row.name, row.value): row.share for row in tx.query("river/read_shares")}


def _share(shares: Shares, name: str, value: str) -> float:
    """Share of the table's rows that have this value in a column; 1 where nothing is known."""
    return shares.get((name, value), shares.get((name, None), 1.0))
