"""What the ledger remembers from one collection to the next. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from riverkeeper.ledger.cells import CellKey, Series, Tally
from riverkeeper.ledger.learned_limits import NO_RUNS, Runs
from riverkeeper.ledger.names import NO_NAMES, Names, Pair
from riverkeeper.ledger.schedule import Progress


@dataclass(frozen=True, slots=True)
class State:
    """The ledger's one row. `server` is system identifier and timeline, None where it could not be told."""

    epoch: int = 1
    server: str | None = None
    late_rows: int = 0
    stamp: int = 0  # another random number at each write
    progress: Progress | None = None


class Seen(NamedTuple):
    """What is known of a slot beside its cells."""

    mark: int  # which rows were in it when it was last read
    closed: bool  # it had too many kinds to tell apart: one that has no cell of its own is in the rest


NEVER_SEEN = Seen(0, closed=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read in the reading transaction, to be folded in the writing one."""

    now: float
    begun_from: Progress | None  # as it was before this reading
    progress: Progress  # as it is after it
    marks: Mapping[int, int]  # slot -> which rows were in it, of the slots that were read
    marks_before: Mapping[int, int]  # … and as we knew them; 0: never read
    cells: tuple[tuple[CellKey, Tally], ...]
    known_before: int  # jobs of slots below this one are known from now on, not counted: the ledger begins here
    late_before: int  # slots below this one were read before: what is new there came late
    server: str | None
    seeds: Mapping[Pair, float]  # pair -> last finished, on a first start only


@dataclass(frozen=True, slots=True)
class Totals:
    """What is committed, and under which names."""

    series: Mapping[Series, Tally]
    names: Names
    epoch: int
    late_rows: int
    stamp: int  # of the state they were read with; one that nobody wrote where that is not sure


NO_TOTALS = Totals({}, NO_NAMES, 0, 0, -1)


@dataclass(frozen=True, slots=True)
class Changes:
    """What one collection changes, written together or not at all."""

    state: State
    marks: Mapping[int, int]
    cells: Mapping[CellKey, Tally]  # every one of the slots in `marks`
    totals: Mapping[Series, Tally]
    names: Names
    prune_to: int | None  # cells and marks of slots below this one may go; None: nothing to do yet
    runs: Runs = NO_RUNS  # completed runs that were counted now, for learnt limits
