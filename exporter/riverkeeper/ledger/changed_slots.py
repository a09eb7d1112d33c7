"""One collection's look at finished jobs: which slots changed since they were read, and what is in them now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from riverkeeper.ledger.buckets import EDGES_MICROS
from riverkeeper.ledger.cells import CellKey, Tally
from riverkeeper.ledger.names import Pair
from riverkeeper.ledger.rows import cell_of
from riverkeeper.ledger.state import NEVER_SEEN
from riverkeeper.ledger.store import Store
from riverkeeper.postgres.transaction import Transaction

Cells = list[tuple[CellKey, Tally]]


@dataclass(slots=True)
class Look:
    """What was read so far. `most` pairs of queue and kind are told apart at a time, those with a name first."""

    tx: Transaction
    store: Store
    named: Collection[Pair]
    most: int
    marks: dict[int, int] = field(default_factory=dict)  # slot -> which rows are in it, of those that changed
    marks_before: dict[int, int] = field(default_factory=dict)
    cells: Cells = field(default_factory=list)

    @property
    def seen(self) -> tuple[Mapping[int, int], Mapping[int, int], tuple[tuple[CellKey, Tally], ...]]:
        return self.marks, self.marks_before, tuple(self.cells)

    def at(self, slots: Iterable[int], seconds: float | None = None) -> None:
        """Read those of the slots where anything changed. Raises DatabaseError."""
        asked = [slot for slot in slots if slot not in self.marks]
        rows = self.tx.query("ledger/read_marks", {"slots": asked}, seconds)
        known = self.store.marks(self.tx, asked)
        changed = {row.slot: row.mark for row in rows if row.mark != known.get(row.slot, NEVER_SEEN).mark}
        if changed:
            closed = [slot for slot in changed if slot in known and known[slot].closed]
            self.cells += self._cells(changed, closed, [slot for slot in changed if slot in known], seconds)
        self.marks |= changed
        self.marks_before |= {slot: known.get(slot, NEVER_SEEN).mark for slot in changed}

    def _cells(self, slots: Collection[int], closed: list[int], known: list[int], seconds: float | None) -> Cells:
        """A kind that has a cell of its own in a slot keeps it: in the rest it would be counted once more."""
        cells = self._ask(slots, closed, closed, seconds)
        closing = {key.slot for key, _ in cells if key.series.is_rest}
        return self._ask(slots, closed, known, seconds) if closing & {*known} - {*closed} else cells

    def _ask(self, slots: Collection[int], closed: list[int], known: list[int], seconds: float | None) -> Cells:
        series = ((key.slot, key.series) for key in self.store.cells(self.tx, known)) if known else ()
        own = {(slot, one.queue, one.kind) for slot, one in series if one.measure == "run" and not one.is_rest}
        asked = question(slots, self.most, self.named, closed, own)
        return [cell_of(row) for row in self.tx.query("ledger/read_finished", asked, seconds)]


def question(
    slots: Collection[int],
    most: int,
    named: Collection[Pair] = (),
    closed: Collection[int] = (),
    own: Collection[tuple[int, str, str]] = (),
) -> dict[str, object]:
    """The parameters of read_finished; `own` is slot, queue and kind of what has a cell."""
    return {
        "slots": list(slots),
        "edges": list(EDGES_MICROS),
        "most": most,
        "kept_queues": [queue for queue, _ in named],
        "kept_kinds": [kind for _, kind in named],
        "closed": list(closed),
        "own_slots": [slot for slot, _, _ in own],
        "own_queues": [queue for _, queue, _ in own],
        "own_kinds": [kind for _, _, kind in own],
    }
