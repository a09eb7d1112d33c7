"""Bounds of what a scrape reads, so that its cost does not grow with the queue, and bucket edges of ages. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

Key = TypeVar("Key")

# An index entry costs 0.1 µs, or 0.6 µs where vacuum has not been since; a row of the table costs 1 to 2 µs.
MAX_PARTITIONS = 2_000  # (state, queue, priority) of each state: 500 queues with all four priorities; 10 µs for each
FIRST_COUNT = 1_000  # index entries of each partition in the first count, which is exact for most partitions
FIRST_BUDGET = 50_000  # index entries of the first count together
FIRST_LEAST = 25  # index entries of each partition, however many partitions there are
COUNT_BUDGET = 50_000  # index entries of the second count together, of the longer partitions
KIND_EXACT = 10_000  # rows of one (state, queue) whose kinds are counted exactly
KIND_BUDGET = 25_000  # those rows together
SAMPLE_BUDGET = 10_000  # rows of the longer (state, queue) together, as a sample of their kinds
SAMPLE_MOST = 1_000  # rows of one such sample
SAMPLE_PAGES = 1_000  # pages of the table, where the planner has no statistics; jobs of one state lie in clusters
MANY_RUNNING = 20_000  # from this many running rows on, a bitmap scan is cheaper
MAX_RUNNING = 250_000  # running rows, one for each worker slot; they take a second
METADATA_INLINE = 2_000  # bytes as stored: smaller metadata is in the row itself
METADATA_LARGE = 65_536  # bytes as stored: larger metadata is not read
METADATA_BUDGET = 4 << 20  # bytes as stored, of all rows over METADATA_INLINE; unpacked they may be 100 times as large
# Ages of running attempts, in seconds, up to a day.
AGE_EDGES = (1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 14400.0, 43200.0, 86400.0)
# Ages of heartbeats, in seconds: fine between one missed heartbeat and a dead worker.
BEAT_EDGES = (1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)


def first_count(partitions: int) -> int:
    """How many index entries the first count reads of each partition."""
    return max(FIRST_LEAST, min(FIRST_COUNT, FIRST_BUDGET // max(partitions, 1)))


def second_count(longer: int, first: int) -> int:
    """How many index entries the second count reads of each longer partition; `first` if it would gain little."""
    bound = COUNT_BUDGET // max(longer, 1)
    return bound if bound >= 2 * first else first


def kind_bounds(counts: Mapping[Key, int]) -> dict[Key, int]:
    """How many rows to read of each (state, queue): all of the short ones, shortest first, a sample of the others."""
    bounds: dict[Key, int] = {}
    spent = 0
    for key, count in sorted(counts.items(), key=lambda item: item[1]):
        if count <= KIND_EXACT and spent + count <= KIND_BUDGET:
            bounds[key] = count + 1  # one row more shows that the queue grew meanwhile
            spent += count
    longer = [key for key in counts if key not in bounds]
    sample = max(1, min(SAMPLE_MOST, SAMPLE_BUDGET // max(len(longer), 1)))
    return bounds | dict.fromkeys(longer, sample)


def spread(total: float, least: Mapping[Key, int], weights: Mapping[Key, float]) -> dict[Key, int]:
    """Divide `total` by weight; each key gets at least its `least`."""
    shares: dict[Key, int] = {}
    while open_keys := least.keys() - shares.keys():
        rest, weight = total - sum(shares.values()), sum(weights[key] for key in open_keys) or 1.0
        fair = {key: round(rest * weights[key] / weight) for key in open_keys}
        short = {key: least[key] for key in open_keys if fair[key] <= least[key]}
        shares |= short or fair
    return shares
