"""Waiting jobs: how many in each (state, queue, priority), counted or estimated, and of which kinds.

Long partitions are estimated. The planner knows the rows of a state within a few percent, but takes state, queue and
priority as independent. So the planned rows of the state, less the counted ones, are divided among its long
partitions. Where the planner has no statistics, or expects less than half of what was counted, a sample of the table's
pages is the estimate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.river.bounds import MAX_PARTITIONS, SAMPLE_PAGES, first_count, kind_bounds, second_count, spread
from riverkeeper.river.facts import LiveKind
from riverkeeper.verdict.job import Partition

OVERDUE_SECONDS = 30.0  # River's scheduler runs every 5 s; so six runs were missed

PartKey = tuple[str, str, int]  # state, queue, priority
Shares = Mapping[tuple[str, str | None], float]  # (column, value); value None: any rare value


def read_partitions(tx: Transaction, states: Sequence[str], now: float) -> tuple[Partition, ...]:
    """Every (state, queue, priority) of these states with its counts; `now` is Unix seconds. Raises DatabaseError."""
    found = tx.query("river/read_partitions", {"states": list(states), "max_partitions": MAX_PARTITIONS})
    first = first_count(len(found))
    counted = _count(tx, [_begin_count(row) for row in found], now, first)
    longer = _at_bound(first, counted)
    bound = second_count(len(longer), first)
    recounted = _count(tx, longer, now, bound) if bound > first else longer
    parts = {_key_of(part): part for part in (*counted, *recounted)}
    return tuple((parts | _estimate(tx, _at_bound(bound, recounted), list(parts.values()), bound)).values())


def read_waiting_kinds(tx: Transaction, partitions: Sequence[Partition]) -> tuple[LiveKind, ...]:
    """Kinds of the waiting jobs of each (state, queue), exact where the queue is short. Raises DatabaseError."""
    counts: Counter[tuple[str, str]] = Counter()
    for part in partitions:
        counts[part.state, part.queue] += part.jobs
    bounds = kind_bounds(counts)
    rows = tx.query(
        "river/read_waiting_kinds",
        {
            "states": [state for state, _ in bounds],
            "queues": [queue for _, queue in bounds],
            "bounds": list(bounds.values()),
        },
    )
    read: Counter[tuple[str, str]] = Counter()
    for row in rows:
        read[row.state, row.queue] += row.jobs
    return tuple(_kind_of(row, complete=read[row.state, row.queue] < bounds[row.state, row.queue]) for row in rows)


def _kind_of(row: Row, *, complete: bool) -> LiveKind:
    return LiveKind(
        row.state, row.queue, row.kind, row.jobs, row.failing, row.last_attempt, row.last_claim, complete=complete
    )


def _begin_count(row: Row) -> Partition:
    return Partition(row.state, row.queue, row.priority, 0, 0, row.first_at)


def _at_bound(bound: int, parts: Sequence[Partition]) -> list[Partition]:
    """The partitions whose count ended at its bound, so that they may hold more jobs."""
    return [part for part in parts if max(part.due, part.later) >= bound]


def _count(tx: Transaction, parts: Sequence[Partition], now: float, bound: int) -> list[Partition]:
    if not parts:
        return []
    rows = tx.query(
        "river/read_partition_counts",
        {
            "states": [part.state for part in parts],
            "queues": [part.queue for part in parts],
            "priorities": [part.priority for part in parts],
            "moments": [now if part.state == "available" else now - OVERDUE_SECONDS for part in parts],
            "bounds": [bound] * len(parts),
        },
    )
    counts = {(row.state, row.queue, row.priority): row for row in rows}
    return [replace(part, due=counts[_key_of(part)].due, later=counts[_key_of(part)].later) for part in parts]


def _key_of(part: Partition) -> PartKey:
    return part.state, part.queue, part.priority


def _estimate(
    tx: Transaction, over: Sequence[Partition], parts: Sequence[Partition], bound: int
) -> dict[PartKey, Partition]:
    """Estimates of the partitions that are over the bound; `parts` are all partitions. Raises DatabaseError."""
    if not over:
        return {}
    shares, states = _read_shares(tx), {part.state for part in over}
    counted: Counter[str] = Counter()
    for part in parts:
        counted[part.state] += part.jobs
    totals = {state: _read_planned_rows(tx, state) if shares else 0.0 for state in states}
    weights = {_key_of(part): _weight(shares, part) for part in over}
    if unknown := {state for state in states if totals[state] < counted[state] / 2}:
        sample = _read_sample(tx, unknown)
        totals |= {state: sum(jobs for key, jobs in sample.items() if key[0] == state) for state in unknown}
        weights |= {key: sample.get(key, 0.0) for key in weights if key[0] in unknown}
    estimates: dict[PartKey, Partition] = {}
    for state in states:
        long = [part for part in over if part.state == state]
        least = {_key_of(part): part.jobs for part in long}
        jobs = spread(totals[state] - (counted[state] - sum(least.values())), least, weights)
        estimates |= {
            _key_of(part): _with_estimate(part, jobs[_key_of(part)], bound, sampled=state in unknown) for part in long
        }
    return estimates


def _with_estimate(part: Partition, jobs: int, bound: int, *, sampled: bool) -> Partition:
    """A count that did not reach its bound stays exact."""
    due = part.due if part.due < bound else jobs - part.later
    return replace(part, due=due, later=jobs - due, estimated=True, sampled=sampled)


def _read_planned_rows(tx: Transaction, state: str) -> float:
    plan = tx.query("river/read_planned_rows", {"state": state})[0].QUERY_PLAN
    return float(plan[0]["Plan"]["Plan Rows"])


def _read_sample(tx: Transaction, states: Collection[str]) -> dict[PartKey, float]:
    rows = tx.query("river/read_waiting_sample", {"states": list(states), "pages": SAMPLE_PAGES})
    return {(row.state, row.queue, row.priority): row.jobs for row in rows}


def _read_shares(tx: Transaction) -> Shares:
    return {(row.name, row.value): row.share for row in tx.query("river/read_shares")}


def _weight(shares: Shares, part: Partition) -> float:
    return _share(shares, "queue", part.queue) * _share(shares, "priority", str(part.priority))


def _share(shares: Shares, name: str, value: str) -> float:
    """Share of the table's rows with this value in a column; 1 where there are no statistics."""
    return shares.get((name, value), shares.get((name, None), 1.0))
