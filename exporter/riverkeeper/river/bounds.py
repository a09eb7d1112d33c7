"""How many entries to read of each part of the queue, so that a reading costs the same however long the queue. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

Key = TypeVar("Key")

MAX_PARTITIONS = 2_000  # of each state: 500 queues with all four priorities; a probe takes about 10 µs
# Entries of the index cost 0.1 µs each, and 0.6 µs while vacuum has not been there yet; rows of the table 1 to 2 µs.
FIRST_COUNT = 1_000  # index entries of every partition: most are shorter than this, and are then exact
FIRST_BUDGET = 50_000  # … of all of them together, while there are fewer than 2,000 of them
FIRST_LEAST = 25
COUNT_BUDGET = 50_000  # index entries of the longer ones together, when they are counted again
KIND_EXACT = 10_000  # rows of one (state, queue) that are read to tell its kinds …
KIND_BUDGET = 25_000  # … and of all of them together
SAMPLE_BUDGET = 10_000  # rows of the queues too long for that, to see what fails in them
SAMPLE_MOST = 1_000
SAMPLE_PAGES = (
    1_000  # of the table, where the planner knows nothing: jobs lie in clusters, and 20 pages of a state are few
)
MANY_RUNNING = 20_000  # so many that a reading visits their pages in order
MAX_RUNNING = 250_000  # running rows; River holds one for each worker slot, and these take a second
METADATA_INLINE = 2_000  # bytes as stored: up to here Postgres keeps a row's metadata in the row itself
METADATA_LARGE = 65_536  # more than this of one row is not looked into …
METADATA_BUDGET = 4 << 20  # … nor more than this of all rows over METADATA_INLINE: unpacked it may be a hundred times


def first_count(partitions: int) -> int:
    """How far to count every partition."""
    return max(FIRST_LEAST, min(FIRST_COUNT, FIRST_BUDGET // max(partitions, 1)))


def second_count(longer: int, first: int) -> int:
    """How far to count those that are longer than that; no further, where it would not be much further."""
    bound = COUNT_BUDGET // max(longer, 1)
    return bound if bound >= 2 * first else first


def kind_bounds(counts: Mapping[Key, int]) -> dict[Key, int]:
    """How many rows to read of each (state, queue): all of the short ones, shortest first, a sample of the rest."""
    bounds: dict[Key, int] = {}
    spent = 0
    for key, count in sorted(counts.items(), key=lambda item: item[1]):
        if count <= KIND_EXACT and spent + count <= KIND_BUDGET:
            bounds[key] = count + 1  # one more shows that the queue grew while it was being read
            spent += count
    longer = [key for key in counts if key not in bounds]
    sample = max(1, min(SAMPLE_MOST, SAMPLE_BUDGET // max(len(longer), 1)))
    return bounds | dict.fromkeys(longer, sample)


def spread(total: float, least: Mapping[Key, int], weights: Mapping[Key, float]) -> dict[Key, int]:
    """`total` shared out by weight, but to each at least what is known to be there."""
    shares: dict[Key, int] = {}
    while open_keys := least.keys() - shares.keys():
        rest, weight = total - sum(shares.values()), sum(weights[key] for key in open_keys) or 1.0
        fair = {key: round(rest * weights[key] / weight) for key in open_keys}
        short = {key: least[key] for key in open_keys if fair[key] <= least[key]}
        shares |= short or fair
    return shares
