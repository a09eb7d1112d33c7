"""The ledger's totals in the shape of the metrics page. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from riverkeeper.ledger.attempts import AttemptOutcome, RiverRescue
from riverkeeper.ledger.counts import (
    NO_AMOUNT,
    NO_DURATION,
    NOTHING,
    RUN_EDGES,
    WAIT_EDGES,
    Series,
    Tally,
    export_counts,
    latest,
)
from riverkeeper.ledger.names import OTHER, Names, Pair
from riverkeeper.ledger.update import Totals
from riverkeeper.river.layout import FINAL_STATES


@dataclass(frozen=True, slots=True)
class Histogram:
    """A cumulative past: `counts` as in Ages, over the exported edges."""

    counts: tuple[int, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class WorkTotals:
    """Work of attempts that did not complete."""

    resumed: int  # attempts that resumed from a checkpoint
    measured: int  # failed and rescued attempts whose lost work is known
    lost_seconds: float


@dataclass(frozen=True, slots=True)
class FinishedPair:
    """All that the ledger has counted of one (queue, kind) since its epoch began."""

    queue: str
    kind: str
    outcomes: Mapping[str, int]  # final state -> jobs; every final state is there
    run: Histogram  # completed jobs
    last_finished: float | None
    ended: Mapping[str, int] = field(default_factory=dict)  # AttemptOutcome -> attempts; empty: not counted
    rescued: Mapping[str, int] = field(default_factory=dict)  # RiverRescue -> rescues by River; empty: not counted
    work: WorkTotals | None = None  # lost and resumed; None: not counted


@dataclass(frozen=True, slots=True)
class Finished:
    """The ledger's committed totals."""

    pairs: tuple[FinishedPair, ...]
    waits: Mapping[tuple[str, int], Histogram]  # (queue, priority)
    last_claims: Mapping[str, float]  # by queue
    durable: bool
    late_rows: int
    epoch: int

    @property
    def last_finished(self) -> dict[Pair, float | None]:
        """When each pair of queue and kind last finished a job; the rests that have no name are left out."""
        return {(pair.queue, pair.kind): pair.last_finished for pair in self.pairs if pair.kind != OTHER}


def find_finished(totals: Totals, names: Names, *, durable: bool) -> Finished:
    """Every named pair, with zeros where nothing finished yet, and the rests folded into `other`."""
    series = totals.series
    rests = {(key.queue, key.kind) for key in series if key.kind == OTHER}
    pairs = sorted(names.pairs.keys() | rests)
    return Finished(
        pairs=tuple(_pair(totals, pair) for pair in pairs),
        waits={(key.queue, int(key.label)): _histogram(tally, WAIT_EDGES) for key, tally in _waits(series, names)},
        last_claims=_last_claims(series, names),
        durable=durable,
        late_rows=totals.late_rows,
        epoch=totals.epoch,
    )


def _pair(totals: Totals, pair: Pair) -> FinishedPair:
    series, counts_attempts = totals.series, totals.counts_attempts
    tallies = {state: series.get(Series("run", *pair, state), NOTHING) for state in FINAL_STATES}
    last = None
    for tally in tallies.values():
        last = latest(last, tally.last)
    return FinishedPair(
        queue=pair[0],
        kind=pair[1],
        outcomes={state: tally.jobs for state, tally in tallies.items()},
        run=_histogram(tallies["completed"], RUN_EDGES),
        last_finished=last,
        ended=_ended(series, pair, tallies["completed"].jobs) if counts_attempts else {},
        rescued=_counts(series, "rescued", pair, RiverRescue) if counts_attempts else {},
        work=_work(series, pair) if counts_attempts and totals.counts_work else None,
    )


def _work(series: Mapping[Series, Tally], pair: Pair) -> WorkTotals:
    measured, micros = series.get(Series("lost", *pair, ""), NOTHING).buckets.get(NO_DURATION, NO_AMOUNT)
    return WorkTotals(series.get(Series("resumed", *pair, ""), NOTHING).jobs, measured, micros / 1e6)


def _ended(series: Mapping[Series, Tally], pair: Pair, completed: int) -> dict[str, int]:
    return {**_counts(series, "attempt", pair, AttemptOutcome), AttemptOutcome.COMPLETED: completed}


def _counts(series: Mapping[Series, Tally], measure: str, pair: Pair, labels: Iterable[str]) -> dict[str, int]:
    return {label: series.get(Series(measure, *pair, label), NOTHING).jobs for label in labels}


def _histogram(tally: Tally, edges: tuple[float, ...]) -> Histogram:
    micros = sum(micros for bucket, (_, micros) in tally.buckets.items() if bucket != NO_DURATION)
    counts = ((bucket, jobs) for bucket, (jobs, _) in tally.buckets.items())
    return Histogram(export_counts(counts, edges), micros / 1e6)


def _waits(series: Mapping[Series, Tally], names: Names) -> list[tuple[Series, Tally]]:
    kept = names.queues.keys() | {OTHER}
    return [(key, tally) for key, tally in series.items() if key.measure == "wait" and key.queue in kept]


def _last_claims(series: Mapping[Series, Tally], names: Names) -> dict[str, float]:
    last: dict[str, float] = {}
    for key, tally in _waits(series, names):
        if tally.last is not None:
            last[key.queue] = max(tally.last, last.get(key.queue, tally.last))
    return last
