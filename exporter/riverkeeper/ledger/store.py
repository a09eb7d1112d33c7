"""Where the ledger is kept: in the keeper schema where this login may write it, in this process otherwise."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from riverkeeper.config.tiers import LearnedLimits
from riverkeeper.ledger.attempts import CLOCK_SECONDS, NO_RESUMES, AttemptRow, CountedJob, Resumes
from riverkeeper.ledger.counts import CellKey, Series, Tally
from riverkeeper.ledger.learned_limits import (
    KEEP_DAYS,
    DayRuns,
    LearnedRuns,
    decode_counts,
    encode_counts,
    first_day,
    learn_all,
)
from riverkeeper.ledger.names import NO_NAMES, Names
from riverkeeper.ledger.schedule import ReadProgress
from riverkeeper.ledger.update import LedgerChanges, LedgerState, SlotState
from riverkeeper.postgres.errors import DatabaseError, ErrorKind
from riverkeeper.postgres.transaction import Row, Transaction
from riverkeeper.river.failures import failures_of, parse_count

MOST = 2**63 - 1  # a sum of durations stops there: 292,000 years, which only garbage reaches
MOST_RESUMES = 5_000  # checkpoints of one step; the others follow with the next one


def cell_from_row(row: Row) -> tuple[CellKey, Tally]:
    """A row of read_finished."""
    return CellKey(row.slot, series_from_row(row)), tally_from_row(row)


def series_from_row(row: Row) -> Series:
    return Series(row.measure, row.queue, row.kind, row.label)


def tally_from_row(row: Row) -> Tally:
    amounts = zip(row.counts, row.micros, strict=True)
    return Tally(dict(zip(row.buckets, amounts, strict=True)), row.last)


def attempt_from_row(row: Row) -> AttemptRow:
    """A row of read_attempts."""
    return AttemptRow(
        row.job_id, row.queue, row.kind, row.state, row.attempt, row.max_attempts, parse_count(row.rescues),
        row.conflict, row.failures, failures_of(row.errors),
    )  # fmt: skip


def state_from_row(row: Row) -> LedgerState:
    """A row of read_ledger or lock_ledger."""
    stored = row.progress and {**row.progress, "read_to": tuple(row.progress["read_to"])}
    return LedgerState(row.epoch, row.server, row.late_rows, row.stamp, ReadProgress(**stored) if stored else None)


def total_row(series: Series, tally: Tally) -> dict[str, object]:
    """A row of ledger_total."""
    buckets, counts, micros = _arrays(tally)
    return {
        "measure": series.measure,
        "queue": series.queue,
        "kind": series.kind,
        "label": series.label,
        "buckets": buckets,
        "counts": counts,
        "micros": [min(value, MOST) for value in micros],
        "last": tally.last,
    }


def encode_cells(cells: Iterable[tuple[Series, Tally]]) -> list[object]:
    """The cells of one slot as they are stored: one value, not hundreds of rows."""
    return [(*series, tally.last, *_arrays(tally)) for series, tally in cells]


def decode_cells(slot: int, document: Iterable[Any]) -> Iterator[tuple[CellKey, Tally]]:
    """The cells of such a document, read back."""
    for measure, queue, kind, label, last, buckets, *amounts in document:
        tally = Tally(dict(zip(buckets, zip(*amounts, strict=True), strict=True)), last)
        yield CellKey(slot, Series(measure, queue, kind, label)), tally


def _arrays(tally: Tally) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
    counts, micros = zip(*tally.buckets.values(), strict=True) if tally.buckets else ((), ())
    return tuple(tally.buckets), counts, micros


def names_from_rows(rows: Iterable[Row]) -> Names:
    """Rows of read_names; an empty kind is the queue itself."""
    rows = list(rows)
    return Names(
        {row.queue: row.seen_at for row in rows if not row.kind},
        {(row.queue, row.kind): row.seen_at for row in rows if row.kind},
    )


def name_rows(names: Names) -> Mapping[tuple[str, str], float]:
    return {**{(queue, ""): seen for queue, seen in names.queues.items()}, **names.pairs}


SlotCells = list[tuple[Series, Tally]]


class Store(Protocol):
    """Remembers the ledger. `tx` is the transaction to read or write in; a store in memory runs no statement in it."""

    durable: bool
    learns: bool  # whether it remembers runs for learned limits
    counts_attempts: bool  # whether it remembers up to which attempt jobs are counted
    counts_work: bool  # whether it counts resumed attempts and lost work

    def peek(self, tx: Transaction) -> LedgerState: ...
    def lock(self, tx: Transaction) -> LedgerState | None:
        """The state, to change until the transaction ends; None while another replica has it."""
        ...

    def slots(self, tx: Transaction, slots: Collection[int]) -> Mapping[int, SlotState]: ...
    def cells(self, tx: Transaction, slots: Collection[int]) -> dict[CellKey, Tally]: ...
    def totals(self, tx: Transaction) -> Mapping[Series, Tally]: ...
    def names(self, tx: Transaction) -> Names: ...
    def counted_jobs(self, tx: Transaction, job_ids: Sequence[int]) -> Mapping[int, CountedJob]: ...
    def count_resumes(self, tx: Transaction) -> Resumes:
        """Attempts that resumed and were not counted before; they are counted when the transaction commits."""
        ...

    def runs(self, tx: Transaction, first: int) -> Iterable[DayRuns]:
        """Completed runs since a day, for learned limits."""
        ...

    def save(self, tx: Transaction, before: Names, changes: LedgerChanges) -> None: ...


@dataclass(slots=True)
class MemoryStore:
    """For a login that may only read: gone with the process."""

    durable: bool = False
    learns: bool = True
    counts_attempts: bool = True
    counts_work: bool = False  # a login that may not write cannot mark what it has counted
    _state: LedgerState = field(default_factory=LedgerState)
    _slots: dict[int, tuple[SlotState, str]] = field(default_factory=dict)  # cells as JSON take a tenth of the memory
    _totals: Mapping[Series, Tally] = field(default_factory=dict)
    _names: Names = NO_NAMES
    _runs: dict[int, dict[str, Counter[int]]] = field(default_factory=dict)
    _jobs: dict[int, CountedJob] = field(default_factory=dict)

    def peek(self, tx: Transaction) -> LedgerState:
        return self._state

    def lock(self, tx: Transaction) -> LedgerState | None:
        return self._state

    def slots(self, tx: Transaction, slots: Collection[int]) -> Mapping[int, SlotState]:
        return {slot: self._slots[slot][0] for slot in slots if slot in self._slots}

    def cells(self, tx: Transaction, slots: Collection[int]) -> dict[CellKey, Tally]:
        known = ((slot, self._slots[slot][1]) for slot in slots if slot in self._slots)
        return {key: tally for slot, text in known for key, tally in decode_cells(slot, json.loads(text))}

    def totals(self, tx: Transaction) -> Mapping[Series, Tally]:
        return self._totals

    def names(self, tx: Transaction) -> Names:
        return self._names

    def counted_jobs(self, tx: Transaction, job_ids: Sequence[int]) -> Mapping[int, CountedJob]:
        return {job_id: self._jobs[job_id] for job_id in job_ids if job_id in self._jobs}

    def count_resumes(self, tx: Transaction) -> Resumes:
        return NO_RESUMES

    def runs(self, tx: Transaction, first: int) -> Iterable[DayRuns]:
        return [DayRuns(day, by_kind) for day, by_kind in self._runs.items() if day >= first]

    def save(self, tx: Transaction, before: Names, changes: LedgerChanges) -> None:
        for slot, cells in _by_slot(changes).items():
            self._slots[slot] = _slot_state(changes, slot, cells), json.dumps(encode_cells(cells), ensure_ascii=False)
        gone = set(_gone(before, changes.names))
        self._totals = {  # a new mapping: a scrape may still use the old one
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
        self._jobs |= changes.counted_jobs
        if changes.prune_to is not None:
            since = _stored_since(changes)
            self._jobs = {job_id: job for job_id, job in self._jobs.items() if job.seen_at >= since}


@dataclass(slots=True)
class KeeperStore:
    """In the keeper schema: survives the process, and is one for all replicas."""

    durable: bool = True
    learns: bool = True  # the schema has the table of runs, and this login may write it
    counts_attempts: bool = True  # the schema has the table of counted attempts
    counts_work: bool = True  # it has checkpoints, and this login may mark those that are counted

    def peek(self, tx: Transaction) -> LedgerState:
        rows = tx.query("ledger/read_ledger")
        if not rows:
            message = "table `ledger` of the keeper schema has lost its only row"
            fix = "put it back: INSERT INTO <keeper schema>.ledger DEFAULT VALUES"
            raise DatabaseError(ErrorKind.MISSING, message, fix)
        return state_from_row(rows[0])

    def lock(self, tx: Transaction) -> LedgerState | None:
        rows = tx.query("ledger/lock_ledger")
        return state_from_row(rows[0]) if rows else None

    def slots(self, tx: Transaction, slots: Collection[int]) -> Mapping[int, SlotState]:
        return {
            row.slot: SlotState(row.mark, row.closed)
            for row in tx.query("ledger/read_known_fingerprints", {"slots": list(slots)})
        }

    def cells(self, tx: Transaction, slots: Collection[int]) -> dict[CellKey, Tally]:
        rows = tx.query("ledger/read_cells", {"slots": list(slots)})
        return {key: tally for row in rows for key, tally in decode_cells(row.slot, row.cells)}

    def totals(self, tx: Transaction) -> Mapping[Series, Tally]:
        return {series_from_row(row): tally_from_row(row) for row in tx.query("ledger/read_totals")}

    def names(self, tx: Transaction) -> Names:
        return names_from_rows(tx.query("ledger/read_names"))

    def counted_jobs(self, tx: Transaction, job_ids: Sequence[int]) -> Mapping[int, CountedJob]:
        rows = tx.query("ledger/read_counted_attempts", {"job_ids": job_ids}) if job_ids else ()
        return {row.job_id: CountedJob(row.attempt, row.rescues, row.seen_at) for row in rows}

    def count_resumes(self, tx: Transaction) -> Resumes:
        try:
            with tx.savepoint():
                rows = tx.query("ledger/count_resumes", {"most": MOST_RESUMES})
        except DatabaseError as error:
            if error.kind is not ErrorKind.LOCKED:
                raise
            return NO_RESUMES  # the next step has them: a lock on the audit must not hold up the counts of jobs
        return {(row.queue, row.kind): row.resumed for row in rows}

    def runs(self, tx: Transaction, first: int) -> Iterable[DayRuns]:
        rows = tx.query("ledger/read_runs", {"first": first}) if self.learns else ()
        return [DayRuns(row.day, {row.kind: decode_counts(row.counts)}) for row in rows]

    def save(self, tx: Transaction, before: Names, changes: LedgerChanges) -> None:
        slots = _by_slot(changes).items()
        _write(tx, "write_slots", (_slot_row(slot, _slot_state(changes, slot, cells), cells) for slot, cells in slots))
        _write(tx, "write_totals", (total_row(series, tally) for series, tally in changes.totals.items()))
        _save_names(tx, before, changes.names)
        if self.learns:
            day, kinds = changes.runs.day, changes.runs.by_kind.items()
            _write(
                tx,
                "write_runs",
                ({"day": day, "kind": kind, "counts": encode_counts(counts)} for kind, counts in kinds),
            )
        _save_counted_jobs(tx, changes.counted_jobs)
        if changes.prune_to is not None:
            tx.query("ledger/prune_slots", {"pruned_to": changes.prune_to})
            if self.counts_attempts:
                tx.query("ledger/prune_attempts", {"before": _stored_since(changes)})
            if self.learns:
                tx.query("ledger/prune_runs", {"first": changes.runs.day - KEEP_DAYS})
        written = asdict(changes.state)
        tx.query("ledger/write_ledger", {**written, "progress": json.dumps(written["progress"], ensure_ascii=False)})


def _by_slot(changes: LedgerChanges) -> Mapping[int, SlotCells]:
    """The slots that were read, each with all its cells."""
    slots: dict[int, SlotCells] = {slot: [] for slot in changes.fingerprints}
    for (slot, series), tally in changes.cells.items():
        slots[slot].append((series, tally))
    return slots


def _slot_state(changes: LedgerChanges, slot: int, cells: SlotCells) -> SlotState:
    return SlotState(changes.fingerprints[slot], closed=any(series.is_rest for series, _ in cells))


def _slot_row(slot: int, state: SlotState, cells: SlotCells) -> Mapping[str, object]:
    return {"slot": slot, "mark": state.fingerprint, "closed": state.closed, "cells": encode_cells(cells)}


def _save_counted_jobs(tx: Transaction, jobs: Mapping[int, CountedJob]) -> None:
    if jobs:
        parameters = {
            "job_ids": list(jobs),
            "attempts": [job.attempt for job in jobs.values()],
            "rescues": [job.rescues for job in jobs.values()],
            "now": max(job.seen_at for job in jobs.values()),
        }
        tx.query("ledger/write_counted_attempts", parameters)


def _stored_since(changes: LedgerChanges) -> float:
    """Jobs that were last written before it may be deleted."""
    progress = changes.state.progress
    return (progress.attempts_since or 0.0) - CLOCK_SECONDS if progress else 0.0


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


def read_learned(tx: Transaction, store: Store, learning: LearnedLimits, now: float, *, audit: bool) -> LearnedRuns:
    """What each kind's runs in a store teach, at `now` by the database's clock. Raises DatabaseError.

    `audit`: the audit of rescues can be read.
    """
    first = first_day(learning, now)
    censored: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for row in tx.query("ledger/read_censored", {"first": first}) if audit else ():
        censored[row.day][row.kind] = row.runs
    return learn_all(learning, now, store.runs(tx, first), censored)
