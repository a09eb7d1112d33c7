"""Where a duration is counted: fine buckets inside, coarser ones on the metrics page. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

# Upper bounds on the page, seconds. Run times go from a no-op to half a day; waits end at a day of backlog.
RUN_EDGES: tuple[float, ...] = (
    0.01,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2.5,
    5,
    10,
    30,
    60,
    120,
    300,
    600,
    1800,
    3600,
    7200,
    14400,
    43200,
)
WAIT_EDGES: tuple[float, ...] = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)

# Twelve steps a decade (ratio at most 1.215): a quantile told as 2ab / (a + b) of its bucket (a, b] is off by less
# than 10 %. Every edge of the page is one of them too, so the page is exact. The ledger stores positions in EDGES:
# another list needs a migration of what is stored.
_STEPS = (1.0, 1.21, 1.47, 1.78, 2.15, 2.61, 3.16, 3.83, 4.64, 5.62, 6.81, 8.25)
_DECADES = (0.001, 0.01, 0.1, 1, 10, 100, 1000, 10000, 100000)
EDGES: tuple[float, ...] = tuple(
    sorted(
        {round(step * decade, 6) for decade in _DECADES for step in _STEPS} | {float(e) for e in RUN_EDGES + WAIT_EDGES}
    )
)
EDGES_MICROS: tuple[int, ...] = tuple(round(edge * 1_000_000) for edge in EDGES)

NO_DURATION = -1  # finished, but without a run time that means anything (cancelled while waiting, discarded …)


def bucket_of(micros: int) -> int:
    """Index of the bucket (EDGES[i-1], EDGES[i]] that holds a duration; len(EDGES) above all of them."""
    return bisect_left(EDGES_MICROS, micros)


def exported(counts: Iterable[tuple[int, int]], edges: tuple[float, ...]) -> tuple[int, ...]:
    """(fine bucket, jobs) as jobs per bucket of `edges` (which are all among EDGES) and one above them."""
    result = [0] * (len(edges) + 1)
    for bucket, jobs in counts:
        if bucket != NO_DURATION:
            result[_TO_PAGE[edges][bucket]] += jobs
    return tuple(result)


_TO_PAGE: dict[tuple[float, ...], tuple[int, ...]] = {
    edges: tuple(bisect_left(edges, fine) for fine in (*EDGES, float("inf"))) for edges in (RUN_EDGES, WAIT_EDGES)
}
