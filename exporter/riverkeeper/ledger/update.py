"""What the ledger remembers from one step to the next, and what a reading changes in it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from riverkeeper.ledger.attempts import (
    NO_RESUMES,
    AttemptChanges,
    AttemptReading,
    CountedJob,
    Resumes,
    count_attempts,
    resumed_series,
)
from riverkeeper.ledger.counts import BY_PAIR, NOTHING, CellKey, Cells, FoldResult, Series, Tally, fold
from riverkeeper.ledger.learned_limits import NO_DAY_RUNS, DayRuns, collect_runs
from riverkeeper.ledger.names import NO_NAMES, OTHER, Names, Pair, keep
from riverkeeper.ledger.schedule import ReadProgress


@dataclass(frozen=True, slots=True)
class LedgerState:
    """The ledger's one row."""

    epoch: int = 1
    server: str | None = None  # system identifier and timeline; None where this login may not read them
    late_rows: int = 0
    stamp: int = 0  # another random number at each write
    progress: ReadProgress | None = None


class SlotState(NamedTuple):
    """What is known of a slot beside its cells."""

    fingerprint: int  # of the rows that were in it when it was last read
    closed: bool  # it had too many kinds: a kind that has no cell of its own is in the rest


NEVER_READ = SlotState(0, closed=False)


@dataclass(frozen=True, slots=True)
class LedgerReading:
    """What was read in the reading transaction, to be folded in the writing one."""

    now: float
    begun_from: ReadProgress | None  # the progress before this reading
    progress: ReadProgress  # the progress after it
    fingerprints: Mapping[int, int]  # by slot, of the slots that were read
    known_fingerprints: Mapping[int, int]  # of the same slots, as the ledger knew them; 0: never read
    cells: tuple[tuple[CellKey, Tally], ...]
    baseline_to: int  # jobs of slots below this one are the baseline: known, not counted
    late_before: int  # slots below this one were read before: what is new there came late
    server: str | None
    initial_values: Mapping[Pair, float]  # pair -> last finished, on a first start only
    attempts: AttemptReading | None = None  # None: they are not counted


@dataclass(frozen=True, slots=True)
class Totals:
    """What is committed, and under which names."""

    series: Mapping[Series, Tally]
    names: Names
    epoch: int
    late_rows: int
    stamp: int  # of the state they were read with; one that nobody wrote where that is not sure
    counts_attempts: bool = False  # failed and rescued attempts are among the series
    counts_work: bool = False  # lost work and resumed attempts are, too


NO_TOTALS = Totals({}, NO_NAMES, 0, 0, -1)


@dataclass(frozen=True, slots=True)
class LedgerChanges:
    """What one step changes, written together or not at all."""

    state: LedgerState
    fingerprints: Mapping[int, int]
    cells: Mapping[CellKey, Tally]  # every one of the slots in `fingerprints`
    totals: Mapping[Series, Tally]
    names: Names
    prune_to: int | None  # cells and fingerprints of slots below this one may go; None: nothing to do yet
    runs: DayRuns = NO_DAY_RUNS  # completed runs that were counted now, for learned limits
    counted_jobs: Mapping[int, CountedJob] = field(default_factory=dict)  # jobs whose attempts were counted


Live = Mapping[Pair, int]  # live jobs by pair
NO_JOBS: Mapping[int, CountedJob] = {}


def is_outdated(state: LedgerState, reading: LedgerReading) -> bool:
    """Whether the ledger was begun, or begun anew, since the reading: then the next reading counts on from there."""
    if reading.baseline_to:
        return state.progress != reading.begun_from
    return state.progress is None


def lowest_slot(state: LedgerState, reading: LedgerReading) -> int:
    """Slots below this one cannot be folded: what was counted of them is forgotten."""
    begins = reading.baseline_to or state.progress is None
    return reading.progress.pruned_to if begins or state.progress is None else state.progress.pruned_to


def drop_stale_slots(reading: LedgerReading, known: Mapping[int, SlotState], lowest: int) -> LedgerReading:
    """The reading without slots that are forgotten (below `lowest`), and closed ones that another replica has read too.

    The replica that reads a closed slot first decides which kinds are in its rest. A replica that read the slot at the
    same moment divided the kinds differently, and would count some jobs twice. It reads the slot again later.
    """
    closed = {slot for slot, seen in known.items() if seen.closed}
    closed |= {key.slot for key, _ in reading.cells if key.series.is_rest}
    moved = {slot for slot in closed if known.get(slot, NEVER_READ).fingerprint != reading.known_fingerprints[slot]}
    return replace(
        reading,
        fingerprints={
            slot: mark for slot, mark in reading.fingerprints.items() if slot >= lowest and slot not in moved
        },
        cells=tuple(cell for cell in reading.cells if cell[0].slot >= lowest and cell[0].slot not in moved),
    )


def compute_changes(
    state: LedgerState,
    before: Totals,
    known: Cells,
    reading: LedgerReading,
    live: Live,
    max_pairs: int,
    epoch: int,
    stamp: int,
    counted_jobs: Mapping[int, CountedJob] = NO_JOBS,
    resumes: Resumes = NO_RESUMES,
) -> LedgerChanges:
    """The changes of one step, with every known cell of its slots, and what is stored of its jobs."""
    new_epoch = epoch != state.epoch
    seen = fold(known, (cell for cell in reading.cells if cell[0].slot < reading.baseline_to))
    counted = fold(known, (cell for cell in reading.cells if cell[0].slot >= reading.baseline_to))
    finished = {**reading.initial_values, **_last_by_pair(seen), **_last_by_pair(counted)}
    attempts = _count_attempts(state, reading, counted_jobs)
    names = keep(before.names, {**attempts.live_pairs, **resumes, **live}, finished, reading.now, max_pairs)
    base = _drop_counts(before.series) if new_epoch else before.series
    grown: dict[Series, Tally] = {}
    for risen in (_last_only(seen, reading.initial_values), counted.risen, attempts.risen, resumed_series(resumes)):
        grown |= _add_to_totals({**base, **grown}, risen, names)
    progress = reading.progress if state.progress == reading.begun_from else state.progress
    return LedgerChanges(
        state=LedgerState(
            epoch=epoch,
            server=reading.server or state.server,
            late_rows=(0 if new_epoch else state.late_rows) + _late(counted, reading),
            stamp=stamp,
            progress=progress,
        ),
        fingerprints=reading.fingerprints,
        cells={**known, **seen.cells, **counted.cells},
        totals={**base, **grown} if new_epoch else grown,
        names=names,
        runs=collect_runs(reading.now, seen, counted),
        prune_to=_prune_to(state.progress, progress),
        counted_jobs=attempts.jobs,
    )


def totals_after(before: Totals, changed: LedgerChanges) -> Totals:
    """What is committed once the changes are."""
    series = {**before.series, **changed.totals}
    kept = {key: tally for key, tally in series.items() if is_named(changed.names, key)}
    return Totals(
        kept, changed.names, changed.state.epoch, changed.state.late_rows, changed.state.stamp,
        counts_attempts=counts_attempts(changed.state), counts_work=before.counts_work,
    )  # fmt: skip


def counts_attempts(state: LedgerState) -> bool:
    """Whether failed and rescued attempts are counted."""
    return state.progress is not None and state.progress.attempts_since is not None


def _count_attempts(
    state: LedgerState, reading: LedgerReading, counted_jobs: Mapping[int, CountedJob]
) -> AttemptChanges:
    """Another replica may have deleted what was stored since the reading: its `since` counts then."""
    if reading.attempts is None:
        return AttemptChanges()
    newest = state.progress.attempts_since if state.progress else None
    since = max(reading.attempts.since, newest or 0.0)
    return count_attempts(reading.attempts, counted_jobs, since, reading.now)


def has_fallen(shown: Totals, now: Totals) -> bool:
    """Whether a total is lower than what was already exported."""
    if shown.stamp == now.stamp or shown.epoch != now.epoch:
        return shown.epoch > now.epoch
    kept = ((series, tally) for series, tally in shown.series.items() if is_named(now.names, series))
    return now.late_rows < shown.late_rows or any(
        not now.series.get(series, NOTHING).holds(tally) for series, tally in kept
    )


def is_named(names: Names, series: Series) -> bool:
    """Whether a total is exported: its name is kept, or it is one of the folded rests."""
    if series.kind in {"", OTHER}:
        return series.queue in names.queues or series.queue == OTHER
    return (series.queue, series.kind) in names.pairs


def _last_by_pair(folded: FoldResult) -> dict[Pair, float]:
    last: dict[Pair, float] = {}
    for series, tally in folded.risen.items():
        if series.measure == "run" and not series.is_rest and tally.last is not None:
            pair = (series.queue, series.kind)
            last[pair] = max(tally.last, last.get(pair, tally.last))
    return last


def _last_only(seen: FoldResult, initial_values: Mapping[Pair, float]) -> dict[Series, Tally]:
    """The totals at the start of a ledger: the latest moments are known, the amounts are not."""
    known = _drop_counts(seen.risen)
    for (queue, kind), last in initial_values.items():
        series = Series("run", queue, kind, "completed")
        known[series] = known.get(series, NOTHING).plus(Tally(last=last))
    return known


def _drop_counts(totals: Mapping[Series, Tally]) -> dict[Series, Tally]:
    return {series: Tally(last=tally.last) for series, tally in totals.items()}


def _add_to_totals(totals: Mapping[Series, Tally], risen: Mapping[Series, Tally], names: Names) -> dict[Series, Tally]:
    """The totals that change, under the names they are exported by."""
    grown: dict[Series, Tally] = {}
    for series, tally in risen.items():
        queue, kind = names.queue(series.queue), ""
        if series.measure in BY_PAIR:
            queue, kind = names.pair((series.queue, series.kind or OTHER))
        name = Series(series.measure, queue, kind, series.label)
        grown[name] = grown.get(name, totals.get(name, NOTHING)).plus(tally)
    return grown


def _late(counted: FoldResult, reading: LedgerReading) -> int:
    """Jobs that were counted only when their slot was read again."""
    late = (key for key in counted.cells if key.series.measure == "run" and key.slot < reading.late_before)
    return sum(counted.rise[key] for key in late)


def _prune_to(before: ReadProgress | None, now: ReadProgress | None) -> int | None:
    if now is None or (before is not None and now.pruned_to <= before.pruned_to):
        return None
    return now.pruned_to
