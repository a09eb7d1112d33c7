"""What a reading changes in the ledger. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from riverkeeper.ledger.cells import NOTHING, Cells, Folded, Series, Tally, fold
from riverkeeper.ledger.learned_limits import runs_of
from riverkeeper.ledger.names import OTHER, Names, Pair, keep
from riverkeeper.ledger.schedule import Progress
from riverkeeper.ledger.state import NEVER_SEEN, Changes, Reading, Seen, State, Totals

Live = Mapping[Pair, int]  # live jobs by pair


def outdated(state: State, reading: Reading) -> bool:
    """Whether the ledger was begun, or begun anew, since the reading: then the next reading counts on from there."""
    if reading.known_before:
        return state.progress != reading.begun_from
    return state.progress is None


def floor(state: State, reading: Reading) -> int:
    """Slots below this one cannot be folded: what was counted of them is forgotten."""
    begins = reading.known_before or state.progress is None
    return reading.progress.pruned_to if begins or state.progress is None else state.progress.pruned_to


def current(reading: Reading, known: Mapping[int, Seen], lowest: int) -> Reading:
    """The reading without slots that are forgotten (below `lowest`), and closed ones that another replica has read too.

    Which kinds are in the rest of a closed slot is settled by who reads it first; whoever read it at the same moment
    has divided them otherwise, and would count some of them again. The slot is read again at its next turn.
    """
    closed = {slot for slot, seen in known.items() if seen.closed}
    closed |= {key.slot for key, _ in reading.cells if key.series.is_rest}
    moved = {slot for slot in closed if known.get(slot, NEVER_SEEN).mark != reading.marks_before[slot]}
    return replace(
        reading,
        marks={slot: mark for slot, mark in reading.marks.items() if slot >= lowest and slot not in moved},
        cells=tuple(cell for cell in reading.cells if cell[0].slot >= lowest and cell[0].slot not in moved),
    )


def changes(
    state: State, before: Totals, known: Cells, reading: Reading, live: Live, max_pairs: int, epoch: int, stamp: int
) -> Changes:
    """The changes of one collection. `known` holds every known cell of the slots that were read."""
    new_epoch = epoch != state.epoch
    seen = fold(known, (cell for cell in reading.cells if cell[0].slot < reading.known_before))
    counted = fold(known, (cell for cell in reading.cells if cell[0].slot >= reading.known_before))
    finished = {**reading.seeds, **_last_by_pair(seen), **_last_by_pair(counted)}
    names = keep(before.names, live, finished, reading.now, max_pairs)
    base = _uncounted(before.series) if new_epoch else before.series
    grown = _grown(base, _last_only(seen, reading.seeds), names)
    grown |= _grown({**base, **grown}, counted.risen, names)
    progress = reading.progress if state.progress == reading.begun_from else state.progress
    return Changes(
        state=State(
            epoch=epoch,
            server=reading.server or state.server,
            late_rows=(0 if new_epoch else state.late_rows) + _late(counted, reading),
            stamp=stamp,
            progress=progress,
        ),
        marks=reading.marks,
        cells={**known, **seen.cells, **counted.cells},
        totals={**base, **grown} if new_epoch else grown,
        names=names,
        runs=runs_of(reading.now, seen, counted),
        prune_to=_prune_to(state.progress, progress),
    )


def after(before: Totals, changed: Changes) -> Totals:
    """What is committed once the changes are."""
    series = {**before.series, **changed.totals}
    kept = {key: tally for key, tally in series.items() if named(changed.names, key)}
    return Totals(kept, changed.names, changed.state.epoch, changed.state.late_rows, changed.state.stamp)


def fell(shown: Totals, now: Totals) -> bool:
    """Whether the database has forgotten what was already shown."""
    if shown.stamp == now.stamp or shown.epoch != now.epoch:
        return shown.epoch > now.epoch
    kept = ((series, tally) for series, tally in shown.series.items() if named(now.names, series))
    return now.late_rows < shown.late_rows or any(
        not now.series.get(series, NOTHING).holds(tally) for series, tally in kept
    )


def named(names: Names, series: Series) -> bool:
    """Whether a total is exported: its name is kept, or it is one of the folded rests."""
    if series.kind in {"", OTHER}:
        return series.queue in names.queues or series.queue == OTHER
    return (series.queue, series.kind) in names.pairs


def _last_by_pair(folded: Folded) -> dict[Pair, float]:
    last: dict[Pair, float] = {}
    for series, tally in folded.risen.items():
        if series.measure == "run" and not series.is_rest and tally.last is not None:
            pair = (series.queue, series.kind)
            last[pair] = max(tally.last, last.get(pair, tally.last))
    return last


def _last_only(seen: Folded, seeds: Mapping[Pair, float]) -> dict[Series, Tally]:
    """What is known where the ledger begins: when, but not how many."""
    known = _uncounted(seen.risen)
    for (queue, kind), last in seeds.items():
        series = Series("run", queue, kind, "completed")
        known[series] = known.get(series, NOTHING).plus(Tally(last=last))
    return known


def _uncounted(totals: Mapping[Series, Tally]) -> dict[Series, Tally]:
    return {series: Tally(last=tally.last) for series, tally in totals.items()}


def _grown(totals: Mapping[Series, Tally], risen: Mapping[Series, Tally], names: Names) -> dict[Series, Tally]:
    """The totals that change, under the names they are exported by."""
    grown: dict[Series, Tally] = {}
    for series, tally in risen.items():
        queue, kind = names.queue(series.queue), ""
        if series.measure == "run":
            queue, kind = names.pair((series.queue, series.kind or OTHER))
        name = Series(series.measure, queue, kind, series.label)
        grown[name] = grown.get(name, totals.get(name, NOTHING)).plus(tally)
    return grown


def _late(counted: Folded, reading: Reading) -> int:
    """Jobs that were counted only when their slot was read again."""
    late = (key for key in counted.cells if key.series.measure == "run" and key.slot < reading.late_before)
    return sum(counted.rise[key] for key in late)


def _prune_to(before: Progress | None, now: Progress | None) -> int | None:
    if now is None or (before is not None and now.pruned_to <= before.pruned_to):
        return None
    return now.pruned_to
