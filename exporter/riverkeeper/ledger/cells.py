"""The fold that counts every finished job once, however often its row is read. Pure.

A cell is what one reading found of one series in one ten-second slot of finalized_at. Rows of a slot appear late,
are deleted by the cleaner, are retried away: so a cell only ever rises, bucket by bucket, to the most that was
ever seen there, and what it rose by is added to the totals. Reading a slot twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

SLOT_SECONDS = 10


class Series(NamedTuple):
    """What is counted: `run` (label = final state) or `wait` (kind empty, label = priority)."""

    measure: str
    queue: str
    kind: str
    label: str

    @property
    def is_rest(self) -> bool:
        """Runs of the kinds of a queue that were too many to be told apart; no job has an empty kind."""
        return self.measure == "run" and not self.kind


class CellKey(NamedTuple):
    """A series in one slot; slot = Unix seconds of finalized_at / SLOT_SECONDS, rounded down."""

    slot: int
    series: Series


# What is counted in one fine bucket: jobs, run or wait time in whole microseconds, attempts used. A plain tuple, for a
# collection goes through tens of thousands of them.
Amount = tuple[int, int, int]
NO_AMOUNT: Amount = (0, 0, 0)


def highest(one: Amount, other: Amount) -> Amount:
    return max(one[0], other[0]), max(one[1], other[1]), max(one[2], other[2])


def added(one: Amount, other: Amount) -> Amount:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


def gained(now: Amount, before: Amount) -> Amount:
    return now[0] - before[0], now[1] - before[1], now[2] - before[2]


@dataclass(frozen=True, slots=True)
class Tally:
    """Amounts by fine bucket, and the latest moment: finalized_at of runs, attempted_at of waits."""

    buckets: Mapping[int, Amount] = field(default_factory=dict)
    last: float | None = None

    @property
    def jobs(self) -> int:
        return sum(amount[0] for amount in self.buckets.values())

    @property
    def attempts(self) -> int:
        return sum(amount[2] for amount in self.buckets.values())

    def highest(self, other: Tally) -> Tally:
        """Bucket by bucket, element by element the larger of the two."""
        return self._with(other, highest)

    def plus(self, other: Tally) -> Tally:
        return self._with(other, added)

    def since(self, before: Tally) -> Tally:
        """What was added to `before`; buckets that did not change are left out."""
        if not before.buckets:
            return self
        risen = {
            bucket: gained(amount, before.buckets.get(bucket, NO_AMOUNT))
            for bucket, amount in self.buckets.items()
            if before.buckets.get(bucket) != amount
        }
        return Tally(risen, self.last)

    def holds(self, other: Tally) -> bool:
        """Whether nothing of `other` is missing: no counter has fallen from it to this."""
        return self.buckets == other.buckets or all(
            highest(self.buckets.get(bucket, NO_AMOUNT), amount) == self.buckets.get(bucket, NO_AMOUNT)
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


class Folded(NamedTuple):
    """Cells that rose, and by how much each series rose in all slots together."""

    cells: dict[CellKey, Tally]
    risen: dict[Series, Tally]
    rise: dict[CellKey, int]  # jobs, by cell


def fold(known: Cells, reading: Iterable[tuple[CellKey, Tally]]) -> Folded:
    """Raise the known cells to a new reading. `known` must hold every known cell of the slots that were read."""
    cells: dict[CellKey, Tally] = {}
    risen: dict[Series, Tally] = {}
    rise: dict[CellKey, int] = {}
    for key, read in reading:
        before = cells.get(key) or known.get(key, NOTHING)
        after = before.highest(read)
        if after != before:
            cells[key] = after
            risen[key.series] = risen.get(key.series, NOTHING).plus(after.since(before))
            rise[key] = rise.get(key, 0) + after.jobs - before.jobs
    return Folded(cells, risen, rise)


def latest(one: float | None, other: float | None) -> float | None:
    """The later of two moments, either of which may be unknown."""
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)
