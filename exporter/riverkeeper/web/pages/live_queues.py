"""The front page's table: how many live jobs has each queue, in which state, and how long has the first waited?"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from riverkeeper.scrape.scrape import Snapshot
from riverkeeper.verdict.job import Partition

STATES = ("available", "running", "retryable", "scheduled", "pending")  # the page's columns, in their order


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One queue."""

    name: str
    paused: bool
    counts: tuple[int | None, ...]  # one for each of STATES; None where it was not read, which is not 0
    estimated: frozenset[str]  # the states whose number is an estimate
    oldest_due: float | None  # seconds since the longest waiting available job became due


def queue_rows(snapshot: Snapshot) -> list[QueueRow]:
    """Queues with the most live jobs first, those of river_queue without any at the end."""
    waiting: dict[str, list[Partition]] = defaultdict(list)
    for one in snapshot.partitions or ():
        waiting[one.queue].append(one)
    running = _running(snapshot)
    paused = {queue.name: queue.paused for queue in snapshot.queues or ()}
    rows = [
        QueueRow(
            name=name,
            paused=paused.get(name, False),
            counts=_counts(snapshot, waiting[name], running[name]),
            estimated=frozenset(one.state for one in waiting[name] if one.estimated),
            oldest_due=_oldest_due(waiting[name], snapshot.now),
        )
        for name in waiting.keys() | running.keys() | paused.keys()
    ]
    return sorted(rows, key=lambda row: (-sum(number or 0 for number in row.counts), row.name))


def _running(snapshot: Snapshot) -> Counter[str]:
    running = Counter[str]()
    for pair in snapshot.running.pairs if snapshot.running else ():
        running[pair.queue] += pair.jobs
    return running


def _counts(snapshot: Snapshot, waiting: list[Partition], running: int) -> tuple[int | None, ...]:
    counts = Counter[str]()
    for one in waiting:
        counts[one.state] += one.jobs
    known: dict[str, int | None] = {state: None if snapshot.partitions is None else counts[state] for state in STATES}
    known["running"] = None if snapshot.running is None else running
    return tuple(known.values())


def _oldest_due(waiting: list[Partition], now: float | None) -> float | None:
    due = [one.first_at for one in waiting if one.state == "available" and one.due]
    return max(0.0, now - min(due)) if due and now is not None else None
