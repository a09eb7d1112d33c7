"""Was a process healthy at a moment, by evidence: the faults as done, its own pulses, and probes of the network. Pure.

A process that a busy machine starved is not healthy, and not hit by a fault either: such a stretch is evidence of its
own, so that it excuses a rescue openly and is counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from e2e.chaos.faults import ALL
from e2e.chaos.record import FOREVER, Process, Record, Trouble

PULSE_GAP = 1.0  # seconds; a process pulses four times a second
PROBE_GAP = 1.5  # the same for the harness's own probe, whose answer comes through a proxy
STARVED = "starved"
STOPPED = "stopped"
FROZEN = ("freeze", STARVED)
REPLICAS = "k"  # the places of replicas begin so; those of workers with w
RESET_SECONDS = 0.5  # how long a reset is felt: every connection is made anew


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time in which something was wrong."""

    kind: str
    begin: float
    end: float


class Evidence:
    """Answers questions about the processes of a record."""

    def __init__(self, record: Record) -> None:
        self._need = 2.5 * record.limits.interval + 0.5  # a beat may fail at its limit; the next tick's gets through
        self._timeout = record.limits.timeout
        self._stretches = {process.client: _stretches(record, process) for process in record.processes}

    def between(self, client: str, begin: float, end: float, kinds: Iterable[str] = ()) -> list[Stretch]:
        """What was wrong with a process between two moments; of these kinds, or of any."""
        wanted = tuple(kinds)
        return [
            stretch
            for stretch in self._stretches.get(client, [])
            if stretch.begin < end and stretch.end > begin and (not wanted or stretch.kind.startswith(wanted))
        ]

    def healthy(self, client: str, at: float, *, starving_excuses: bool) -> bool:
        """Whether a beat must have come within the timeout before a moment."""
        wrong = [
            stretch
            for stretch in self.between(client, at - self._timeout, at)
            if starving_excuses or stretch.kind != STARVED
        ]
        return longest_gap(wrong, at - self._timeout, at) >= min(self._need, self._timeout)


def longest_gap(stretches: Iterable[Stretch], begin: float, end: float) -> float:
    """The longest time between two moments in which nothing was wrong."""
    longest, free_since = 0.0, begin
    for stretch in sorted(stretches, key=lambda stretch: stretch.begin):
        longest = max(longest, stretch.begin - free_since)
        free_since = max(free_since, stretch.end)
    return max(longest, end - free_since)


def _stretches(record: Record, process: Process) -> list[Stretch]:
    found = [_felt(trouble) for trouble in record.troubles if _hits(trouble, process)]
    if process.end < record.end:
        found.append(Stretch(STOPPED, process.end, FOREVER))
    known = list(found)
    gaps = [*_gaps(record.pulses.get(process.client, []), PULSE_GAP), *_gaps(record.pulses.get("", []), PROBE_GAP)]
    found += [gap for gap in gaps if longest_gap(known, gap.begin, gap.end) > PULSE_GAP]
    return sorted(found, key=lambda stretch: stretch.begin)


def _hits(trouble: Trouble, process: Process) -> bool:
    return trouble.target in {ALL, process.place, process.client}


def _felt(trouble: Trouble) -> Stretch:
    return Stretch(trouble.kind, trouble.begin, max(trouble.end, trouble.begin + RESET_SECONDS))


def _gaps(moments: list[float], most: float) -> list[Stretch]:
    return [Stretch(STARVED, moment, other) for moment, other in pairwise(moments) if other - moment > most]
