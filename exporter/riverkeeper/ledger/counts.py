"""What is counted of finished jobs, and the fold that counts each job once, however often its row is read. Pure.

A cell holds what one reading found of one series in one ten-second slot of finalized_at, by bucket of duration. Rows
of a slot appear late, are deleted by the cleaner, and are retried away. So a cell only ever rises, bucket by bucket, to
the highest count that was ever seen there, and its rise is added to the totals. To read a slot twice changes nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

# Upper bounds on the page, seconds. Run times go from a no-op to half a day; waits end at a day of backlog.
RUN_EDGES: tuple[float, ...] = (
    0.01,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2.5,
    5,
    10,
    30,
    60,
    120,
    300,
    600,
    1800,
    3600,
    7200,
    14400,
    43200,
)
WAIT_EDGES: tuple[float, ...] = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)

# Twelve steps a decade (ratio at most 1.215): a quantile reported as 2ab / (a + b) of its bucket (a, b] is off by less
# than 10 %. Every edge of the page is one of them too, so the page is exact. The ledger stores positions in EDGES:
# another list needs a migration of what is stored.
_STEPS = (1.0, 1.21, 1.47, 1.78, 2.15, 2.61, 3.16, 3.83, 4.64, 5.62, 6.81, 8.25)
_DECADES = (0.001, 0.01, 0.1, 1, 10, 100, 1000, 10000, 100000)
EDGES: tuple[float, ...] = tuple(
    sorted(
        {round(step * decade, 6) for decade in _DECADES for step in _STEPS} | {float(e) for e in RUN_EDGES + WAIT_EDGES}
    )
)
EDGES_MICROS: tuple[int, ...] = tuple(round(edge * 1_000_000) for edge in EDGES)

NO_DURATION = -1  # finished, but without a run time that means anything (cancelled while waiting, discarded …)


def export_counts(counts: Iterable[tuple[int, int]], edges: tuple[float, ...]) -> tuple[int, ...]:
    """(fine bucket, jobs) as jobs per bucket of `edges` (which are all among EDGES) and one above them."""
    result = [0] * (len(edges) + 1)
    for bucket, jobs in counts:
        if bucket != NO_DURATION:
            result[_TO_PAGE[edges][bucket]] += jobs
    return tuple(result)


_TO_PAGE: dict[tuple[float, ...], tuple[int, ...]] = {
    edges: tuple(bisect_left(edges, fine) for fine in (*EDGES, float("inf"))) for edges in (RUN_EDGES, WAIT_EDGES)
}


SLOT_SECONDS = 10
BY_PAIR = frozenset({"run", "attempt", "rescued", "lost", "resumed"})  # measures that have a kind


class Series(NamedTuple):
    """What is counted: `run` (label = final state), `wait` (kind empty, label = priority), `attempt` (label = how it
    ended), `rescued` (by River, label = outcome of the job), `lost` (attempts whose lost work is known, and its
    microseconds) or `resumed` (attempts)."""

    measure: str
    queue: str
    kind: str
    label: str

    @property
    def is_rest(self) -> bool:
        """Whether this stands for the kinds of a queue that were too many to distinguish; no job has an empty kind."""
        return self.measure == "run" and not self.kind


class CellKey(NamedTuple):
    """A series in one slot; slot = Unix seconds of finalized_at / SLOT_SECONDS, rounded down."""

    slot: int
    series: Series


# What is counted in one fine bucket: jobs, and run or wait time in whole microseconds. A plain tuple, for a collection
# goes through tens of thousands of them.
Amount = tuple[int, int]
NO_AMOUNT: Amount = (0, 0)


def maximum(left: Amount, right: Amount) -> Amount:
    return max(left[0], right[0]), max(left[1], right[1])


def add(left: Amount, right: Amount) -> Amount:
    return left[0] + right[0], left[1] + right[1]


def subtract(now: Amount, before: Amount) -> Amount:
    return now[0] - before[0], now[1] - before[1]


@dataclass(frozen=True, slots=True)
class Tally:
    """Amounts by fine bucket, and the latest moment: finalized_at of runs, attempted_at of waits."""

    buckets: Mapping[int, Amount] = field(default_factory=dict)
    last: float | None = None

    @property
    def jobs(self) -> int:
        return sum(amount[0] for amount in self.buckets.values())

    def maximum(self, other: Tally) -> Tally:
        """Bucket by bucket, element by element the larger of the two."""
        return self._with(other, maximum)

    def plus(self, other: Tally) -> Tally:
        return self._with(other, add)

    def since(self, before: Tally) -> Tally:
        """The amounts that were added to `before`; buckets that did not change are left out."""
        if not before.buckets:
            return self
        risen = {
            bucket: subtract(amount, before.buckets.get(bucket, NO_AMOUNT))
            for bucket, amount in self.buckets.items()
            if before.buckets.get(bucket) != amount
        }
        return Tally(risen, self.last)

    def holds(self, other: Tally) -> bool:
        """Whether nothing of `other` is missing: no counter has fallen from it to this."""
        return self.buckets == other.buckets or all(
            maximum(self.buckets.get(bucket, NO_AMOUNT), amount) == self.buckets.get(bucket, NO_AMOUNT)
            for bucket, amount in other.buckets.items()
        )

    def _with(self, other: Tally, combine: Callable[[Amount, Amount], Amount]) -> Tally:
        if not self.buckets:
            return Tally(other.buckets, latest(self.last, other.last))
        buckets = dict(self.buckets)
        for bucket, amount in other.buckets.items():
            mine = buckets.get(bucket)
            buckets[bucket] = amount if mine is None else combine(mine, amount)
        return Tally(buckets, latest(self.last, other.last))


NOTHING = Tally()
Cells = Mapping[CellKey, Tally]


class FoldResult(NamedTuple):
    """Cells that rose, and by how much each series rose in all slots together."""

    cells: dict[CellKey, Tally]
    risen: dict[Series, Tally]
    rise: dict[CellKey, int]  # jobs, by cell


def fold(known: Cells, reading: Iterable[tuple[CellKey, Tally]]) -> FoldResult:
    """Raise the known cells to a new reading. `known` must hold every known cell of the slots that were read."""
    cells: dict[CellKey, Tally] = {}
    risen: dict[Series, Tally] = {}
    rise: dict[CellKey, int] = {}
    for key, read in reading:
        before = cells.get(key) or known.get(key, NOTHING)
        after = before.maximum(read)
        if after != before:
            cells[key] = after
            risen[key.series] = risen.get(key.series, NOTHING).plus(after.since(before))
            rise[key] = rise.get(key, 0) + after.jobs - before.jobs
    return FoldResult(cells, risen, rise)


def latest(left: float | None, right: float | None) -> float | None:
    """The later of two moments, either of which may be unknown."""
    if left is None or right is None:
        return right if left is None else left
    return max(left, right)
