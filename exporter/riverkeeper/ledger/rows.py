"""Between what is stored or read and the values of the fold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from riverkeeper.ledger.cells import CellKey, Series, Tally
from riverkeeper.ledger.names import Names
from riverkeeper.ledger.schedule import Progress
from riverkeeper.ledger.state import State
from riverkeeper.postgres.transaction import Row

MOST = 2**63 - 1  # a sum of durations stops there: 292,000 years, which only garbage reaches


def cell_of(row: Row) -> tuple[CellKey, Tally]:
    """A row of read_finished."""
    return CellKey(row.slot, series_of(row)), tally_of(row)


def series_of(row: Row) -> Series:
    return Series(row.measure, row.queue, row.kind, row.label)


def tally_of(row: Row) -> Tally:
    amounts = zip(row.counts, row.micros, row.attempts, strict=True)
    return Tally(dict(zip(row.buckets, amounts, strict=True)), row.last)


def state_of(row: Row) -> State:
    """A row of read_ledger or lock_ledger."""
    stored = row.progress and {**row.progress, "read_to": tuple(row.progress["read_to"])}
    return State(row.epoch, row.server, row.late_rows, row.stamp, Progress(**stored) if stored else None)


def columns(series: Series, tally: Tally) -> dict[str, object]:
    """A row of ledger_total."""
    buckets, counts, micros, attempts = _arrays(tally)
    return {
        "measure": series.measure,
        "queue": series.queue,
        "kind": series.kind,
        "label": series.label,
        "buckets": buckets,
        "counts": counts,
        "micros": [min(value, MOST) for value in micros],
        "attempts": attempts,
        "last": tally.last,
    }


def document_of(cells: Iterable[tuple[Series, Tally]]) -> list[object]:
    """The cells of one slot as they are stored: one value, not hundreds of rows."""
    return [(*series, tally.last, *_arrays(tally)) for series, tally in cells]


def cells_in(slot: int, document: Iterable[Any]) -> Iterator[tuple[CellKey, Tally]]:
    """The cells of such a document, read back."""
    for measure, queue, kind, label, last, buckets, *amounts in document:
        tally = Tally(dict(zip(buckets, zip(*amounts, strict=True), strict=True)), last)
        yield CellKey(slot, Series(measure, queue, kind, label)), tally


def _arrays(tally: Tally) -> tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[int]]:
    counts, micros, attempts = zip(*tally.buckets.values(), strict=True) if tally.buckets else ((), (), ())
    return tuple(tally.buckets), counts, micros, attempts


def names_of(rows: Iterable[Row]) -> Names:
    """Rows of read_names; an empty kind is the queue itself."""
    rows = list(rows)
    return Names(
        {row.queue: row.seen_at for row in rows if not row.kind},
        {(row.queue, row.kind): row.seen_at for row in rows if row.kind},
    )


def name_rows(names: Names) -> Mapping[tuple[str, str], float]:
    return {**{(queue, ""): seen for queue, seen in names.queues.items()}, **names.pairs}
