"""How many jobs wait in the parts of the queue that are too long to count.

The planner is good to a few percent for a state, but takes state, queue and priority for independent: so what it
expects of the state beyond the counted parts is spread over the others. Where its statistics are missing, or so old
that they expect less than half of what was just counted, a sample of the table's pages answers instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from riverkeeper.postgres.transaction import Transaction
from riverkeeper.river.bounds import SAMPLE_PAGES, spread
from riverkeeper.verdict.job import Partition

PartKey = tuple[str, str, int]  # state, queue, priority
Shares = Mapping[tuple[str, str | None], float]  # column and value, None for any value that is rare


def key_of(part: Partition) -> PartKey:
    return part.state, part.queue, part.priority


def estimate(
    tx: Transaction, over: Sequence[Partition], parts: Sequence[Partition], bound: int
) -> dict[PartKey, Partition]:
    """Estimates of those of the `parts` that are `over` the bound. Raises DatabaseError."""
    if not over:
        return {}
    shares, states = _shares(tx), {part.state for part in over}
    counted: Counter[str] = Counter()
    for part in parts:
        counted[part.state] += part.jobs
    totals = {state: _planned(tx, state) if shares else 0.0 for state in states}
    weights = {key_of(part): _weight(shares, part) for part in over}
    if blind := {state for state in states if totals[state] < counted[state] / 2}:
        sample = _sample(tx, blind)
        totals |= {state: sum(jobs for key, jobs in sample.items() if key[0] == state) for state in blind}
        weights |= {key: sample.get(key, 0.0) for key in weights if key[0] in blind}
    estimates: dict[PartKey, Partition] = {}
    for state in states:
        long = [part for part in over if part.state == state]
        least = {key_of(part): part.jobs for part in long}
        jobs = spread(totals[state] - (counted[state] - sum(least.values())), least, weights)
        estimates |= {
            key_of(part): _estimated(part, jobs[key_of(part)], bound, sampled=state in blind) for part in long
        }
    return estimates


def _estimated(part: Partition, jobs: int, bound: int, *, sampled: bool) -> Partition:
    """The part that was counted to its end stays exact."""
    due = part.due if part.due < bound else jobs - part.later
    return replace(part, due=due, later=jobs - due, estimated=True, sampled=sampled)


def _planned(tx: Transaction, state: str) -> float:
    plan = tx.query("river/estimate_live_state", {"state": state})[0].QUERY_PLAN
    return float(plan[0]["Plan"]["Plan Rows"])


def _sample(tx: Transaction, states: Collection[str]) -> dict[PartKey, float]:
    rows = tx.query("river/sample_waiting", {"states": list(states), "pages": SAMPLE_PAGES})
    return {(row.state, row.queue, row.priority): row.jobs for row in rows}


def _shares(tx: Transaction) -> Shares:
    return {(row.name, row.value): row.share for row in tx.query("river/read_shares")}


def _weight(shares: Shares, part: Partition) -> float:
    return _share(shares, "queue", part.queue) * _share(shares, "priority", str(part.priority))


def _share(shares: Shares, name: str, value: str) -> float:
    """Share of the table's rows that have this value in a column; 1 where nothing is known."""
    return shares.get((name, value), shares.get((name, None), 1.0))
