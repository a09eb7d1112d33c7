"""Where the ledger is kept: in the keeper schema where we may write, in this process otherwise."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Protocol

from riverkeeper.database import Transaction
from riverkeeper.errors import DatabaseError, Trouble
from riverkeeper.history.cells import CellKey, Series, Tally
from riverkeeper.history.rows import cell_of, columns, name_rows, names_of, series_of, state_of, tally_of
from riverkeeper.history.state import Changes, State
from riverkeeper.names import NO_NAMES, Names

SEEN_STEP = 60.0  # seen_at is written again when it moved by a minute: it is compared with an hour


class Store(Protocol):
    """What the ledger needs to be remembered. `tx` is the transaction in which to ask; memory needs none."""

    durable: bool

    def peek(self, tx: Transaction) -> State: ...
    def lock(self, tx: Transaction) -> State | None:
        """The state, ours to change until the transaction ends; None while another replica has it."""
        ...

    def marks(self, tx: Transaction, slots: Collection[int]) -> Mapping[int, int]: ...
    def cells(self, tx: Transaction, slots: Collection[int]) -> dict[CellKey, Tally]: ...
    def totals(self, tx: Transaction) -> Mapping[Series, Tally]: ...
    def names(self, tx: Transaction) -> Names: ...
    def save(self, tx: Transaction, before: Names, changes: Changes) -> None: ...


@dataclass(slots=True)
class MemoryStore:
    """For a login that may only read: what this process has seen, gone with it."""

    durable: bool = False
    _state: State = field(default_factory=State)
    _marks: dict[int, int] = field(default_factory=dict)
    _cells: dict[int, dict[Series, Tally]] = field(default_factory=dict)
    _totals: Mapping[Series, Tally] = field(default_factory=dict)
    _names: Names = NO_NAMES

    def peek(self, tx: Transaction) -> State:
        return self._state

    def lock(self, tx: Transaction) -> State | None:
        return self._state

    def marks(self, tx: Transaction, slots: Collection[int]) -> Mapping[int, int]:
        return self._marks

    def cells(self, tx: Transaction, slots: Collection[int]) -> dict[CellKey, Tally]:
        return {CellKey(slot, series): tally for slot in slots for series, tally in self._cells.get(slot, {}).items()}

    def totals(self, tx: Transaction) -> Mapping[Series, Tally]:
        return self._totals

    def names(self, tx: Transaction) -> Names:
        return self._names

    def save(self, tx: Transaction, before: Names, changes: Changes) -> None:
        for (slot, series), tally in changes.cells.items():
            self._cells.setdefault(slot, {})[series] = tally
        self._marks |= changes.marks
        gone = set(_gone(before, changes.names))
        self._totals = {  # a new mapping: the old one was handed out
            series: tally
            for series, tally in {**self._totals, **changes.totals}.items()
            if not {(series.queue, series.kind), (series.queue, "")} & gone
        }
        self._state, self._names = changes.state, changes.names
        for slot in [slot for slot in self._marks if slot < (changes.prune_to or 0)]:
            del self._marks[slot]
            self._cells.pop(slot, None)


@dataclass(slots=True)
class KeeperStore:
    """In the keeper schema: survives us, and is one for all replicas."""

    durable: bool = True

    def peek(self, tx: Transaction) -> State:
        rows = tx.query("history/read_ledger")
        if not rows:
            raise DatabaseError(Trouble.MISSING, "the row of the keeper's table `ledger` is gone: install it anew")
        return state_of(rows[0])

    def lock(self, tx: Transaction) -> State | None:
        rows = tx.query("history/lock_ledger")
        return state_of(rows[0]) if rows else None

    def marks(self, tx: Transaction, slots: Collection[int]) -> Mapping[int, int]:
        return {row.slot: row.mark for row in tx.query("history/read_known_marks", {"slots": list(slots)})}

    def cells(self, tx: Transaction, slots: Collection[int]) -> dict[CellKey, Tally]:
        return dict(map(cell_of, tx.query("history/read_cells", {"slots": list(slots)})))

    def totals(self, tx: Transaction) -> Mapping[Series, Tally]:
        return {series_of(row): tally_of(row) for row in tx.query("history/read_totals")}

    def names(self, tx: Transaction) -> Names:
        return names_of(tx.query("history/read_names"))

    def save(self, tx: Transaction, before: Names, changes: Changes) -> None:
        _write(tx, "write_cells", ({"slot": key.slot, **columns(key.series, t)} for key, t in changes.cells.items()))
        _write(tx, "write_totals", (columns(series, tally) for series, tally in changes.totals.items()))
        if changes.marks:
            marks = {"slots": list(changes.marks), "marks": list(changes.marks.values())}
            tx.query("history/write_marks", marks)
        _save_names(tx, before, changes.names)
        if changes.prune_to is not None:
            tx.query("history/prune_cells", {"pruned_to": changes.prune_to})
            tx.query("history/prune_marks", {"pruned_to": changes.prune_to})
        written = asdict(changes.state)
        tx.query("history/write_ledger", {**written, "progress": json.dumps(written["progress"])})


def _save_names(tx: Transaction, before: Names, after: Names) -> None:
    old, new = name_rows(before), name_rows(after)
    moved = [(name, seen) for name, seen in new.items() if name not in old or seen - old[name] > SEEN_STEP]
    _write(tx, "write_names", ({"queue": queue, "kind": kind, "seen_at": seen} for (queue, kind), seen in moved))
    gone = [{"queue": queue, "kind": kind} for queue, kind in _gone(before, after)]
    _write(tx, "forget_names", gone)
    _write(tx, "forget_totals", gone)


def _gone(before: Names, after: Names) -> Iterable[tuple[str, str]]:
    return name_rows(before).keys() - name_rows(after).keys()


def _write(tx: Transaction, name: str, rows: Iterable[Mapping[str, object]]) -> None:
    """Run a statement that takes its rows as JSON, unless there are none."""
    if rows := list(rows):
        tx.query(f"history/{name}", {"rows": json.dumps(rows)})
