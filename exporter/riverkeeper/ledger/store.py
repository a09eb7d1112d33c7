"""Where the ledger is kept: in the keeper schema where we may write, in this process otherwise."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Protocol

from riverkeeper.config.tiers import LearnedLimits
from riverkeeper.ledger.cells import CellKey, Series, Tally
from riverkeeper.ledger.learned_limits import KEEP_DAYS, Runs, dense, first_day, learn_all, sparse
from riverkeeper.ledger.names import NO_NAMES, Names
from riverkeeper.ledger.rows import cells_in, columns, document_of, name_rows, names_of, series_of, state_of, tally_of
from riverkeeper.ledger.state import Changes, Seen, State
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Transaction
from riverkeeper.verdict.limits import Learned

SlotCells = list[tuple[Series, Tally]]


class Store(Protocol):
    """What the ledger needs to be remembered. `tx` is the transaction in which to ask; memory needs none."""

    durable: bool
    learns: bool  # whether it remembers runs for learnt limits

    def peek(self, tx: Transaction) -> State: ...
    def lock(self, tx: Transaction) -> State | None:
        """The state, ours to change until the transaction ends; None while another replica has it."""
        ...

    def marks(self, tx: Transaction, slots: Collection[int]) -> Mapping[int, Seen]: ...
    def cells(self, tx: Transaction, slots: Collection[int]) -> dict[CellKey, Tally]: ...
    def totals(self, tx: Transaction) -> Mapping[Series, Tally]: ...
    def names(self, tx: Transaction) -> Names: ...
    def runs(self, tx: Transaction, first: int) -> Iterable[Runs]:
        """Completed runs since a day, for learnt limits."""
        ...

    def save(self, tx: Transaction, before: Names, changes: Changes) -> None: ...


@dataclass(slots=True)
class MemoryStore:
    """For a login that may only read: what this process has seen, gone with it."""

    durable: bool = False
    learns: bool = True
    _state: State = field(default_factory=State)
    _slots: dict[int, tuple[Seen, str]] = field(default_factory=dict)  # with the cells as JSON: a tenth of the memory
    _totals: Mapping[Series, Tally] = field(default_factory=dict)
    _names: Names = NO_NAMES
    _runs: dict[int, dict[str, Counter[int]]] = field(default_factory=dict)

    def peek(self, tx: Transaction) -> State:
        return self._state

    def lock(self, tx: Transaction) -> State | None:
        return self._state

    def marks(self, tx: Transaction, slots: Collection[int]) -> Mapping[int, Seen]:
        return {slot: self._slots[slot][0] for slot in slots if slot in self._slots}

    def cells(self, tx: Transaction, slots: Collection[int]) -> dict[CellKey, Tally]:
        known = ((slot, self._slots[slot][1]) for slot in slots if slot in self._slots)
        return {key: tally for slot, text in known for key, tally in cells_in(slot, json.loads(text))}

    def totals(self, tx: Transaction) -> Mapping[Series, Tally]:
        return self._totals

    def names(self, tx: Transaction) -> Names:
        return self._names

    def runs(self, tx: Transaction, first: int) -> Iterable[Runs]:
        return [Runs(day, by_kind) for day, by_kind in self._runs.items() if day >= first]

    def save(self, tx: Transaction, before: Names, changes: Changes) -> None:
        for slot, cells in _by_slot(changes).items():
            self._slots[slot] = _seen(changes, slot, cells), json.dumps(document_of(cells), ensure_ascii=False)
        gone = set(_gone(before, changes.names))
        self._totals = {  # a new mapping: the old one was handed out
            series: tally
            for series, tally in {**self._totals, **changes.totals}.items()
            if not {(series.queue, series.kind), (series.queue, "")} & gone
        }
        self._state, self._names = changes.state, changes.names
        today = self._runs.setdefault(changes.runs.day, {})
        for kind, counts in changes.runs.by_kind.items():
            today.setdefault(kind, Counter()).update(counts)
        for day in [day for day in self._runs if day <= changes.runs.day - KEEP_DAYS]:
            del self._runs[day]
        for slot in [slot for slot in self._slots if slot < (changes.prune_to or 0)]:
            del self._slots[slot]


@dataclass(slots=True)
class KeeperStore:
    """In the keeper schema: survives us, and is one for all replicas."""

    durable: bool = True
    learns: bool = True  # the schema has the table of runs, and we may write it

    def peek(self, tx: Transaction) -> State:
        rows = tx.query("ledger/read_ledger")
        if not rows:
            raise DatabaseError(ErrorKind.MISSING, "the row of the keeper's table `ledger` is gone: install it anew")
        return state_of(rows[0])

    def lock(self, tx: Transaction) -> State | None:
        rows = tx.query("ledger/lock_ledger")
        return state_of(rows[0]) if rows else None

    def marks(self, tx: Transaction, slots: Collection[int]) -> Mapping[int, Seen]:
        return {
            row.slot: Seen(row.mark, row.closed) for row in tx.query("ledger/read_known_marks", {"slots": list(slots)})
        }

    def cells(self, tx: Transaction, slots: Collection[int]) -> dict[CellKey, Tally]:
        rows = tx.query("ledger/read_cells", {"slots": list(slots)})
        return {key: tally for row in rows for key, tally in cells_in(row.slot, row.cells)}

    def totals(self, tx: Transaction) -> Mapping[Series, Tally]:
        return {series_of(row): tally_of(row) for row in tx.query("ledger/read_totals")}

    def names(self, tx: Transaction) -> Names:
        return names_of(tx.query("ledger/read_names"))

    def runs(self, tx: Transaction, first: int) -> Iterable[Runs]:
        rows = tx.query("ledger/read_runs", {"first": first}) if self.learns else ()
        return [Runs(row.day, {row.kind: sparse(row.counts)}) for row in rows]

    def save(self, tx: Transaction, before: Names, changes: Changes) -> None:
        slots = _by_slot(changes).items()
        _write(tx, "write_slots", (_slot_row(slot, _seen(changes, slot, cells), cells) for slot, cells in slots))
        _write(tx, "write_totals", (columns(series, tally) for series, tally in changes.totals.items()))
        _save_names(tx, before, changes.names)
        if self.learns:
            day, kinds = changes.runs.day, changes.runs.by_kind.items()
            _write(tx, "write_runs", ({"day": day, "kind": kind, "counts": dense(counts)} for kind, counts in kinds))
        if changes.prune_to is not None:
            tx.query("ledger/prune_slots", {"pruned_to": changes.prune_to})
            if self.learns:
                tx.query("ledger/prune_runs", {"first": changes.runs.day - KEEP_DAYS})
        written = asdict(changes.state)
        tx.query("ledger/write_ledger", {**written, "progress": json.dumps(written["progress"], ensure_ascii=False)})


def _by_slot(changes: Changes) -> Mapping[int, SlotCells]:
    """The slots that were read, each with all its cells."""
    slots: dict[int, SlotCells] = {slot: [] for slot in changes.marks}
    for (slot, series), tally in changes.cells.items():
        slots[slot].append((series, tally))
    return slots


def _seen(changes: Changes, slot: int, cells: SlotCells) -> Seen:
    return Seen(changes.marks[slot], closed=any(series.is_rest for series, _ in cells))


def _slot_row(slot: int, seen: Seen, cells: SlotCells) -> Mapping[str, object]:
    return {"slot": slot, **seen._asdict(), "cells": document_of(cells)}


def _save_names(tx: Transaction, before: Names, after: Names) -> None:
    old, new = name_rows(before), name_rows(after)
    moved = [(name, seen) for name, seen in new.items() if old.get(name) != seen]
    _write(tx, "write_names", ({"queue": queue, "kind": kind, "seen_at": seen} for (queue, kind), seen in moved))
    gone = [{"queue": queue, "kind": kind} for queue, kind in _gone(before, after)]
    _write(tx, "forget_names", gone)
    _write(tx, "forget_totals", gone)


def _gone(before: Names, after: Names) -> Iterable[tuple[str, str]]:
    return name_rows(before).keys() - name_rows(after).keys()


def _write(tx: Transaction, name: str, rows: Iterable[Mapping[str, object]]) -> None:
    """Run a statement that takes its rows as JSON, unless there are none."""
    if rows := list(rows):
        tx.query(f"ledger/{name}", {"rows": json.dumps(rows, ensure_ascii=False)})


def read_learned(
    tx: Transaction, store: Store, learning: LearnedLimits, now: float, *, audit: bool
) -> dict[str, Learned]:
    """What the runs of a store teach at `now`, the database's clock, by kind. Raises DatabaseError.

    `audit`: the audit of rescues can be read.
    """
    first = first_day(learning, now)
    censored: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for row in tx.query("ledger/read_censored", {"first": first}) if audit else ():
        censored[row.day][row.kind] = row.runs
    return learn_all(learning, now, store.runs(tx, first), censored)
